// Which blocks of a file an index tells of: both sides count them in the same way.

import { BLOCK_BYTES } from "./change.js";

/** Every block of any file. */
export const ALL_BLOCKS: readonly number[] = [0, 2 ** 32];

/**
 * Where each block of `blockBytes` in these ranges (first of some blocks of BLOCK_BYTES, count, …) of a file of `size` bytes begins. The last
 * block of the file may be short; it is told if blocks are as large as can be, and otherwise left out.
 */
export function indexOffsets(ranges: readonly number[], blockBytes: number, size: number): Float64Array {
  const offsets = new Float64Array(indexCount(ranges, blockBytes, size));
  let at = 0;
  for (let i = 0; i < ranges.length; i += 2) {
    const start = (ranges[i] as number) * BLOCK_BYTES;
    for (let n = countIn(ranges, i, blockBytes, size), offset = start; n > 0; n--, offset += blockBytes) offsets[at++] = offset;
  }
  return offsets;
}

/** How many these are. */
export function indexCount(ranges: readonly number[], blockBytes: number, size: number): number {
  let count = 0;
  for (let i = 0; i < ranges.length; i += 2) count += countIn(ranges, i, blockBytes, size);
  return count;
}

function countIn(ranges: readonly number[], index: number, blockBytes: number, size: number): number {
  const start = (ranges[index] as number) * BLOCK_BYTES;
  const end = Math.min(size, start + (ranges[index + 1] as number) * BLOCK_BYTES);
  const blocks = (end - start) / blockBytes;
  return Math.max(0, blockBytes === BLOCK_BYTES ? Math.ceil(blocks) : Math.floor(blocks));
}
