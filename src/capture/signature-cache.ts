// Block signatures of files above WHOLE_FILE_BYTES_MAX as last shipped: xxh64 of each 64 KiB block. Bounded by bytes,
// least recently used out first; without a signature the target is asked for its own.

import { BLOCK_BYTES, type Extent } from "../model/change.js";
import type { Inode } from "./node-table.js";

/** In place of a signature: the block was shipped, but not as a whole. Equal to that of no block, but for one chance in 2^64. */
const UNKNOWN_SUM = 0n;

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

  /** The file has `size` bytes now, and other ones within `extents`. */
  forget(inode: Inode, extents: readonly Extent[], size: number): void {
    const held = this.#entries.get(inode);
    if (held === undefined) return;
    const blocks = Math.ceil(size / BLOCK_BYTES);
    const sums = held.length === blocks ? held : new BigUint64Array(blocks);
    if (sums !== held) {
      // The last block that both have may be cut, or longer now.
      const whole = Math.max(0, Math.min(held.length, blocks) - 1);
      sums.set(held.subarray(0, whole));
      this.set(inode, sums);
    } else if (blocks > 0) {
      sums[blocks - 1] = UNKNOWN_SUM;
    }
    for (const [offset, length] of extents) {
      sums.fill(UNKNOWN_SUM, Math.floor(offset / BLOCK_BYTES), Math.ceil((offset + length) / BLOCK_BYTES));
    }
  }

  delete(inode: Inode): void {
    const held = this.#entries.get(inode);
    if (held === undefined) return;
    this.#entries.delete(inode);
    this.#bytes -= held.byteLength;
  }
}
