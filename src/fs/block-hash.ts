// The hash of a large content that comes in pieces of any length: of the xxh64 of each of its blocks, which are told as well.

import xxhash from "@node-rs/xxhash";
import { BLOCK_BYTES } from "../model/change.js";

const GATHERED_BYTES = 8 * 512;

export class BlockHash {
  readonly #all: InstanceType<typeof xxhash.Xxh64>;
  readonly #block = new xxhash.Xxh64(0n);
  readonly #gathered = Buffer.alloc(GATHERED_BYTES);
  #gatheredBytes = 0;
  /** Of the block that is not complete. */
  #length = 0;
  #count = 0;
  readonly #sums: BigUint64Array | null;

  /** `sums`: where the hash of each block is noted. */
  constructor(seed: bigint, sums: BigUint64Array | null = null) {
    this.#all = new xxhash.Xxh64(seed);
    this.#sums = sums;
  }

  update(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + BLOCK_BYTES - this.#length);
      at += piece.length;
      if (piece.length === BLOCK_BYTES) {
        this.#note(xxhash.xxh64(piece));
        continue;
      }
      this.#block.update(piece);
      this.#length += piece.length;
      if (this.#length === BLOCK_BYTES) this.#endBlock();
    }
  }

  /** Of all that came; nothing may come after. */
  digest(): bigint {
    if (this.#length > 0) this.#endBlock();
    this.#flush();
    return this.#all.digest();
  }

  #endBlock(): void {
    this.#note(this.#block.digest());
    this.#block.reset(0n);
    this.#length = 0;
  }

  #note(sum: bigint): void {
    if (this.#sums !== null) this.#sums[this.#count] = sum;
    this.#count += 1;
    this.#gathered.writeBigUInt64LE(sum, this.#gatheredBytes);
    this.#gatheredBytes += 8;
    if (this.#gatheredBytes === GATHERED_BYTES) this.#flush();
  }

  #flush(): void {
    this.#all.update(this.#gathered.subarray(0, this.#gatheredBytes));
    this.#gatheredBytes = 0;
  }
}
