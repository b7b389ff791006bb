// The hash of a file that is rebuilt: of the xxh64 of each unit of its parts, in order. A part that is copied is cut into units where blocks of
// the file that it is copied from begin, so that a source which has found a block there knows the hash of the unit.

import xxhash from "@node-rs/xxhash";
import { BLOCK_BYTES } from "./change.js";

const GATHERED_BYTES = 4096;

export class PartsHash {
  readonly #all: InstanceType<typeof xxhash.Xxh64>;
  readonly #gathered = Buffer.alloc(GATHERED_BYTES);
  #bytes = 0;

  constructor(seed: bigint) {
    this.#all = new xxhash.Xxh64(seed);
  }

  /** The bytes of a whole unit. */
  add(bytes: Uint8Array): void {
    this.note(xxhash.xxh64(bytes));
  }

  note(sum: bigint): void {
    this.#gathered.writeBigUInt64LE(sum, this.#bytes);
    this.#bytes += 8;
    if (this.#bytes === GATHERED_BYTES) this.#flush();
  }

  /** Of all that came; nothing may come after. */
  digest(): bigint {
    this.#flush();
    return this.#all.digest();
  }

  #flush(): void {
    this.#all.update(this.#gathered.subarray(0, this.#bytes));
    this.#bytes = 0;
  }
}

/** The first unit of what is copied from `from` on. */
export function unitBytes(from: number, length: number): number {
  return Math.min(length, BLOCK_BYTES - (from % BLOCK_BYTES));
}
