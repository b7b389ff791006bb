// What is no directory, copied to a name that is free: content, link or device. Its attributes are the caller's.

import { beat } from "../base/pulse.js";
import {
  closeFd,
  type FileStat,
  mknodAt,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  openAt,
  preadFd,
  readlinkAt,
  symlinkAt,
  truncateFd,
} from "../fs/native.js";
import { typeOf } from "./attributes.js";
import { writeAll } from "./file-content.js";

const CHUNK_BYTES = 1024 * 1024;
/** Until its owner and attributes are right, nobody else reads it. */
const PRIVATE_MODE = 0o600;
const ZEROS = Buffer.alloc(CHUNK_BYTES);

/** 0, or the negative errno. `stat`: of what `from` names. */
export function copyEntry(dirfd: number, from: string, stat: FileStat, toDirfd: number, name: string): number {
  switch (typeOf(stat)) {
    case "file":
      return copyContent(dirfd, from, toDirfd, name);
    case "symlink": {
      const target = readlinkAt(dirfd, from);
      return typeof target === "number" ? target : symlinkAt(target, toDirfd, name);
    }
    default:
      return mknodAt(toDirfd, name, stat.mode, stat.rdevMajor, stat.rdevMinor);
  }
}

function copyContent(dirfd: number, from: string, toDirfd: number, name: string): number {
  const source = openAt(dirfd, from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (source < 0) return source;
  const target = openAt(toDirfd, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, PRIVATE_MODE);
  const result = target < 0 ? target : copyBytes(source, target);
  closeFd(source);
  const closed = target < 0 ? 0 : closeFd(target);
  return result < 0 ? result : closed;
}

/** What is empty stays a hole. */
function copyBytes(source: number, target: number): number {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let at = 0; ; ) {
    beat();
    const got = preadFd(source, chunk, chunk.length, at);
    if (got < 0) return got;
    if (got === 0) return truncateFd(target, at);
    const isHole = chunk.compare(ZEROS, 0, got, 0, got) === 0;
    const written = isHole ? 0 : writeAll(target, chunk.subarray(0, got), at);
    if (written < 0) return written;
    at += got;
  }
}
