// The hash of a small file's content: what source and target compare without sending it.

import xxhash from "@node-rs/xxhash";
import { WHOLE_FILE_BYTES_MAX } from "../model/change.js";
import { EINTR } from "./errno.js";
import { closeFd, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, openAt, preadFd } from "./native.js";

/** One byte more than a small file has: a larger one is told from it. */
const scratch = Buffer.allocUnsafeSlow(WHOLE_FILE_BYTES_MAX + 1);

/** xxh64 of the content of `name` below `dirfd`; null = it cannot be read, or is no small file. */
export function smallFileHash(dirfd: number, name: string): bigint | null {
  const fd = openAt(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return null;
  let got = 0;
  let read = 0;
  do {
    read = preadFd(fd, scratch.subarray(got), scratch.length - got, got);
    if (read > 0) got += read;
  } while ((read > 0 && got < scratch.length) || read === -EINTR);
  closeFd(fd);
  return read < 0 || got > WHOLE_FILE_BYTES_MAX ? null : xxhash.xxh64(scratch.subarray(0, got));
}
