// Comparison of one directory, or a slice of it, with what the source lists. The slice holds the names n with
// from <= n < until in byte order; "" leaves that end open.

import { ELOOP, ENOENT, ENOTDIR } from "../fs/errno.js";
import { smallFileHash } from "../fs/file-hash.js";
import { type FileStat, readlinkAt, statAt } from "../fs/native.js";
import { readXattrs, xattrDigest, xattrDigestAt } from "../fs/xattrs.js";
import { type BytePath, baseName, joinPath } from "../model/byte-path.js";
import type { CompareChange, Difference, EntrySummary, FoundEntry, Meta, RootIndex, SharedName } from "../model/change.js";
import { type ApplyContext, parentOf } from "./apply-context.js";
import { adoptDirectory } from "./apply-entry.js";
import { settleExtras } from "./apply-extras.js";
import { typeOf } from "./attributes.js";
import type { Directory } from "./directory-cache.js";
import { failed, type Verdict } from "./verdict.js";

export function applyCompare(ctx: ApplyContext, change: CompareChange): Verdict {
  const { root, path } = change;
  const directory = ctx.directories.get(root, path);
  if (typeof directory === "number") {
    if (![ENOENT, ENOTDIR, ELOOP].includes(-directory)) return failed(directory, "open the directory", path);
    const why = -directory === ENOENT ? "missing" : "type";
    ctx.answer({ kind: "compare", seq: ctx.seq, root, path, differs: [{ name: "", why }], extras: [], removed: 0 });
    return undefined;
  }
  const { differs, shared } = compareEntries(ctx, change, directory);
  if (change.meta !== null && !isDirectoryEqual(ctx, directory, change.meta)) differs.push({ name: "", why: "attr" });
  const names = change.extras === "keep" ? [] : ctx.listing.namesIn(change, directory.fd);
  if (typeof names === "number") return failed(names, "list", path);
  const listed = new Set(change.entries.map((entry) => entry.name));
  // A list that was made for a slice before may name what is not there any more.
  const found = names.filter((name) => !listed.has(name) && statAt(directory.fd, name) !== -ENOENT);
  const settled = settleExtras(ctx, change, directory.fd, found);
  if (settled.verdict !== undefined) return settled.verdict;
  const answer = { kind: "compare", seq: ctx.seq, root, path, differs, extras: settled.kept, removed: settled.removed } as const;
  ctx.answer(shared.length === 0 || !change.asksShared ? answer : { ...answer, shared });
  return undefined;
}

function compareEntries(ctx: ApplyContext, change: CompareChange, directory: Directory): { readonly differs: Difference[]; readonly shared: SharedName[] } {
  const differs: Difference[] = [];
  const shared: SharedName[] = [];
  for (const entry of change.entries) {
    const stat = statAt(directory.fd, entry.name);
    if (typeof stat === "number") {
      differs.push({ name: entry.name, why: "missing" });
      continue;
    }
    if (ctx.foreign.size > 0) adoptListed(ctx, change, entry, directory);
    const why = withoutSharing(entryDiffers(ctx, change.root, entry, stat, directory.fd), entry, stat);
    if (why !== undefined) differs.push(change.asksFound === true ? { name: entry.name, why, found: foundOf(stat) } : { name: entry.name, why });
    const isAsItShould = why === undefined && entry.linkTo !== null;
    if (stat.nlink > 1 && typeOf(stat) !== "dir" && !isAsItShould) shared.push({ name: entry.name, inode: identityOf(stat), links: stat.nlink });
  }
  return { differs, shared };
}

function foundOf({ size, mtimeSec, mtimeNsec, mode }: FileStat): FoundEntry {
  return { size, mtimeSec, mtimeNsec, mode: mode & 0o7777 };
}

/**
 * A file that differs and has further names here may share its inode with names that are other files on the source by now: put right
 * in place, it would damage them. It is made anew, and the source links the group's names again.
 */
function withoutSharing(why: Difference["why"] | undefined, entry: EntrySummary, stat: FileStat): Difference["why"] | undefined {
  return why !== undefined && why !== "type" && entry.type !== "dir" && stat.nlink > 1 ? "link" : why;
}

