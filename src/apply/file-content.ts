// Content of a regular file through an open descriptor: extents, holes, final size.

import { constants } from "node:os";
import { EINTR, EINVAL, ENOTSUP } from "../fs/errno.js";
import { allocateFd, FALLOC_PUNCH_HOLE_KEEP_SIZE, pwriteFd, truncateFd } from "../fs/native.js";
import type { Extent, FileChange } from "../model/change.js";
import { failed, type Verdict } from "./verdict.js";

const ZEROS = Buffer.alloc(64 * 1024);

/** Writes what the change brings into a file of `size` bytes, and cuts it to length when this is the last part. */
export function writeContent(fd: number, change: FileChange, size: number): Verdict {
  for (const [offset, length] of change.holes) {
    const result = punch(fd, offset, Math.min(length, size - offset));
    if (result < 0) return failed(result, "make a hole in", change.path);
  }
  const end = writeExtents(fd, change.extents, change.payload);
  if (end < 0) return failed(end, "write", change.path);
  if (change.meta === null || Math.max(size, end) === change.size) return undefined;
  const result = truncateFd(fd, change.size);
  return result < 0 ? failed(result, "set the size of", change.path) : undefined;
}

/** End of the last extent, or the negative errno. */
function writeExtents(fd: number, extents: readonly Extent[], payload: Buffer): number {
  let from = 0;
  let end = 0;
  for (const [offset, length] of extents) {
    const result = writeAll(fd, from === 0 && length === payload.length ? payload : payload.subarray(from, from + length), offset);
    if (result < 0) return result;
    from += length;
    if (length > 0) end = offset + length;
  }
  return end;
}

/** 0, or the negative errno. */
export function writeAll(fd: number, bytes: Buffer, offset: number): number {
  for (let done = 0; done < bytes.length; ) {
    const written = pwriteFd(fd, done === 0 ? bytes : bytes.subarray(done), bytes.length - done, offset + done);
    if (written === -EINTR) continue;
    if (written === 0) return -constants.errno.EIO;
    if (written < 0) return written;
    done += written;
  }
  return 0;
}

function punch(fd: number, offset: number, length: number): number {
  if (length <= 0) return 0;
  const result = allocateFd(fd, FALLOC_PUNCH_HOLE_KEEP_SIZE, offset, length);
  if (result !== -ENOTSUP && result !== -constants.errno.ENOSYS && result !== -EINVAL) return result;
  // A file system without holes: zeros read the same.
  for (let at = offset; at < offset + length; at += ZEROS.length) {
    const written = writeAll(fd, ZEROS.subarray(0, Math.min(ZEROS.length, offset + length - at)), at);
    if (written < 0) return written;
  }
  return 0;
}
