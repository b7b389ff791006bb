// The size of a file up to which the bytes that an event told of can be read.

import { fsError } from "../fs/errno.js";
import { statAt } from "../fs/native.js";
import { waitForWriters } from "../fs/settle.js";
import { type DirtyInode, MARK_UNSETTLED } from "./range-table.js";
import type { TraceFileSystem } from "./trace-volume.js";

/**
 * To be called before the ranges of `dirty` are read from `fd`, and to be believed instead of an earlier look: the size
 * follows the bytes by a moment, and no further event comes when it does. Waits for a write that is under way only when
 * the event may be ahead of its effect.
 */
export function settledSize(fd: number, kind: TraceFileSystem, dirty: Pick<DirtyInode, "marks" | "reach">): number {
  if ((dirty.marks & MARK_UNSETTLED) === 0) {
    const size = sizeOf(fd);
    if (dirty.reach <= size) return size;
  }
  waitForWriters(fd, kind === "xfs" ? "fiemap" : "seek");
  return sizeOf(fd);
}

function sizeOf(fd: number): number {
  const stat = statAt(fd, "");
  if (typeof stat === "number") throw fsError(stat, "look at", "a file that was written");
  return stat.size;
}
