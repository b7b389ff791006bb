// Block signatures of the target's copy, for transfers that send changed blocks only.

import xxhash from "@node-rs/xxhash";
import { beat } from "../base/pulse.js";
import { EINTR, ENXIO } from "../fs/errno.js";
import { closeFd, type FileStat, forgetCachedFd, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, openAt, preadFd, SEEK_DATA, seekFd, statAt } from "../fs/native.js";
import { baseName } from "../model/byte-path.js";
import { BLOCK_BYTES, type BlockRange, type SumsChange } from "../model/change.js";
import { isSuspect } from "./apply-compare.js";
import { type ApplyContext, parentOf } from "./apply-context.js";
import { typeOf } from "./attributes.js";
import { canHeal, failed, type Verdict } from "./verdict.js";

const CHUNK_BLOCKS = 16;
const chunk = Buffer.alloc(CHUNK_BLOCKS * BLOCK_BYTES);
const ALL_BLOCKS: BlockRange = { first: 0, count: Number.MAX_SAFE_INTEGER / BLOCK_BYTES };
const ZERO_BLOCK_SUM = xxhash.xxh64(Buffer.alloc(BLOCK_BYTES));

export function applySums(ctx: ApplyContext, change: SumsChange): Verdict {
  const parent = change.path === "" ? 0 : parentOf(ctx, change.root, change.path);
  const stat = typeof parent === "number" ? parent : statAt(parent.fd, baseName(change.path));
  if (typeof parent === "number" || typeof stat === "number" || typeOf(stat) !== "file") {
    if (typeof stat === "number" && canHeal(stat)) return failed(stat, "look at", change.path);
    return answer(ctx, change, null, Buffer.alloc(0));
  }
  const fd = openAt(parent.fd, baseName(change.path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return failed(fd, "open", change.path);
  if (isSuspect(ctx, stat)) forgetCachedFd(fd);
  const sums = sumsOf(fd, stat.size, change);
  closeFd(fd);
  return Buffer.isBuffer(sums) ? answer(ctx, change, stat, sums) : sums;
}

function answer(ctx: ApplyContext, { root, path }: SumsChange, stat: FileStat | null, sums: Buffer): undefined {
  const base = stat && { size: stat.size, mtimeSec: stat.mtimeSec, mtimeNsec: stat.mtimeNsec };
  ctx.answer({ kind: "sums", seq: ctx.seq, root, path, base, sums });
  return undefined;
}

function sumsOf(fd: number, fileSize: number, { path, range = ALL_BLOCKS }: SumsChange): Buffer | Verdict {
  const from = Math.min(range.first * BLOCK_BYTES, Math.ceil(fileSize / BLOCK_BYTES) * BLOCK_BYTES);
  const size = Math.min(fileSize, from + range.count * BLOCK_BYTES);
  const sums = Buffer.alloc(Math.max(0, Math.ceil((size - from) / BLOCK_BYTES)) * 8);
  let dataFrom = 0;
  for (let offset = from; offset < size; ) {
    if (dataFrom <= offset) {
      const next = seekFd(fd, offset, SEEK_DATA);
      dataFrom = next >= 0 ? next : -next === ENXIO ? size : offset;
    }
    if (dataFrom >= offset + BLOCK_BYTES && offset + BLOCK_BYTES <= size) {
      sums.writeBigUInt64LE(ZERO_BLOCK_SUM, ((offset - from) / BLOCK_BYTES) * 8);
      offset += BLOCK_BYTES;
      continue;
    }
    const wanted = Math.min(chunk.length, size - offset);
    const read = readFully(fd, wanted, offset);
    if (read < 0) return failed(read, "read", path);
    for (let at = 0; at < wanted; at += BLOCK_BYTES) {
      sums.writeBigUInt64LE(xxhash.xxh64(chunk.subarray(at, Math.min(at + BLOCK_BYTES, wanted))), ((offset - from + at) / BLOCK_BYTES) * 8);
    }
    offset += wanted;
  }
  return sums;
}

/** Fills the chunk; what lies beyond the end of a file that shrank meanwhile reads as zeros. */
function readFully(fd: number, wanted: number, offset: number): number {
  beat();
  let done = 0;
  while (done < wanted) {
    const read = preadFd(fd, chunk.subarray(done, wanted), wanted - done, offset + done);
    if (read === -EINTR) continue;
    if (read < 0) return read;
    if (read === 0) break;
    done += read;
  }
  chunk.fill(0, done, wanted);
  return done;
}
