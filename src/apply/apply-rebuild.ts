// A regular file made anew out of what the target has of it and of what came. It grows without a name beside the file, which stays as it is
// until the new one is whole, hashes to what the source read, and has its attributes; then it takes the name in one step (ADR 0036).
// Nothing here is waited for: what stands in the way makes it stale, and the source sends what differs, in place.

import { constants } from "node:os";
import { failpoint } from "../base/failpoint.js";
import { beat } from "../base/pulse.js";
import { EINTR, errnoName } from "../fs/errno.js";
import {
  closeFd,
  type FileStat,
  linkFd,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_TMPFILE,
  openAt,
  preadFd,
  renameAt,
  statAt,
  truncateFd,
  unlinkAt,
} from "../fs/native.js";
import { beginWriting } from "../fs/settle.js";
import { baseName, displayPath } from "../model/byte-path.js";
import { FROM_PAYLOAD, type Meta, type RebuildChange, ZEROS } from "../model/change.js";
import { unitBytes } from "../model/parts-hash.js";
import { type ApplyContext, parentFailure, parentOf } from "./apply-context.js";
import { hasRoom, mayReplace } from "./apply-index.js";
import { applyMeta, typeOf } from "./attributes.js";
import type { Intent } from "./cursor-file.js";
import type { Directory } from "./directory-cache.js";
import { writeAll } from "./file-content.js";
import { isInode, markOf } from "./inode-mark.js";
import { passingName, type Rebuild } from "./rebuilds.js";
import { type Failure, stale, type Verdict } from "./verdict.js";

const CHUNK_BYTES = 1024 * 1024;
const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
/** Given to the disk at once while the file grows. ext4 begins to write all of it before it takes the name of another (auto_da_alloc): that is waited for. */
const GIVEN_BYTES = 16 * 1024 * 1024;
/** Until its owner and attributes are right, nobody else reads it. */
const PRIVATE_MODE = 0o600;

export function applyRebuild(ctx: ApplyContext, change: RebuildChange): Verdict {
  const verdict = rebuild(ctx, change);
  if (verdict !== undefined || change.end !== null) ctx.rebuilds.drop(change.root, change.path);
  return verdict?.kind === "retry" ? stale(change.path, verdict.message) : verdict;
}

function rebuild(ctx: ApplyContext, change: RebuildChange): Verdict {
  const { root, path, end } = change;
  if (path === "") return unfit(change, "a mapped directory is no file");
  const parent = parentOf(ctx, root, path);
  if (typeof parent === "number") return parentFailure(ctx, root, path, parent);
  const interrupted = ctx.interrupted("rebuild");
  if (interrupted !== null) return complete(parent, change, interrupted);
  const work = change.continues ? ctx.rebuilds.resume(change) : begin(ctx, parent, change);
  if (work === undefined) return unfit(change, "the piece before it did not come");
  if ("kind" in work) return work;
  const verdict = fill(change, work);
  if (verdict !== undefined || end === null) return verdict;
  if (work.length !== change.size || work.hash.digest() !== end.hash) return unfit(change, "it would not be what the source has");
  return putInPlace(ctx, parent, change, work, end.meta);
}

function unfit({ path }: RebuildChange, why: string): Failure {
  return stale(path, `${displayPath(path)} cannot be rebuilt: ${why}`);
}

