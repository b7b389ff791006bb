// Block signatures of files above WHOLE_FILE_BYTES_MAX as last shipped: xxh64 of each 64 KiB block. Bounded by bytes,
// least recently used out first; without a signature the target is asked for its own.

import type { Inode } from "./node-table.js";

export class SignatureCache {
  readonly #bytesMax: number;
  #bytes = 0;
  readonly #entries = new Map<Inode, BigUint64Array>();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(inode: Inode): BigUint64Array | undefined {
    const found = this.#entries.get(inode);
    if (found === undefined) return undefined;
    this.#entries.delete(inode);
    this.#entries.set(inode, found);
    return found;
  }

  set(inode: Inode, sums: BigUint64Array): void {
    this.delete(inode);
    if (sums.byteLength > this.#bytesMax) return;
    this.#entries.set(inode, sums);
    this.#bytes += sums.byteLength;
    for (const [oldest, held] of this.#entries) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#entries.delete(oldest);
      this.#bytes -= held.byteLength;
    }
  }

  delete(inode: Inode): void {
    const held = this.#entries.get(inode);
    if (held === undefined) return;
    this.#entries.delete(inode);
    this.#bytes -= held.byteLength;
  }
}
