// Compares a file with the block signatures of another copy, piece by piece. Nothing is sent.

import { closeFd, type FileStat, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, openAt, statAt } from "../fs/native.js";
import { BLOCK_BYTES, type BlockRange } from "../model/change.js";
import type { MirrorCheck } from "../model/mirror-port.js";
import { nextData, readFully, sumOf, sumsFromBytes } from "./content-reader.js";

/** Read between two looks at what else there is to do. */
const STEP_BLOCKS = 64;
const scratch = Buffer.allocUnsafeSlow(BLOCK_BYTES);
const ZERO_BLOCK_SUM = sumOf(Buffer.alloc(BLOCK_BYTES));

export class SumsCheck implements MirrorCheck {
  differingBytes = 0;
  readonly #fd: number;
  /** What is compared lies from here to there. */
  readonly #from: number;
  readonly #size: number;
  readonly #sums: BigUint64Array;
  #offset: number;
  /** No data lies between the offset and here. */
  #dataFrom = 0;

  private constructor(fd: number, size: number, sums: BigUint64Array, range: BlockRange | undefined) {
    this.#fd = fd;
    this.#from = (range?.first ?? 0) * BLOCK_BYTES;
    this.#offset = this.#from;
    this.#size = range === undefined ? size : Math.min(size, this.#from + range.count * BLOCK_BYTES);
    this.#sums = sums;
  }

  /** Null = the name is not that file any more, or cannot be read. */
  static open(dirfd: number, name: string, stat: FileStat, sums: Buffer, range?: BlockRange): SumsCheck | null {
    const fd = openAt(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return null;
    const opened = statAt(fd, "");
    if (typeof opened !== "number" && opened.ino === stat.ino && opened.dev === stat.dev) return new SumsCheck(fd, opened.size, sumsFromBytes(sums), range);
    closeFd(fd);
    return null;
  }

  step(): "more" | "done" | "vanished" {
    for (let block = 0; block < STEP_BLOCKS && this.#offset < this.#size; block++) {
      const length = Math.min(BLOCK_BYTES, this.#size - this.#offset);
      const sum = this.#sumOfBlock(length);
      if (sum === null) return "vanished";
      if (sum !== this.#sums[(this.#offset - this.#from) / BLOCK_BYTES]) this.differingBytes += length;
      this.#offset += length;
    }
    return this.#offset < this.#size ? "more" : "done";
  }

  #sumOfBlock(length: number): bigint | null {
    if (this.#dataFrom <= this.#offset) this.#dataFrom = nextData(this.#fd, this.#offset, this.#size)?.[0] ?? this.#size;
    if (length === BLOCK_BYTES && this.#dataFrom >= this.#offset + length) return ZERO_BLOCK_SUM;
    const read = readFully(this.#fd, scratch.subarray(0, length), this.#offset);
    return read === length ? sumOf(scratch.subarray(0, length)) : null;
  }

  close(): void {
    closeFd(this.#fd);
  }
}
