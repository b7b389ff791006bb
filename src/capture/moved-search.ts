// Finds what a receiver has of a large file. It has told an index of all its blocks: where they are is found at any offset. Then it is asked
// for an index of small blocks, of those that were found nowhere.

import type { FileStat } from "../fs/native.js";
import { BLOCK_BYTES, type FileBase, type IndexAnswer } from "../model/change.js";
import { ALL_BLOCKS } from "../model/index-blocks.js";
import type { BlockIndex } from "./block-index.js";
import { blockCount, isSparse, nextData, sumOf } from "./content-reader.js";
import { FoundParts } from "./found-parts.js";
import { fineQuestion, type IndexQuestion, indexOf } from "./index-question.js";
import { RollingSearch } from "./rolling-search.js";

/** "lost": the receiver's file is not what it was when this began. */
export type SearchStep = "more" | "done" | "lost" | IndexQuestion | number;

const FINE_BYTES_MIN = 2048;
const FINE_COUNT_MAX = 32 * 1024;
/** Where nothing was found by larger blocks, little is to be hoped for. */
const FINE_COUNT_MAX_HOPELESS = 8 * 1024;
const STEP_BYTES = 16 * 1024 * 1024;
const ZERO_BLOCK_SUM = sumOf(Buffer.alloc(BLOCK_BYTES));

interface Search {
  readonly search: RollingSearch;
  readonly bytes: number;
}

export class MovedSearch {
  readonly parts = new FoundParts();
  /** Signatures of the receiver's file, block by block. */
  readonly against: BigUint64Array;
  readonly canRebuild: boolean;
  /** Of the small blocks, once they were asked for: good for what lies at its place, also when the search is lost. */
  fine: BlockIndex | null = null;
  readonly #stat: FileStat;
  readonly #base: FileBase;
  #coarse: BlockIndex | null;
  #question: IndexQuestion | null = null;
  /** What is still to be searched, the next last; null = not begun. */
  #searches: Search[] | null = null;
  #isLost = false;

  constructor(stat: FileStat, base: FileBase, { canRebuild, entries }: IndexAnswer) {
    this.#stat = stat;
    this.#base = base;
    this.canRebuild = canRebuild;
    this.#coarse = indexOf({ blockBytes: BLOCK_BYTES, ranges: ALL_BLOCKS }, base, entries);
    this.#isLost = this.#coarse === null;
    this.against = this.#coarse?.sums ?? new BigUint64Array(0);
  }

  /** One bounded piece of work, or a question, whose answer `take` is to be given before the next step. */
  step(fd: number): SearchStep {
    if (this.#isLost) return "lost";
    if (this.#coarse !== null) this.#searches ??= this.#searchesOfAll(fd, this.#coarse).reverse();
    const searches = this.#searches ?? [];
    for (let bytes = 0; bytes < STEP_BYTES; ) {
      const next = searches.at(-1);
      if (next === undefined) return this.#end();
      const result = next.search.step(fd);
      if (typeof result === "number") return result;
      bytes += Math.min(RollingSearch.stepBytes, next.bytes);
      if (result === "done") searches.pop();
    }
    return "more";
  }

  take({ base, entries }: IndexAnswer): void {
    const question = this.#question;
    this.#question = null;
    const isSame = base?.size === this.#base.size && base.mtimeSec === this.#base.mtimeSec && base.mtimeNsec === this.#base.mtimeNsec;
    const index = question !== null && base !== null ? indexOf(question, base, entries) : null;
    this.fine = index;
    if (index === null || !isSame) {
      this.#isLost = true;
      return;
    }
    const gaps = this.parts.gaps(this.#stat.size).filter(({ extent }) => extent[1] >= index.blockBytes);
    this.#searches = gaps.map(({ extent, expected }) => ({ search: new RollingSearch(index, extent, expected, this.#found), bytes: extent[1] })).reverse();
  }

  readonly #found = (at: number, length: number, from: number): void => this.parts.add(at, length, from);

  #end(): "done" | IndexQuestion {
    if (this.#coarse === null) return "done";
    this.#coarse = null;
    return this.#askFine() ?? "done";
  }

  /** Holes are not read: a block that is all zeros at the same offset is found, others are told as holes. */
  #searchesOfAll(fd: number, index: BlockIndex): Search[] {
    const { size } = this.#stat;
    const searches: Search[] = [];
    const searchIn = (start: number, end: number): void => {
      if (end > start) searches.push({ search: new RollingSearch(index, [start, end - start], start, this.#found), bytes: end - start });
    };
    if (!isSparse(this.#stat)) {
      searchIn(0, size);
      return searches;
    }
    let end = 0;
    for (let data = nextData(fd, 0, size); data !== null; data = nextData(fd, end, size)) {
      const start = Math.max(end, Math.floor(data[0] / BLOCK_BYTES) * BLOCK_BYTES);
      this.#findZeros(index, end, start);
      end = Math.min(size, Math.ceil((data[0] + data[1]) / BLOCK_BYTES) * BLOCK_BYTES);
      searchIn(start, end);
    }
    this.#findZeros(index, end, size);
    return searches;
  }

  #findZeros({ sums }: BlockIndex, from: number, until: number): void {
    for (let at = from; at + BLOCK_BYTES <= until; at += BLOCK_BYTES) if (sums[at / BLOCK_BYTES] === ZERO_BLOCK_SUM) this.parts.add(at, BLOCK_BYTES, at);
  }

  /** Asks for what was found nowhere, unless the answer would be longer than what could be found by it. */
  #askFine(): IndexQuestion | null {
    const gapBytes = this.parts.gaps(this.#stat.size).reduce((sum, { extent }) => sum + extent[1], 0);
    const left = this.#unfound();
    const countMax = this.parts.list.length > 0 ? FINE_COUNT_MAX : FINE_COUNT_MAX_HOPELESS;
    const question = fineQuestion(left, FINE_BYTES_MIN, countMax);
    if (question === null || gapBytes <= question.answerBytes) return null;
    this.#question = question;
    return question;
  }

  /** Blocks of the receiver's file of which nothing is part of this one. */
  #unfound(): number[] {
    const isFound = new Uint8Array(blockCount(this.#base.size));
    for (const { from, length } of this.parts.list) isFound.fill(1, Math.floor(from / BLOCK_BYTES), Math.ceil((from + length) / BLOCK_BYTES));
    const blocks: number[] = [];
    isFound.forEach((found, block) => {
      if (found === 0) blocks.push(block);
    });
    return blocks;
  }
}
