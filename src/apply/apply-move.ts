// Steps that cannot be repeated blindly: rename, hard link, removal. Each first records what it is about to move; after a
// crash the inodes tell whether it was done.

import { ENOENT, EXDEV } from "../fs/errno.js";
import { linkAt, renameAt, statAt } from "../fs/native.js";
import { type BytePath, baseName, displayPath, isBelow } from "../model/byte-path.js";
import type { LinkChange, RemoveChange, RenameChange, RootIndex } from "../model/change.js";
import { type ApplyContext, parentFailure, parentOf } from "./apply-context.js";
import { applyCopy } from "./apply-copy.js";
import { typeOf } from "./attributes.js";
import type { Directory } from "./directory-cache.js";
import { isInode, markOf } from "./inode-mark.js";
import { removeEntry } from "./remove-tree.js";
import { failed, problem, stale, type Verdict } from "./verdict.js";

function isTop(path: BytePath): boolean {
  return path === "";
}

function topRefused(): Verdict {
  return problem("" as BytePath, "EBUSY", "the mapped directory itself is never moved or removed");
}

export function applyRename(ctx: ApplyContext, change: RenameChange): Verdict {
  const { root, path, to } = change;
  const verdict = detachIfStale(ctx, root, to, rename(ctx, change));
  if (verdict?.kind !== "stale" || verdict.also === path) return verdict;
  // What was not moved is still here under a name that the source has no more.
  if (verdict.also === undefined) return { ...verdict, also: path };
  ctx.answer({ kind: "stale", seq: ctx.seq, root, path, reason: `${displayPath(path)}: ${verdict.reason}` });
  return verdict;
}

function rename(ctx: ApplyContext, change: RenameChange): Verdict {
  const { root, path, to } = change;
  if (isTop(path) || isTop(to)) return topRefused();
  if (path === to) return undefined;
  if (isBelow(to, path) || isBelow(path, to)) return stale(to, `${displayPath(path)} and ${displayPath(to)} lie in each other`);
  const target = parentOf(ctx, root, to);
  if (typeof target === "number") return parentFailure(ctx, root, to, target);
  const interrupted = ctx.interrupted("rename");
  const source = parentOf(ctx, root, path);
  const there = statAt(target.fd, baseName(to));
  const here = typeof source === "number" ? source : statAt(source.fd, baseName(path));
  if (interrupted !== null && isInode(there, interrupted.moved) && !isInode(here, interrupted.moved)) return undefined;
  if (typeof source === "number" || typeof here === "number") return stale(to, `${displayPath(path)}, which was to be renamed, is not there`);
  if (interrupted !== null && !isInode(here, interrupted.moved)) return stale(to, `${displayPath(path)} is not what was about to be renamed`);
  ctx.intend("rename", markOf(here));
  const verdict = moveOver(ctx, change, source, target, typeof there !== "number" && isInode(there, markOf(here)));
  if (verdict !== undefined) return verdict;
  ctx.deed();
  if (typeOf(here) === "dir" || (typeof there !== "number" && typeOf(there) === "dir")) ctx.directories.flush();
  ctx.foreign.forget(root, to);
  ctx.foreign.moved(root, path, to);
  return undefined;
}

function moveOver(ctx: ApplyContext, { path, to }: RenameChange, source: Directory, target: Directory, isSameInode: boolean): Verdict {
  // rename(2) between two names of one inode does nothing: the old name has to go all the same.
  if (isSameInode) return removeEntry(ctx, source.fd, baseName(path), path);
  let result = renameAt(source.fd, baseName(path), target.fd, baseName(to));
  if (result < 0 && (-result === ENOENT || -result === EXDEV)) return stale(to, `${displayPath(path)} cannot be renamed to ${displayPath(to)} on the target`);
  if (result === 0) return undefined;
  const inTheWay = statAt(target.fd, baseName(to));
  if (typeof inTheWay !== "number") {
    const verdict = removeEntry(ctx, target.fd, baseName(to), to);
    if (verdict !== undefined) return verdict;
    result = renameAt(source.fd, baseName(path), target.fd, baseName(to));
  }
  return result < 0 ? failed(result, `rename ${displayPath(path)} to`, to) : undefined;
}

