// Regular files. A new whole file is the path that must be fast: create, write, set the time, close, with no look at what
// is there. Only a name that exists is looked at; it is then changed in place, so that its inode and hard links stay.

import { EEXIST, ETXTBSY } from "../fs/errno.js";
import {
  chmodFd,
  chownFd,
  closeFd,
  type FileStat,
  getXattr,
  listXattrs,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_WRONLY,
  openAt,
  setMtimeFd,
  statAt,
  truncateFd,
} from "../fs/native.js";
import { baseName, displayPath } from "../model/byte-path.js";
import type { FileBase, FileChange, Meta } from "../model/change.js";
import { type ApplyContext, parentFailure, parentOf } from "./apply-context.js";
import { type AttributePlace, applyMeta, typeOf } from "./attributes.js";
import type { Directory } from "./directory-cache.js";
import { writeContent } from "./file-content.js";
import { isInode, markOf } from "./inode-mark.js";
import { removeEntry } from "./remove-tree.js";
import { failed, problem, stale, type Verdict } from "./verdict.js";

const O_NEW = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW;
const O_EXISTING = O_WRONLY | O_NOFOLLOW | O_NONBLOCK;
/** Until its owner and attributes are right, nobody else reads it. */
const PRIVATE_MODE = 0o600;

export function applyFile(ctx: ApplyContext, change: FileChange): Verdict {
  if (change.path === "") return problem(change.path, "EISDIR", "a mapped directory cannot be a file");
  const parent = parentOf(ctx, change.root, change.path);
  const verdict =
    typeof parent === "number"
      ? parentFailure(ctx, change.root, change.path, parent)
      : change.start === "replace"
        ? replaceFile(ctx, parent, change)
        : patchFile(ctx, parent, change);
  if (verdict === "joined") return undefined;
  if (verdict?.kind !== "retry" && (verdict !== undefined || change.meta !== null)) ctx.transfers.end(change);
  return verdict;
}

function replaceFile(ctx: ApplyContext, parent: Directory, change: FileChange): Verdict {
  const name = baseName(change.path);
  // Set-id bits only once owner and content are right.
  const mode = change.meta === null ? PRIVATE_MODE : change.meta.mode & 0o777;
  const fd = openAt(parent.fd, name, O_NEW, mode);
  if (fd >= 0) return closing(ctx, fd, change, fillNew(ctx, parent, change, fd, mode));
  if (fd !== -EEXIST) return failed(fd, "create", change.path);
  const stat = statAt(parent.fd, name);
  if (typeof stat === "number") return failed(stat, "look at", change.path);
  if (typeOf(stat) !== "file" || stat.nlink > 1) return recreate(ctx, parent, change, stat);
  const existing = openAt(parent.fd, name, O_EXISTING);
  if (existing === -ETXTBSY) return recreate(ctx, parent, change, stat);
  if (existing < 0) return failed(existing, "open", change.path);
  return closing(ctx, existing, change, rewrite(ctx, parent, change, existing, stat));
}

function closing(ctx: ApplyContext, fd: number, change: FileChange, verdict: Verdict): Verdict {
  if (change.meta === null || (change.continues && verdict?.kind === "retry")) {
    const stat = statAt(fd, "");
    if (typeof stat !== "number") ctx.transfers.leave(change, stat);
  }
  const result = closeFd(fd);
  return verdict === undefined && result < 0 ? failed(result, "close", change.path) : verdict;
}

/** Something else, or a file with other names that may not change with it, is in the way: it goes first. */
function recreate(ctx: ApplyContext, parent: Directory, change: FileChange, stat: FileStat): Verdict {
  const name = baseName(change.path);
  const verdict = removeEntry(ctx, parent.fd, name, change.path);
  if (verdict !== undefined) return verdict;
  // The parent's descriptor stays valid: what went is below it. Others in the cache may not be.
  const isDirectory = typeOf(stat) === "dir";
  const fd = openAt(parent.fd, name, O_NEW, PRIVATE_MODE);
  if (fd < 0) return failed(fd, "create", change.path);
  const filled = closing(ctx, fd, change, fillNew(ctx, parent, change, fd, PRIVATE_MODE));
  if (isDirectory) ctx.directories.flush();
  return filled;
}

function fillNew(ctx: ApplyContext, parent: Directory, change: FileChange, fd: number, mode: number): Verdict {
  const { meta } = change;
  const created = parent.created ?? learnCreated(ctx, parent, fd, mode);
  if (typeof created === "number") return failed(created, "look at", change.path);
  const verdict = writeContent(fd, change, 0);
  if (verdict !== undefined || meta === null) return verdict;
  if (created.altered || meta.xattrs.length > 0) return finish(ctx, change, fd, parent, meta);
  const isOwned = (created.uid === meta.uid || !ctx.privileges.canChown) && created.gid === meta.gid;
  if (!isOwned && chownFd(fd, ctx.privileges.canChown ? meta.uid : created.uid, meta.gid) < 0) return finish(ctx, change, fd, parent, meta);
  if (!isOwned || (mode & ~ctx.umask) !== meta.mode) {
    const result = chmodFd(fd, meta.mode);
    if (result < 0) return failed(result, "set the mode of", change.path);
  }
  const result = setMtimeFd(fd, meta.mtimeSec, meta.mtimeNsec);
  return result < 0 ? failed(result, "set the time of", change.path) : undefined;
}