function begin(ctx: ApplyContext, parent: Directory, change: RebuildChange): Rebuild | Failure {
  const { base, size, path } = change;
  const oldFd = openAt(parent.fd, baseName(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (oldFd < 0) return unfit(change, `its open fails with ${errnoName(oldFd)}`);
  const old = statAt(oldFd, "");
  const isFit = typeof old !== "number" && typeOf(old) === "file" && mayReplace(ctx, old) && hasRoom(parent, size);
  const isBase = typeof old !== "number" && base?.size === old.size && base.mtimeSec === old.mtimeSec && base.mtimeNsec === old.mtimeNsec;
  const fd = isFit && isBase ? openAt(parent.fd, ".", O_TMPFILE | O_RDWR, PRIVATE_MODE) : -1;
  if (fd >= 0 && isFit) return ctx.rebuilds.begin(change, oldFd, old, fd);
  closeFd(oldFd);
  return unfit(change, !isFit ? "another file cannot take its place" : isBase ? `a file without a name: ${errnoName(fd)}` : "it was changed");
}

/** Carries out the parts. What was read of the old file is told right or wrong by the hash of all. */
function fill(change: RebuildChange, work: Rebuild): Verdict {
  const { parts, payload, size } = change;
  let taken = 0;
  for (let i = 0; i < parts.length; i += 2) {
    const from = parts[i] as number;
    const length = parts[i + 1] as number;
    if (work.length + length > size) return unfit(change, "its parts are longer than it is");
    const result = from === FROM_PAYLOAD ? append(work, payload.subarray(taken, taken + length)) : from === ZEROS ? 0 : copy(work, from, length);
    if (result < 0) return unfit(change, errnoName(result));
    if (from === FROM_PAYLOAD) taken += length;
    work.length += length;
    giveToDisk(work, work.length);
  }
  return undefined;
}

function append(work: Rebuild, bytes: Buffer): number {
  work.hash.add(bytes);
  return writeAll(work.fd, bytes, work.length);
}

/** 0, or the negative errno. */
function copy(work: Rebuild, from: number, length: number): number {
  for (let done = 0; done < length; ) {
    beat();
    const at = from + done;
    const bytes = chunk.subarray(0, Math.min(length - done, CHUNK_BYTES - (at % CHUNK_BYTES)));
    const read = readFully(work.oldFd, bytes, at);
    if (read < 0) return read;
    for (let unit = 0; unit < bytes.length; ) {
      const unitLength = unitBytes(at + unit, bytes.length - unit);
      work.hash.add(bytes.subarray(unit, unit + unitLength));
      unit += unitLength;
    }
    const result = writeAll(work.fd, bytes, work.length + done);
    if (result < 0) return result;
    done += bytes.length;
    giveToDisk(work, work.length + done);
  }
  return 0;
}

function giveToDisk(work: Rebuild, writtenBytes: number): void {
  if (writtenBytes - work.givenBytes < GIVEN_BYTES) return;
  beginWriting(work.fd, work.givenBytes, writtenBytes - work.givenBytes);
  work.givenBytes = writtenBytes;
}

function readFully(fd: number, into: Buffer, offset: number): number {
  for (let done = 0; done < into.length; ) {
    const read = preadFd(fd, done === 0 ? into : into.subarray(done), into.length - done, offset + done);
    if (read === -EINTR) continue;
    if (read < 0) return read;
    // It was cut.
    if (read === 0) return -constants.errno.EIO;
    done += read;
  }
  return 0;
}

function putInPlace(ctx: ApplyContext, parent: Directory, change: RebuildChange, work: Rebuild, meta: Meta): Verdict {
  const { root, path, size } = change;
  const name = baseName(path);
  const cut = truncateFd(work.fd, size);
  const made = statAt(work.fd, "");
  if (cut < 0 || typeof made === "number") return unfit(change, errnoName(cut < 0 ? cut : (made as number)));
  const verdict = applyMeta(ctx, { root, path, fd: work.fd, dirfd: parent.fd, name }, made, meta);
  if (verdict !== undefined) return verdict;
  if (!isUntouched(statAt(parent.fd, name), work.old)) return unfit(change, "it was changed meanwhile");
  ctx.intend("rebuild", markOf(made));
  const linked = linkFd(work.fd, parent.fd, passingName(made));
  if (linked < 0) return unfit(change, errnoName(linked));
  failpoint("rebuild.put.beforeRename");
  const verdictOfRename = takeName(parent, change, passingName(made));
  if (verdictOfRename === undefined) ctx.deed();
  return verdictOfRename;
}

/** Written to, renamed, or given another name or other attributes: all of that shows in its ctime. */
function isUntouched(now: FileStat | number, then: FileStat): boolean {
  if (typeof now === "number" || now.ino !== then.ino || now.dev !== then.dev || now.nlink !== then.nlink || now.size !== then.size) return false;
  return now.mtimeSec === then.mtimeSec && now.mtimeNsec === then.mtimeNsec && now.ctimeSec === then.ctimeSec && now.ctimeNsec === then.ctimeNsec;
}

function takeName(parent: Directory, change: RebuildChange, passing: string): Verdict {
  const result = renameAt(parent.fd, passing, parent.fd, baseName(change.path));
  if (result === 0) return undefined;
  unlinkAt(parent.fd, passing, false);
  return unfit(change, errnoName(result));
}

/** An earlier process was killed between the intent and the end of the step. Before the intent the new file was whole. */
function complete(parent: Directory, change: RebuildChange, { moved }: Intent): Verdict {
  if (isInode(statAt(parent.fd, baseName(change.path)), moved)) return undefined;
  const passing = passingName(moved);
  if (isInode(statAt(parent.fd, passing), moved)) return takeName(parent, change, passing);
  return unfit(change, "its new content was lost with a process");
}
