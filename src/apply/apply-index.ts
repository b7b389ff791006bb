// The index of parts of the target's copy of a file, by which the source finds what it has of it at other places. Whatever stands in the
// way, the answer is that there is none: the source then sends what differs at the same places.

import { statfsSync } from "node:fs";
import checksum from "@node-rs/crc32";
import xxhash from "@node-rs/xxhash";
import { beat } from "../base/pulse.js";
import { procPath } from "../fs/confined-root.js";
import { EINTR } from "../fs/errno.js";
import {
  closeFd,
  type FileStat,
  forgetCachedFd,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_TMPFILE,
  openAt,
  preadFd,
  statAt,
} from "../fs/native.js";
import { baseName } from "../model/byte-path.js";
import { BLOCK_BYTES, INDEX_ENTRY_BYTES, type IndexChange } from "../model/change.js";
import { indexCount, indexOffsets } from "../model/index-blocks.js";
import { isSuspect } from "./apply-compare.js";
import { type ApplyContext, parentOf } from "./apply-context.js";
import { typeOf } from "./attributes.js";
import type { Directory } from "./directory-cache.js";
import type { Verdict } from "./verdict.js";

const CHUNK_BYTES = 16 * BLOCK_BYTES;
const chunk = Buffer.alloc(CHUNK_BYTES);
/** Those of 256 GiB: more than an answer is to carry. */
const ENTRIES_MAX = 4 * 1024 * 1024;
/** Room that is left on the volume while a file is there twice. */
const RESERVE_BYTES = 256 * 1024 * 1024;
/** On small volumes. */
const RESERVE_SHARE = 0.05;

export function applyIndex(ctx: ApplyContext, change: IndexChange): Verdict {
  const { root, path } = change;
  const parent = path === "" ? -1 : parentOf(ctx, root, path);
  const found = typeof parent === "number" ? null : lookInto(ctx, change, parent);
  const base = found && { size: found.stat.size, mtimeSec: found.stat.mtimeSec, mtimeNsec: found.stat.mtimeNsec };
  ctx.answer({ kind: "index", seq: ctx.seq, root, path, base, canRebuild: found?.canRebuild === true, entries: found?.entries ?? Buffer.alloc(0) });
  return undefined;
}

function lookInto(ctx: ApplyContext, change: IndexChange, parent: Directory): { stat: FileStat; canRebuild: boolean; entries: Buffer } | null {
  const fd = openAt(parent.fd, baseName(change.path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return null;
  const stat = statAt(fd, "");
  if (typeof stat !== "number" && isSuspect(ctx, stat)) forgetCachedFd(fd);
  const entries = typeof stat === "number" || typeOf(stat) !== "file" ? null : entriesOf(fd, change, stat.size);
  closeFd(fd);
  if (typeof stat === "number" || entries === null) return null;
  return { stat, canRebuild: mayReplace(ctx, stat) && hasRoom(parent, stat.size) && canBeNameless(parent), entries };
}

/** Another inode may take the place of this one: no other name would miss it, and it can get the same owner. */
export function mayReplace({ privileges }: ApplyContext, { nlink, uid }: FileStat): boolean {
  return nlink === 1 && (privileges.canChown || uid === privileges.uid);
}

/** A file of `bytes` fits the volume for a while. */
export function hasRoom(parent: Directory, bytes: number): boolean {
  const { blocks, bavail, bsize } = statfsSync(procPath(parent.fd));
  return bavail * bsize - bytes >= Math.min(RESERVE_BYTES, blocks * bsize * RESERVE_SHARE);
}

function canBeNameless(parent: Directory): boolean {
  const fd = openAt(parent.fd, ".", O_TMPFILE | O_DIRECTORY | O_RDWR, 0);
  if (fd >= 0) closeFd(fd);
  return fd >= 0;
}

function entriesOf(fd: number, { ranges, blockBytes }: IndexChange, size: number): Buffer | null {
  if (indexCount(ranges, blockBytes, size) > ENTRIES_MAX) return null;
  const offsets = indexOffsets(ranges, blockBytes, size);
  const entries = Buffer.allocUnsafeSlow(offsets.length * INDEX_ENTRY_BYTES);
  /** What the chunk holds. */
  let from = 0;
  let end = 0;
  for (let i = 0; i < offsets.length; i++) {
    const offset = offsets[i] as number;
    const blockEnd = Math.min(size, offset + blockBytes);
    if (offset < from || blockEnd > end) {
      from = offset;
      end = Math.min(size, offset + spanFrom(offsets, i, blockBytes));
      if (!fill(fd, end - from, from)) return null;
    }
    const block = chunk.subarray(offset - from, blockEnd - from);
    entries.writeUInt32LE(checksum.crc32(block), i * INDEX_ENTRY_BYTES);
    entries.writeBigUInt64LE(xxhash.xxh64(block), i * INDEX_ENTRY_BYTES + 4);
  }
  return entries;
}

/** Bytes from the i-th block on that lie together, as far as the chunk goes. */
function spanFrom(offsets: Float64Array, i: number, blockBytes: number): number {
  const first = offsets[i] as number;
  const last = Math.min(offsets.length - 1, i + CHUNK_BYTES / blockBytes - 1);
  let count = 1;
  while (i + count <= last && offsets[i + count] === first + count * blockBytes) count++;
  return count * blockBytes;
}

function fill(fd: number, wanted: number, offset: number): boolean {
  beat();
  for (let done = 0; done < wanted; ) {
    const read = preadFd(fd, chunk.subarray(done, wanted), wanted - done, offset + done);
    if (read === -EINTR) continue;
    if (read <= 0) return false;
    done += read;
  }
  return true;
}
