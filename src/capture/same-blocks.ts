// Which blocks of a file a receiver has at the same offset, by the signatures of its copy.

import type { FileStat } from "../fs/native.js";
import { BLOCK_BYTES } from "../model/change.js";
import { blockCount, isSparse, nextData, readFully, sumOf } from "./content-reader.js";
import type { FoundParts } from "./found-parts.js";

const STEP_BYTES = 16 * 1024 * 1024;
const scratch = Buffer.allocUnsafeSlow(16 * BLOCK_BYTES);
const ZERO_BLOCK_SUM = sumOf(Buffer.alloc(BLOCK_BYTES));

export class SameBlocks {
  /** Of this file. */
  readonly sums: BigUint64Array;
  /** The most blocks in a row that differ, of those that the receiver has something of. */
  longestRun = 0;
  /** Shorter than it was: it changed meanwhile. */
  isCut = false;
  readonly #against: BigUint64Array;
  readonly #parts: FoundParts;
  readonly #size: number;
  readonly #mayHaveHoles: boolean;
  #offset = 0;
  #run = 0;
  /** No data lies between the offset and here. */
  #dataFrom = 0;

  constructor(stat: FileStat, against: BigUint64Array, parts: FoundParts) {
    this.#size = stat.size;
    this.#mayHaveHoles = isSparse(stat);
    this.#against = against;
    this.#parts = parts;
    this.sums = new BigUint64Array(blockCount(stat.size));
  }

  step(fd: number): "more" | "done" | number {
    for (let scanned = 0; scanned < STEP_BYTES && this.#offset < this.#size; ) {
      if (this.#isHole(fd)) {
        this.#take(ZERO_BLOCK_SUM, BLOCK_BYTES);
        continue;
      }
      const wanted = Math.min(scratch.length, this.#size - this.#offset);
      const got = readFully(fd, scratch.subarray(0, wanted), this.#offset);
      if (got < 0) return got;
      if (got < wanted) {
        this.isCut = true;
        return "done";
      }
      for (let at = 0; at < got; at += BLOCK_BYTES) {
        const block = scratch.subarray(at, Math.min(got, at + BLOCK_BYTES));
        this.#take(sumOf(block), block.length);
      }
      scanned += got;
    }
    return this.#offset < this.#size ? "more" : "done";
  }

  #isHole(fd: number): boolean {
    if (!this.#mayHaveHoles || this.#offset + BLOCK_BYTES > this.#size) return false;
    if (this.#dataFrom <= this.#offset) this.#dataFrom = nextData(fd, this.#offset, this.#size)?.[0] ?? this.#size;
    return this.#dataFrom >= this.#offset + BLOCK_BYTES;
  }

  #take(sum: bigint, length: number): void {
    const index = this.#offset / BLOCK_BYTES;
    this.sums[index] = sum;
    const isSame = index < this.#against.length && this.#against[index] === sum;
    if (isSame) this.#parts.add(this.#offset, length, this.#offset);
    this.#run = isSame || index >= this.#against.length ? 0 : this.#run + 1;
    this.longestRun = Math.max(this.longestRun, this.#run);
    this.#offset += length;
  }
}
