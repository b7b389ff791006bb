// Directories, symbolic links, special files, and attributes alone.

import { EEXIST, ENOENT, EPERM, errnoName } from "../fs/errno.js";
import { closeFd, type FileStat, mkdirAt, mknodAt, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, openAt, readlinkAt, statAt, symlinkAt } from "../fs/native.js";
import { type BytePath, baseName, displayPath, joinPath } from "../model/byte-path.js";
import type { AttrChange, DirChange, FileBase, Meta, RootIndex, SpecialChange, SymlinkChange } from "../model/change.js";
import { type ApplyContext, parentFailure, parentOf } from "./apply-context.js";
import { applyMeta, typeOf } from "./attributes.js";
import type { Directory } from "./directory-cache.js";
import { namesOf } from "./directory-names.js";
import { removeEntry } from "./remove-tree.js";
import { failed, problem, stale, type Verdict } from "./verdict.js";

const TYPE_BITS = { fifo: 0o010000, char: 0o020000, block: 0o060000 } as const;
const TYPE_MASK = 0o170000;

export function applyDir(ctx: ApplyContext, change: DirChange): Verdict {
  const { root, path, meta } = change;
  if (path === "") return applyTop(ctx, root, meta);
  const parent = parentOf(ctx, root, path);
  if (typeof parent === "number") return parentFailure(ctx, root, path, parent);
  const name = baseName(path);
  let result = mkdirAt(parent.fd, name, meta.mode & 0o777);
  if (result === -EEXIST) {
    const stat = statAt(parent.fd, name);
    if (typeof stat === "number") return failed(stat, "look at", path);
    if (typeOf(stat) === "dir") {
      adoptDirectory(ctx, root, path, parent.fd);
      return applyDirMeta(ctx, root, path, parent, meta);
    }
    const verdict = removeEntry(ctx, parent.fd, name, path);
    if (verdict !== undefined) return verdict;
    ctx.foreign.forget(root, path);
    result = mkdirAt(parent.fd, name, meta.mode & 0o777);
  }
  return result < 0 ? failed(result, "make the directory", path) : applyDirMeta(ctx, root, path, parent, meta);
}

/** The source now has this directory too; what others put in it stays theirs. */
export function adoptDirectory(ctx: ApplyContext, root: RootIndex, path: BytePath, parentFd: number): void {
  if (!ctx.foreign.adopt(root, path)) return;
  const fd = openAt(parentFd, baseName(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (fd < 0) return;
  const names = namesOf(fd);
  closeFd(fd);
  if (typeof names !== "number") for (const below of names) ctx.foreign.add(root, joinPath(path, below));
}

function applyTop(ctx: ApplyContext, root: RootIndex, meta: Meta): Verdict {
  const { fd } = ctx.roots.get(root);
  return applyMeta(ctx, { root, path: "" as BytePath, fd, dirfd: fd, name: "" }, ctx.roots.get(root).stat(), meta);
}

function applyDirMeta(ctx: ApplyContext, root: RootIndex, path: BytePath, parent: Directory, meta: Meta): Verdict {
  const stat = statAt(parent.fd, baseName(path));
  if (typeof stat === "number") return failed(stat, "look at", path);
  return applyMeta(ctx, { root, path, fd: -1, dirfd: parent.fd, name: baseName(path) }, stat, meta);
}

export function applySymlink(ctx: ApplyContext, change: SymlinkChange): Verdict {
  const target = ctx.remap(change.target);
  const matches = (parent: Directory, name: string): boolean => readlinkAt(parent.fd, name) === target;
  return ensure(ctx, change, matches, (parent, name) => symlinkAt(target, parent.fd, name));
}

export function applySpecial(ctx: ApplyContext, change: SpecialChange): Verdict {
  const bits = TYPE_BITS[change.kind];
  const matches = (_: Directory, __: string, stat: FileStat): boolean => {
    const isSameDevice = change.kind === "fifo" || (stat.rdevMajor === change.major && stat.rdevMinor === change.minor);
    return (stat.mode & TYPE_MASK) === bits && isSameDevice;
  };
  if (change.kind !== "fifo" && !ctx.privileges.canMakeDevices) {
    return problem(change.path, errnoName(EPERM), `the device ${displayPath(change.path)} is not made: the target agent is not root`);
  }
  return ensure(ctx, change, matches, (parent, name) => mknodAt(parent.fd, name, bits | (change.meta.mode & 0o777), change.major, change.minor));
}

/** Keeps the entry if it is the same and has no other names that may not change with it, otherwise makes it anew; then sets its attributes. */
function ensure(
  ctx: ApplyContext,
  change: SymlinkChange | SpecialChange,
  matches: (parent: Directory, name: string, stat: FileStat) => boolean,
  make: (parent: Directory, name: string) => number,
): Verdict {
  const { root, path, meta } = change;
  if (path === "") return problem(path, "EISDIR", `a mapped directory cannot be a ${change.op}`);
  const parent = parentOf(ctx, root, path);
  if (typeof parent === "number") return parentFailure(ctx, root, path, parent);
  const name = baseName(path);
  const stat = statAt(parent.fd, name);
  const isThere = typeof stat !== "number";
  if (!isThere && stat !== -ENOENT) return failed(stat, "look at", path);
  if (!isThere || stat.nlink > 1 || !matches(parent, name, stat)) {
    const verdict = isThere ? removeEntry(ctx, parent.fd, name, path) : undefined;
    if (verdict !== undefined) return verdict;
    const result = make(parent, name);
    if (result < 0) return failed(result, `make the ${change.op}`, path);
  }
  const current = statAt(parent.fd, name);
  if (typeof current === "number") return failed(current, "look at", path);
  const verdict = applyMeta(ctx, { root, path, fd: -1, dirfd: parent.fd, name }, current, meta);
  if (isThere && typeOf(stat) === "dir") ctx.directories.flush();
  return verdict;
}

export function applyAttr(ctx: ApplyContext, change: AttrChange): Verdict {
  const { root, path, meta } = change;
  if (path === "") return applyTop(ctx, root, meta);
  const parent = parentOf(ctx, root, path);
  if (typeof parent === "number") return parentFailure(ctx, root, path, parent);
  const name = baseName(path);
  const stat = statAt(parent.fd, name);
  if (typeof stat === "number") return stat === -ENOENT ? stale(path, `${displayPath(path)} is not there`) : failed(stat, "look at", path);
  if (typeOf(stat) !== change.type) return stale(path, `${displayPath(path)} is a ${typeOf(stat)} on the target, not a ${change.type}`);
  if (change.base !== null && !isAttrBase(change.base, meta, stat))
    return stale(path, `${displayPath(path)} is not the file whose attributes changed: its size or time is another`);
  if (change.type === "dir") adoptDirectory(ctx, root, path, parent.fd);
  return applyMeta(ctx, { root, path, fd: -1, dirfd: parent.fd, name }, stat, meta);
}

/** The time is the last thing set: once it is the new one, this very change was applied before. */
function isAttrBase(base: FileBase, meta: Meta, stat: FileStat): boolean {
  const isTime = (sec: number, nsec: number): boolean => stat.mtimeSec === sec && stat.mtimeNsec === nsec;
  return stat.size === base.size && (isTime(base.mtimeSec, base.mtimeNsec) || isTime(meta.mtimeSec, meta.mtimeNsec));
}
