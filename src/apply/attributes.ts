// Owner, mode, extended attributes, mtime: in this order, because a change of owner drops set-id bits and capabilities,
// an ACL rewrites the mode, and everything moves times.

import { statfsSync } from "node:fs";
import { constants } from "node:os";
import { procPath } from "../fs/confined-root.js";
import { EACCES, ENOSPC, EPERM, errnoName } from "../fs/errno.js";
import {
  AT_FDCWD,
  chmodAt,
  chmodFd,
  chownAt,
  chownFd,
  closeFd,
  type FileStat,
  O_NOFOLLOW,
  O_PATH,
  openAt,
  setMtimeAt,
  setMtimeFd,
  statAt,
} from "../fs/native.js";
import { writeXattrs, type XattrFailure } from "../fs/xattrs.js";
import { type BytePath, displayPath } from "../model/byte-path.js";
import type { EntryType, Meta, RootIndex } from "../model/change.js";
import { type ApplyContext, reportProblem } from "./apply-context.js";
import { canHeal, failed, type Verdict } from "./verdict.js";

const S_IFMT = 0o170000;
const BLOCKS_FREE_MIN = 1024;

export function typeOf(stat: FileStat): EntryType {
  switch (stat.mode & S_IFMT) {
    case 0o040000:
      return "dir";
    case 0o100000:
      return "file";
    case 0o120000:
      return "symlink";
    default:
      return "special";
  }
}

/** Where the attributes go: an open descriptor, or one name of a directory, whose last component is never followed. */
export interface AttributePlace {
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly fd: number;
  readonly dirfd: number;
  readonly name: string;
}

/** Makes the attributes those of `meta`. `current` is what is there now. */
export function applyMeta(ctx: ApplyContext, place: AttributePlace, current: FileStat, meta: Meta): Verdict {
  const isSymlink = typeOf(current) === "symlink";
  const owner = applyOwner(ctx, place, current, meta);
  if (owner.verdict !== undefined) return owner.verdict;
  if (!isSymlink && (owner.changed || (current.mode & 0o7777) !== meta.mode)) {
    const result = place.fd >= 0 ? chmodFd(place.fd, meta.mode) : chmodNoFollow(place.dirfd, place.name, meta.mode);
    if (result < 0) return failed(result, "set the mode of", place.path);
  }
  const verdict = applyXattrs(ctx, place, meta, isSymlink || typeOf(current) === "special");
  if (verdict !== undefined) return verdict;
  return applyMtime(place, meta);
}

export function applyMtime(place: AttributePlace, meta: Meta): Verdict {
  const result = place.fd >= 0 ? setMtimeFd(place.fd, meta.mtimeSec, meta.mtimeNsec) : setMtimeAt(place.dirfd, place.name, meta.mtimeSec, meta.mtimeNsec);
  return result < 0 ? failed(result, "set the time of", place.path) : undefined;
}

function applyOwner(ctx: ApplyContext, place: AttributePlace, current: FileStat, meta: Meta): { changed: boolean; verdict: Verdict } {
  const uid = ctx.privileges.canChown ? meta.uid : current.uid;
  if (uid === current.uid && meta.gid === current.gid) return { changed: false, verdict: undefined };
  const result = place.fd >= 0 ? chownFd(place.fd, uid, meta.gid) : chownAt(place.dirfd, place.name, uid, meta.gid);
  if (result === 0) return { changed: true, verdict: undefined };
  const denied = -result === EPERM || -result === EACCES;
  // Declared as a limit in the welcome: an unprivileged target keeps groups only where it is a member.
  if (denied && !ctx.privileges.canChown) return { changed: false, verdict: undefined };
  if (denied && isWritable(place, current)) {
    reportProblem(ctx, place.root, place.path, errnoName(result), `the owner of ${displayPath(place.path)} cannot be set: ${errnoName(result)}`);
    return { changed: false, verdict: undefined };
  }
  if (denied || canHeal(result)) return { changed: false, verdict: failed(result, "set the owner of", place.path) };
  reportProblem(ctx, place.root, place.path, errnoName(result), `the owner of ${displayPath(place.path)} cannot be set: ${errnoName(result)}`);
  return { changed: false, verdict: undefined };
}

/** Tells a file system that refuses owners (squashed root) from an inode that refuses every change (immutable): the latter is waited for. */
function isWritable(place: AttributePlace, current: FileStat): boolean {
  if (typeOf(current) === "symlink") return setMtimeAt(place.dirfd, place.name, current.mtimeSec, current.mtimeNsec) === 0;
  return (place.fd >= 0 ? chmodFd(place.fd, current.mode & 0o7777) : chmodNoFollow(place.dirfd, place.name, current.mode & 0o7777)) === 0;
}

/** fchmodat follows links; through a descriptor of the very inode nothing can be put in its place. */
export function chmodNoFollow(dirfd: number, name: string, mode: number): number {
  const fd = openAt(dirfd, name, O_PATH | O_NOFOLLOW);
  if (fd < 0) return fd;
  const stat = statAt(fd, "");
  const result = typeof stat === "number" ? stat : typeOf(stat) === "symlink" ? -constants.errno.ELOOP : chmodAt(AT_FDCWD, procPath(fd), mode);
  closeFd(fd);
  return result;
}

/** `isRefusing`: links, devices and FIFOs have no attributes of users, and never will. */
function applyXattrs(ctx: ApplyContext, place: AttributePlace, meta: Meta, isRefusing: boolean): Verdict {
  const at = place.fd >= 0 ? place.fd : procPath(place.dirfd, place.name);
  for (const failure of writeXattrs(at, meta.xattrs)) {
    if (isLimit(ctx, failure) || isLabel(failure, meta)) continue;
    if (canHeal(failure.errno) && !cannotFit(place, failure) && !(isRefusing && failure.errno === EPERM)) {
      return failed(failure.errno, `set the attribute ${displayPath(failure.name)} of`, place.path);
    }
    reportProblem(
      ctx,
      place.root,
      place.path,
      errnoName(failure.errno),
      `the attribute ${displayPath(failure.name)} of ${displayPath(place.path)} cannot be set: ${errnoName(failure.errno)}`,
    );
  }
  return undefined;
}

function isLimit(ctx: ApplyContext, { name, errno }: XattrFailure): boolean {
  const isPrivileged = name.startsWith("trusted.") || name.startsWith("security.");
  return isPrivileged && !ctx.privileges.canSetTrusted && (errno === EPERM || errno === EACCES || errno === constants.errno.ENOTSUP);
}

/** The label that a target with SELinux gives to everything cannot be taken away; a source without labels does not mean it to be. */
function isLabel({ name }: XattrFailure, meta: Meta): boolean {
  return name === "security.selinux" && !meta.xattrs.some(([wanted]) => wanted === name);
}

/** ext4 says ENOSPC for attributes larger than its attribute block, however much space is free. */
function cannotFit(place: AttributePlace, { errno }: XattrFailure): boolean {
  if (errno !== ENOSPC) return false;
  const { bavail } = statfsSync(procPath(place.fd >= 0 ? place.fd : place.dirfd));
  return bavail > BLOCKS_FREE_MIN;
}