export function applyLink(ctx: ApplyContext, change: LinkChange): Verdict {
  return detachIfStale(ctx, change.root, change.path, link(ctx, change));
}

/**
 * What could not be given the name leaves there what the source has replaced. If that has other names, a later change by this one, which is
 * meant for something else, would go to all of them, and this one alone is repaired: so the name goes.
 */
function detachIfStale(ctx: ApplyContext, root: RootIndex, path: BytePath, verdict: Verdict): Verdict {
  if (verdict?.kind !== "stale" || isTop(path)) return verdict;
  const parent = parentOf(ctx, root, path);
  if (typeof parent === "number") return verdict;
  const there = statAt(parent.fd, baseName(path));
  if (typeof there === "number" || typeOf(there) === "dir" || there.nlink < 2) return verdict;
  return removeEntry(ctx, parent.fd, baseName(path), path) ?? verdict;
}

function link(ctx: ApplyContext, change: LinkChange): Verdict {
  const { root, path, to } = change;
  if (isTop(path) || isTop(to)) return topRefused();
  if (path === to) return undefined;
  if (isBelow(to, path) || isBelow(path, to)) return stale(path, `${displayPath(path)} and ${displayPath(to)} lie in each other`);
  const parent = parentOf(ctx, root, path);
  if (typeof parent === "number") return parentFailure(ctx, root, path, parent);
  const current = statAt(parent.fd, baseName(path));
  const interrupted = ctx.interrupted("link");
  if (interrupted !== null && isInode(current, interrupted.moved)) return undefined;
  const origin = parentOf(ctx, root, to);
  const stat = typeof origin === "number" ? origin : statAt(origin.fd, baseName(to));
  if (typeof origin === "number" || typeof stat === "number") return stale(path, `${displayPath(to)}, which it is to be linked to, is not there`);
  if (typeOf(stat) === "dir") return stale(path, `${displayPath(to)}, which it is to be linked to, is a directory`);
  if (isInode(current, markOf(stat))) return undefined;
  if (origin.dev !== parent.dev) return applyCopy(ctx, change, origin, stat, parent);
  ctx.intend("link", markOf(stat));
  const verdict = typeof current === "number" ? undefined : removeEntry(ctx, parent.fd, baseName(path), path);
  if (verdict !== undefined) return verdict;
  const result = linkAt(origin.fd, baseName(to), parent.fd, baseName(path));
  if (result < 0) return -result === EXDEV ? applyCopy(ctx, change, origin, stat, parent) : failed(result, `link ${displayPath(to)} to`, path);
  ctx.deed();
  if (typeof current !== "number" && typeOf(current) === "dir") ctx.directories.flush();
  return undefined;
}

export function applyRemove(ctx: ApplyContext, change: RemoveChange): Verdict {
  const { root, path } = change;
  if (isTop(path)) return topRefused();
  const parent = parentOf(ctx, root, path);
  if (typeof parent === "number") return -parent === ENOENT ? undefined : parentFailure(ctx, root, path, parent);
  const stat = statAt(parent.fd, baseName(path));
  if (typeof stat === "number") return stat === -ENOENT ? undefined : failed(stat, "look at", path);
  const interrupted = ctx.interrupted("remove");
  // Something else has the name by now: what was to go is gone, and a later change of the same set put this here.
  if (interrupted !== null && !isInode(stat, interrupted.moved)) return undefined;
  ctx.intend("remove", markOf(stat));
  const verdict = removeEntry(ctx, parent.fd, baseName(path), path);
  if (typeOf(stat) === "dir") ctx.directories.flush();
  if (verdict !== undefined) return verdict;
  ctx.deed();
  ctx.foreign.forget(root, path);
  return undefined;
}
