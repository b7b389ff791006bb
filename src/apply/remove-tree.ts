// Removal of an entry and everything below it: never through a link, never into another mount, never into another mapped tree.

import { beat } from "../base/pulse.js";
import { EACCES, EBUSY, EISDIR, ELOOP, ENOENT, ENOTDIR, EPERM, EXDEV } from "../fs/errno.js";
import { chmodFd, closeFd, openDirectoryOfSameMount, statAt, unlinkAt } from "../fs/native.js";
import { type BytePath, displayPath, joinPath } from "../model/byte-path.js";
import type { ApplyContext } from "./apply-context.js";
import { chmodNoFollow } from "./attributes.js";
import { namesOf } from "./directory-names.js";
import { failed, problem, type Verdict } from "./verdict.js";

/** Removes `name` of the open directory; `path` is its name in answers. Absent is done. */
export function removeEntry(ctx: ApplyContext, dirfd: number, name: string, path: BytePath): Verdict {
  beat();
  const result = unlinkAt(dirfd, name, false);
  if (result === 0 || result === -ENOENT) return undefined;
  // POSIX lets unlink of a directory say EPERM, which an immutable file says too: looking tells.
  if (result !== -EISDIR && result !== -EPERM) return removalFailure(result, path);
  const stat = statAt(dirfd, name);
  if (typeof stat === "number") return stat === -ENOENT ? undefined : removalFailure(stat, path);
  if ((stat.mode & 0o170000) !== 0o040000) return removalFailure(result, path);
  return removeDirectory(ctx, dirfd, name, path);
}

function removeDirectory(ctx: ApplyContext, dirfd: number, name: string, path: BytePath): Verdict {
  let fd = openDirectoryOfSameMount(dirfd, name);
  if (fd === -EACCES && !ctx.privileges.overridesModes && chmodNoFollow(dirfd, name, 0o700) === 0) fd = openDirectoryOfSameMount(dirfd, name);
  if (fd === -ENOENT) return undefined;
  if (fd === -ENOTDIR || fd === -ELOOP) return removeEntry(ctx, dirfd, name, path);
  if (fd < 0) return removalFailure(fd, path);
  try {
    const verdict = emptyDirectory(ctx, fd, dirfd, path);
    if (verdict !== undefined) return verdict;
  } finally {
    closeFd(fd);
  }
  const result = unlinkAt(dirfd, name, true);
  return result === 0 || result === -ENOENT ? undefined : removalFailure(result, path);
}

function emptyDirectory(ctx: ApplyContext, fd: number, parentFd: number, path: BytePath): Verdict {
  const stat = statAt(fd, "");
  const above = statAt(parentFd, "");
  if (typeof stat === "number" || typeof above === "number") return removalFailure(typeof stat === "number" ? stat : (above as number), path);
  if (stat.dev !== above.dev) return removalFailure(-EXDEV, path);
  if (ctx.roots.isTop(stat)) return problem(path, "EBUSY", `${displayPath(path)} is not removed: it is another mapped directory of this connection`);
  if (!ctx.privileges.overridesModes && stat.uid === ctx.privileges.uid && (stat.mode & 0o700) !== 0o700) chmodFd(fd, 0o700);
  const names = namesOf(fd);
  if (typeof names === "number") return removalFailure(names, path);
  let first: Verdict;
  for (const name of names) {
    const verdict = removeEntry(ctx, fd, name, joinPath(path, name));
    if (verdict?.kind === "retry") return verdict;
    first ??= verdict;
  }
  return first;
}

function removalFailure(errno: number, path: BytePath): Verdict {
  if (-errno === EXDEV || -errno === EBUSY) return problem(path, "EBUSY", `${displayPath(path)} is not removed: another file system is mounted there`);
  return failed(errno, "remove", path);
}
