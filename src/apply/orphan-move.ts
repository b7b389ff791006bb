// One file, link or device moved aside: renamed where that is possible, otherwise copied with all its attributes, synced, and then removed.
// A file that has further names is always copied: the copy of the source must not share its inode with what was moved away.

import { procPath } from "../fs/confined-root.js";
import { EBUSY, EEXIST, EINVAL, ENOENT, EXDEV, errnoName } from "../fs/errno.js";
import { closeFd, type FileStat, fsyncFd, linkAt, O_NOFOLLOW, O_RDONLY, openAt, RENAME_NOREPLACE, renameAt, statAt, unlinkAt } from "../fs/native.js";
import { hasXattrs, readXattrs } from "../fs/xattrs.js";
import type { BytePath } from "../model/byte-path.js";
import type { RootIndex } from "../model/change.js";
import type { ApplyContext } from "./apply-context.js";
import { applyMeta, typeOf } from "./attributes.js";
import { copyEntry } from "./entry-copy.js";
import { freeName, NAMES_TRIED_MAX } from "./free-name.js";
import type { PlaceDirectory } from "./orphan-place.js";

export interface Leaf {
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly dirfd: number;
  readonly name: string;
  readonly stat: FileStat;
}

/** The name it has there, or why it is where it was. */
export type MovedAside = { readonly name: string } | { readonly why: string };

export function moveAside(ctx: ApplyContext, leaf: Leaf, into: PlaceDirectory): MovedAside {
  const to = into.open();
  if (typeof to === "string") return { why: to };
  if (leaf.stat.nlink === 1) {
    const renamed = intoFreeName(leaf.name, (name) => renameAt(leaf.dirfd, leaf.name, to, name, RENAME_NOREPLACE));
    if (typeof renamed === "string") return { name: renamed };
    if (renamed !== -EXDEV && renamed !== -EINVAL) return { why: errnoName(renamed) };
  }
  return copyAside(ctx, leaf, to);
}

/** The name that was free, or the negative errno. */
function intoFreeName(wanted: string, put: (name: string) => number): string | number {
  for (let attempt = 0; attempt < NAMES_TRIED_MAX; attempt++) {
    const name = freeName(wanted, attempt);
    const result = put(name);
    if (result === 0) return name;
    if (result !== -EEXIST) return result;
  }
  return -EEXIST;
}

function copyAside(ctx: ApplyContext, leaf: Leaf, to: number): MovedAside {
  const { dirfd, stat } = leaf;
  // Of this inode alone: what an attempt that was cut short left behind.
  const part = `.sm-part-${stat.dev.toString(36)}-${stat.ino.toString(36)}`;
  const left = unlinkAt(to, part, false);
  if (left < 0 && left !== -ENOENT) return { why: errnoName(left) };
  const why = makeCopy(ctx, leaf, to, part);
  if (why !== null) {
    unlinkAt(to, part, false);
    return { why };
  }
  const name = intoFreeName(leaf.name, (free) => putInPlace(to, part, free));
  if (typeof name === "number") {
    unlinkAt(to, part, false);
    return { why: errnoName(name) };
  }
  const synced = fsyncFd(to);
  const removed = synced < 0 ? synced : removeUnchanged(leaf);
  if (removed === 0) return { name };
  // It is where it was: it does not stay in two places.
  unlinkAt(to, name, false);
  return { why: removed === -EBUSY ? "it was changed while it was copied" : errnoName(removed) };

  function removeUnchanged({ name: from }: Leaf): number {
    const now = statAt(dirfd, from);
    if (typeof now === "number") return now === -ENOENT ? 0 : now;
    return isUnchanged(now, stat) ? unlinkAt(dirfd, from, false) : -EBUSY;
  }
}

function isUnchanged(a: FileStat, b: FileStat): boolean {
  const isSameFile = a.ino === b.ino && a.dev === b.dev && a.size === b.size;
  return isSameFile && a.mtimeSec === b.mtimeSec && a.mtimeNsec === b.mtimeNsec && a.ctimeSec === b.ctimeSec && a.ctimeNsec === b.ctimeNsec;
}

/** Some file systems know no renaming that spares what is there. */
function putInPlace(to: number, part: string, name: string): number {
  const result = renameAt(to, part, to, name, RENAME_NOREPLACE);
  if (result !== -EINVAL) return result;
  const linked = linkAt(to, part, to, name);
  return linked < 0 ? linked : unlinkAt(to, part, false);
}

/** Null, or why not. */
function makeCopy(ctx: ApplyContext, { root, path, dirfd, name, stat }: Leaf, to: number, part: string): string | null {
  const xattrs = readXattrs(procPath(dirfd, name));
  if (typeof xattrs === "number" && typeOf(stat) === "file") return `its attributes cannot be read: ${errnoName(xattrs)}`;
  const made = copyEntry(dirfd, name, stat, to, part);
  if (made < 0) return errnoName(made);
  const current = statAt(to, part);
  if (typeof current === "number") return errnoName(current);
  const { uid, gid, mtimeSec, mtimeNsec } = stat;
  const meta = { mode: stat.mode & 0o7777, uid, gid, mtimeSec, mtimeNsec, xattrs: typeof xattrs === "number" ? [] : xattrs };
  const verdict = applyMeta(ctx, { root, path, fd: -1, dirfd: to, name: part }, current, meta);
  if (verdict !== undefined) return verdict.kind === "stale" ? verdict.reason : verdict.message;
  if (!hasXattrs(procPath(to, part), meta.xattrs)) return "its extended attributes cannot be kept there";
  return typeOf(stat) === "file" ? syncFile(to, part) : null;
}

function syncFile(to: number, part: string): string | null {
  const fd = openAt(to, part, O_RDONLY | O_NOFOLLOW);
  const result = fd < 0 ? fd : fsyncFd(fd);
  if (fd >= 0) closeFd(fd);
  return result < 0 ? errnoName(result) : null;
}