/** What the source lists is no longer foreign. */
function adoptListed(ctx: ApplyContext, change: CompareChange, entry: EntrySummary, directory: Directory): void {
  const path = joinPath(change.path, entry.name);
  if (entry.type === "dir") adoptDirectory(ctx, change.root, path, directory.fd);
  else ctx.foreign.adopt(change.root, path);
}

function identityOf({ dev, ino, btimeSec, btimeNsec }: FileStat): string {
  return [dev, ino, btimeSec, btimeNsec].map((part) => part.toString(36)).join(".");
}

function isInodeOf(ctx: ApplyContext, root: RootIndex, path: BytePath, stat: FileStat): boolean {
  const parent = parentOf(ctx, root, path);
  const other = typeof parent === "number" ? parent : statAt(parent.fd, baseName(path));
  return typeof other !== "number" && other.ino === stat.ino && other.dev === stat.dev;
}

function entryDiffers(ctx: ApplyContext, root: RootIndex, entry: EntrySummary, stat: FileStat, dirfd: number): Difference["why"] | undefined {
  if (typeOf(stat) !== entry.type) return "type";
  // The first name of the group answers for the content and attributes of all.
  if (entry.linkTo !== null) return isInodeOf(ctx, root, entry.linkTo, stat) ? undefined : "link";
  const isSameTime = stat.mtimeSec === entry.mtimeSec && stat.mtimeNsec === entry.mtimeNsec;
  if (entry.type === "file" && (entry.suspect || stat.size !== entry.size || !isSameTime || isSuspect(ctx, stat))) return "content";
  if (entry.hash !== undefined && smallFileHash(dirfd, entry.name) !== entry.hash) return "content";
  if ((entry.type === "symlink" || entry.type === "special") && detailOf(stat, dirfd, entry.name) !== wantedDetail(ctx, entry)) return "content";
  const isSameMode = entry.type === "symlink" || (stat.mode & 0o7777) === entry.mode;
  return isSameTime && isSameMode && isSameOwner(ctx, stat, entry) && xattrDigestAt(dirfd, entry.name) === entry.xattrDigest ? undefined : "attr";
}

/** What was written around a crash of the machine may be damaged although size and time are right. */
export function isSuspect({ suspect }: ApplyContext, stat: FileStat): boolean {
  if (suspect === null) return false;
  const changedMs = stat.ctimeSec * 1000 + stat.ctimeNsec / 1e6;
  return changedMs >= suspect.fromMs && changedMs <= suspect.untilMs;
}

function wantedDetail(ctx: ApplyContext, entry: EntrySummary): string {
  return entry.type === "symlink" ? ctx.remap(entry.detail) : entry.detail;
}

function detailOf(stat: FileStat, dirfd: number, name: string): string {
  switch (stat.mode & 0o170000) {
    case 0o120000: {
      const target = readlinkAt(dirfd, name);
      return typeof target === "number" ? "" : target;
    }
    case 0o010000:
      return "fifo";
    case 0o020000:
      return `char:${stat.rdevMajor}:${stat.rdevMinor}`;
    case 0o060000:
      return `block:${stat.rdevMajor}:${stat.rdevMinor}`;
    default:
      return "socket";
  }
}

function isSameOwner(ctx: ApplyContext, stat: FileStat, wanted: { readonly uid: number; readonly gid: number }): boolean {
  return !ctx.privileges.canChown || (stat.uid === wanted.uid && stat.gid === wanted.gid);
}

function isDirectoryEqual(ctx: ApplyContext, { fd }: Directory, meta: Meta): boolean {
  const stat = statAt(fd, "");
  if (typeof stat === "number" || (stat.mode & 0o7777) !== meta.mode || !isSameOwner(ctx, stat, meta)) return false;
  if (stat.mtimeSec !== meta.mtimeSec || stat.mtimeNsec !== meta.mtimeNsec) return false;
  const xattrs = readXattrs(fd);
  return typeof xattrs !== "number" && xattrDigest(xattrs) === xattrDigest(meta.xattrs);
}
