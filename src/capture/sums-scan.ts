// Looks for the blocks of a file that differ from the signatures of another copy, piece by piece.

import { BLOCK_BYTES, type BlockRange } from "../model/change.js";
import { nextData, readFully, sumOf } from "./content-reader.js";

/** Read between two looks at what else there is to do. */
const STEP_BLOCKS = 64;
const scratch = Buffer.allocUnsafeSlow(BLOCK_BYTES);
const ZERO_BLOCK_SUM = sumOf(Buffer.alloc(BLOCK_BYTES));

export class SumsScan {
  /** What is compared lies from here to there. */
  readonly #from: number;
  readonly #size: number;
  readonly #sums: BigUint64Array;
  readonly #onDiffering: (block: number, bytes: number) => void;
  #offset: number;
  /** No data lies between the offset and here. */
  #dataFrom = 0;

  /** Of a file of `size` bytes. `sums`: of the blocks of the range, or of all. `onDiffering`: which it is, counted from the start of the file. */
  constructor(size: number, sums: BigUint64Array, range: BlockRange | undefined, onDiffering: (block: number, bytes: number) => void) {
    this.#from = (range?.first ?? 0) * BLOCK_BYTES;
    this.#offset = this.#from;
    this.#size = range === undefined ? size : Math.min(size, this.#from + range.count * BLOCK_BYTES);
    this.#sums = sums;
    this.#onDiffering = onDiffering;
  }

  /** One bounded piece of work on the file open at `fd`. "vanished": it is shorter than it was, or cannot be read. */
  step(fd: number): "more" | "done" | "vanished" {
    for (let count = 0; count < STEP_BLOCKS && this.#offset < this.#size; count++) {
      const length = Math.min(BLOCK_BYTES, this.#size - this.#offset);
      const sum = this.#sumOfBlock(fd, length);
      if (sum === null) return "vanished";
      if (sum !== this.#sums[(this.#offset - this.#from) / BLOCK_BYTES]) this.#onDiffering(this.#offset / BLOCK_BYTES, length);
      this.#offset += length;
    }
    return this.#offset < this.#size ? "more" : "done";
  }

  #sumOfBlock(fd: number, length: number): bigint | null {
    if (this.#dataFrom <= this.#offset) this.#dataFrom = nextData(fd, this.#offset, this.#size)?.[0] ?? this.#size;
    if (length === BLOCK_BYTES && this.#dataFrom >= this.#offset + length) return ZERO_BLOCK_SUM;
    const read = readFully(fd, scratch.subarray(0, length), this.#offset);
    return read === length ? sumOf(scratch.subarray(0, length)) : null;
  }
}