const NOTHING = Buffer.alloc(0);
const DEFAULT_ACL = "system.posix_acl_default";

function learnCreated(ctx: ApplyContext, parent: Directory, fd: number, mode: number): NonNullable<Directory["created"]> | number {
  const stat = statAt(fd, "");
  if (typeof stat === "number") return stat;
  const isAltered = (stat.mode & 0o7777) !== (mode & ~ctx.umask);
  const inherits = listXattrs(fd, NOTHING) > 0 || getXattr(parent.fd, DEFAULT_ACL, NOTHING) >= 0;
  parent.created = { uid: stat.uid, gid: stat.gid, altered: isAltered || inherits };
  return parent.created;
}

function finish(ctx: ApplyContext, change: FileChange, fd: number, parent: Directory, meta: Meta): Verdict {
  const current = statAt(fd, "");
  if (typeof current === "number") return failed(current, "look at", change.path);
  return applyMeta(ctx, placeOf(change, fd, parent), current, meta);
}

function placeOf(change: FileChange, fd: number, parent: Directory): AttributePlace {
  return { root: change.root, path: change.path, fd, dirfd: parent.fd, name: baseName(change.path) };
}

/** In place from an empty file. Rights are narrowed first: whoever may not read the new content may not while it is written. */
function rewrite(ctx: ApplyContext, parent: Directory, change: FileChange, fd: number, stat: FileStat): Verdict {
  const { meta } = change;
  const allowed = meta === null || stat.uid !== meta.uid || stat.gid !== meta.gid ? PRIVATE_MODE : meta.mode;
  if ((stat.mode & 0o777 & ~allowed) !== 0) {
    const result = chmodFd(fd, stat.mode & allowed & 0o777);
    if (result < 0) return failed(result, "set the mode of", change.path);
  }
  const result = stat.size === 0 ? 0 : truncateFd(fd, 0);
  if (result < 0) return failed(result, "empty", change.path);
  const verdict = writeContent(fd, change, 0);
  return verdict ?? (meta === null ? undefined : finish(ctx, change, fd, parent, meta));
}

function patchFile(ctx: ApplyContext, parent: Directory, change: FileChange): Verdict | "joined" {
  const name = baseName(change.path);
  const stat = statAt(parent.fd, name);
  if (typeof stat === "number") return stale(change.path, `${displayPath(change.path)} is not there to be patched`);
  if (typeOf(stat) !== "file") return stale(change.path, `${displayPath(change.path)} is no regular file on the target`);
  const isJoined = ctx.transfers.joins(change, stat, ctx.isRedo);
  const mismatch = isJoined ? undefined : baseMismatch(ctx, change, stat);
  if (mismatch !== undefined) return stale(change.path, mismatch);
  const fd = openAt(parent.fd, name, O_EXISTING);
  if (fd === -ETXTBSY) return stale(change.path, `${displayPath(change.path)} is being executed on the target`);
  if (fd < 0) return failed(fd, "open", change.path);
  // A process that is killed within a joined change leaves no word of it: the next one finds that it does not fit, and says so.
  if (isJoined) return joinTransfer(ctx, change, fd, stat.size);
  if (change.base !== null || change.continues) ctx.intend("patch", markOf(stat));
  const verdict = writeContent(fd, change, stat.size);
  const finished = verdict ?? (change.meta === null ? undefined : finish(ctx, change, fd, parent, change.meta));
  return closing(ctx, fd, change, finished);
}

/**
 * Content and size alone: a file that is sent by halves must not look like one of the source's. Its last piece brings the rest. What is
 * carried out once more, after a kill, cannot be told from a transfer that ended long ago: that is compared.
 */
function joinTransfer(ctx: ApplyContext, change: FileChange, fd: number, size: number): Verdict | "joined" {
  const verdict = writeContent(fd, change, size);
  const stat = statAt(fd, "");
  if (typeof stat !== "number") ctx.transfers.leaveJoined(change, stat, verdict === undefined);
  const result = closeFd(fd);
  if (verdict !== undefined) return verdict;
  if (result < 0) return failed(result, "close", change.path);
  return ctx.isRedo ? stale(change.path, "the target was killed while it was sent") : "joined";
}

/** The base check (invariant I5). A patch that was begun has passed it already, and has changed the time since. */
function baseMismatch(ctx: ApplyContext, change: FileChange, stat: FileStat): string | undefined {
  const { base, continues } = change;
  if (ctx.isRedo) return undefined;
  const interrupted = ctx.interrupted("patch");
  if (interrupted !== null && isInode(stat, interrupted.moved)) return undefined;
  if (continues && !ctx.transfers.mayContinue(change, stat)) return "the piece before it did not come, or the file was changed since";
  if (base === null || isBase(base, stat)) return undefined;
  return `it is not the file the change builds on: ${stat.size} bytes of ${stat.mtimeSec}.${stat.mtimeNsec}, not ${base.size} bytes of ${base.mtimeSec}.${base.mtimeNsec}`;
}

function isBase(base: FileBase, stat: FileStat): boolean {
  return stat.size === base.size && stat.mtimeSec === base.mtimeSec && stat.mtimeNsec === base.mtimeNsec;
}
