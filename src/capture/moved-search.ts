// Finds what a receiver has of a large file, with as few questions as it takes: blocks at the same offset by the signatures that it told;
// where many in a row differ, blocks at any offset; then, by an index of small blocks, what is left of those that were found nowhere.

import type { FileStat } from "../fs/native.js";
import { BLOCK_BYTES, type FileBase, type IndexAnswer } from "../model/change.js";
import { indexOffsets } from "../model/index-blocks.js";
import { BlockIndex } from "./block-index.js";
import { blockCount } from "./content-reader.js";
import { FoundParts } from "./found-parts.js";
import { RollingSearch } from "./rolling-search.js";
import { SameBlocks } from "./same-blocks.js";

export interface IndexQuestion {
  readonly blockBytes: number;
  readonly ranges: readonly number[];
}

/** "lost": the file, or the receiver's, is not what it was when this began. */
export type SearchStep = "more" | "done" | "lost" | IndexQuestion | number;

/** What was overwritten in place differs in rows shorter than this. */
const MOVED_RUN_MIN = 4;
/** Above this the index of a file is not asked for (64 GiB). */
const COARSE_BLOCKS_MAX = 1024 * 1024;
const FINE_BYTES_MIN = 1024;
const FINE_BYTES_MAX = 16 * 1024;
const FINE_COUNT_MAX = 64 * 1024;
/** Where nothing was found by larger blocks, little is to be hoped for. */
const FINE_COUNT_MAX_HOPELESS = 16 * 1024;
const STEP_BYTES = 4 * 1024 * 1024;

export class MovedSearch {
  readonly parts = new FoundParts();
  readonly #size: number;
  readonly #base: FileBase;
  readonly #same: SameBlocks;
  #phase: "same" | "coarse" | "fine" = "same";
  #question: IndexQuestion | null = null;
  /** What is still to be searched, the next last. */
  #searches: { readonly search: RollingSearch; readonly bytes: number }[] = [];
  canRebuild = false;
  #isLost = false;

  /** `against`, `base`: the signatures of the receiver's file, and what it was then. */
  constructor(stat: FileStat, against: BigUint64Array, base: FileBase) {
    this.#size = stat.size;
    this.#base = base;
    this.#same = new SameBlocks(stat, against, this.parts);
  }

  get sums(): BigUint64Array {
    return this.#same.sums;
  }

  /** One bounded piece of work, or a question, whose answer `take` is to be given before the next step. */
  step(fd: number): SearchStep {
    if (this.#isLost) return "lost";
    if (this.#phase === "same") {
      const result = this.#same.step(fd);
      if (result !== "done") return result;
      if (this.#same.isCut) return "lost";
      return this.#askCoarse() ?? this.#askFine() ?? "done";
    }
    for (let bytes = 0; bytes < STEP_BYTES; ) {
      const next = this.#searches.at(-1);
      if (next === undefined) return (this.#phase === "coarse" ? this.#askFine() : null) ?? "done";
      const result = next.search.step(fd);
      if (typeof result === "number") return result;
      bytes += Math.min(STEP_BYTES, next.bytes);
      if (result === "done") this.#searches.pop();
    }
    return "more";
  }

  take({ base, canRebuild, entries }: IndexAnswer): void {
    const question = this.#question;
    this.#question = null;
    const isSame = base?.size === this.#base.size && base.mtimeSec === this.#base.mtimeSec && base.mtimeNsec === this.#base.mtimeNsec;
    if (question === null || !isSame) {
      this.#isLost = true;
      return;
    }
    this.canRebuild = canRebuild;
    const index = new BlockIndex(question.blockBytes, indexOffsets(question.ranges, question.blockBytes, base.size), entries);
    const found = (at: number, length: number, from: number): void => this.parts.add(at, length, from);
    for (const { extent, expected } of this.parts.gaps(this.#size)) {
      if (extent[1] >= question.blockBytes) this.#searches.push({ search: new RollingSearch(index, extent, expected, found), bytes: extent[1] });
    }
    this.#searches.reverse();
  }

  #askCoarse(): IndexQuestion | null {
    const blocks = Math.floor(this.#base.size / BLOCK_BYTES);
    this.#phase = "coarse";
    if (this.#same.longestRun < MOVED_RUN_MIN || blocks > COARSE_BLOCKS_MAX) return null;
    return this.#ask(BLOCK_BYTES, [0, blocks]);
  }

  /** Asks for what was found nowhere, unless the answer would be longer than what could be found by it. */
  #askFine(): IndexQuestion | null {
    this.#phase = "fine";
    const { list } = this.parts;
    const gapBytes = this.parts.gaps(this.#size).reduce((sum, { extent }) => sum + extent[1], 0);
    const countMax = list.length > 0 ? FINE_COUNT_MAX : FINE_COUNT_MAX_HOPELESS;
    const left = this.#unfound();
    let blockBytes = FINE_BYTES_MIN;
    while (blockBytes < FINE_BYTES_MAX && (left.length * BLOCK_BYTES) / blockBytes > countMax) blockBytes *= 2;
    const asked = left.slice(0, Math.floor((countMax * blockBytes) / BLOCK_BYTES));
    const answerBytes = ((asked.length * BLOCK_BYTES) / blockBytes) * 12;
    return asked.length === 0 || gapBytes < answerBytes ? null : this.#ask(blockBytes, rangesOf(asked));
  }

  #ask(blockBytes: number, ranges: readonly number[]): IndexQuestion {
    this.#question = { blockBytes, ranges };
    return this.#question;
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

function rangesOf(blocks: readonly number[]): number[] {
  const ranges: number[] = [];
  for (const block of blocks) {
    const at = ranges.length - 2;
    if (at >= 0 && (ranges[at] as number) + (ranges[at + 1] as number) === block) ranges[at + 1] = (ranges[at + 1] as number) + 1;
    else ranges.push(block, 1);
  }
  return ranges;
}
