// A question to a receiver for signatures of parts of its copy of a file, and what its answer is good for.

import { BLOCK_BYTES, type FileBase, INDEX_ENTRY_BYTES } from "../model/change.js";
import { indexCount, indexOffsets } from "../model/index-blocks.js";
import { BlockIndex } from "./block-index.js";

/** Blocks of `blockBytes`, in these ranges (first of some blocks of BLOCK_BYTES, count, …). */
export interface IndexQuestion {
  readonly blockBytes: number;
  readonly ranges: readonly number[];
}

const FINE_BYTES_MAX = 16 * 1024;

/** After small blocks of these, of `bytesMin` or more, as many as `countMax`: the first, where they are too many. Null = of none. */
export function fineQuestion(blocks: readonly number[], bytesMin: number, countMax: number): (IndexQuestion & { readonly answerBytes: number }) | null {
  let blockBytes = bytesMin;
  while (blockBytes < FINE_BYTES_MAX && (blocks.length * BLOCK_BYTES) / blockBytes > countMax) blockBytes *= 2;
  const asked = blocks.slice(0, Math.floor((countMax * blockBytes) / BLOCK_BYTES));
  if (asked.length === 0) return null;
  return { blockBytes, ranges: rangesOf(asked), answerBytes: ((asked.length * BLOCK_BYTES) / blockBytes) * INDEX_ENTRY_BYTES };
}

/** Null when the answer does not fit the question. */
export function indexOf({ blockBytes, ranges }: IndexQuestion, { size }: FileBase, entries: Buffer): BlockIndex | null {
  if (indexCount(ranges, blockBytes, size) * INDEX_ENTRY_BYTES !== entries.length) return null;
  return new BlockIndex(blockBytes, indexOffsets(ranges, blockBytes, size), size, entries);
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
