// Ships one large file of which a receiver has parts: as what differs, in place, or as the order in which to make it anew out of those parts
// and of what it has not. The file is read as it was searched; who changed it meanwhile shows in its times, and then nothing takes effect.

import { randomBytes } from "node:crypto";
import { type FileStat, statAt } from "../fs/native.js";
import { BLOCK_BYTES, type FileBase, type FileChange, FROM_PAYLOAD, type Meta, type RootIndex, ZEROS } from "../model/change.js";
import { PartsHash, unitBytes } from "../model/parts-hash.js";
import { blockCount, isSparse, nextData, readFully } from "./content-reader.js";
import { leftAs } from "./file-transfer.js";
import type { FoundParts } from "./found-parts.js";
import { metaOfFd } from "./meta-reader.js";
import type { Inode } from "./node-table.js";
import { SET_PAYLOAD_BYTES, type SetWriter } from "./set-writer.js";

/** A stretch of the new content: where the receiver has it, or FROM_PAYLOAD, or ZEROS. */
export interface Stretch {
  readonly at: number;
  readonly length: number;
  readonly from: number;
}

export interface SenderOptions {
  readonly root: RootIndex;
  readonly inode: Pick<Inode, "base">;
  /** As of FileTransfer. */
  readonly isTold: () => boolean;
  readonly stat: FileStat;
  readonly parts: FoundParts;
  readonly base: FileBase;
  /** Signatures of the receiver's file. */
  readonly against: BigUint64Array;
}

/** "torn": the file is not what was searched, and was not shipped. */
export type SendStep = "more" | "done" | "torn" | number;

export interface PartsSender {
  /** Signatures of what was shipped; 0 = not known. Null = hardly any is. */
  readonly sums: BigUint64Array | null;
  readonly sentBytes: number;
  /** What was shipped is a mixture of what the file was at several moments. */
  readonly isTorn: boolean;
  step(fd: number, path: FileChange["path"], writer: SetWriter): SendStep;
}

const STRETCHES_MAX = 2000;
/** So much of the new content is made in one change, between two looks at what else there is to do. */
const REBUILT_BYTES_MAX = 8 * 1024 * 1024;
const scratch = Buffer.allocUnsafeSlow(BLOCK_BYTES);

/** Overwrites what differs at its place. */
export class PatchSender implements PartsSender {
  readonly sums: BigUint64Array;
  sentBytes = 0;
  isTorn = false;
  readonly #options: SenderOptions;
  readonly #queue: StretchQueue;
  #started = false;

  constructor(options: SenderOptions, fd: number, path: FileChange["path"], writer: SetWriter) {
    this.#options = options;
    if (options.isTold()) this.#open(path, writer);
    this.sums = new BigUint64Array(blockCount(options.stat.size));
    for (const { at, length, from } of options.parts.list) if (at === from) keepSums(this.sums, options, at, at + length);
    const missing = stretchesOf(options).filter(({ at, from }) => at !== from);
    const sent = missing.map((stretch): Stretch => ({ ...stretch, from: FROM_PAYLOAD }));
    this.#queue = new StretchQueue(splitAtHoles(sent, options.stat, fd));
  }

  /** From here on the receiver takes live changes of the file along with it. */
  #open(path: FileChange["path"], writer: SetWriter): void {
    const { root, stat } = this.#options;
    this.#started = true;
    const change = { op: "file", root, path, start: "patch", base: null, continues: false, extents: [], holes: [], size: stat.size, meta: null } as const;
    writer.add({ ...change, payload: Buffer.alloc(0) });
    writer.flush();
  }

  step(fd: number, path: FileChange["path"], writer: SetWriter): SendStep {
    const { root, stat } = this.#options;
    const stretches = this.#queue.take(Math.min(SET_PAYLOAD_BYTES, writer.pieceBytes), Number.POSITIVE_INFINITY);
    const payload = writer.reserve(payloadBytesOf(stretches));
    let filled = 0;
    for (const { at, length, from } of stretches) {
      if (from === ZEROS) continue;
      const got = readFully(fd, payload.subarray(filled, filled + length), at);
      if (got !== length) return got < 0 ? got : "torn";
      filled += length;
    }
    const end = this.#queue.isEmpty ? endOf(fd, this.#options) : null;
    if (typeof end === "number") return end;
    // What live sets shipped behind its end may have come for nothing.
    if (end !== null && end.size > stat.size) return "torn";
    const extents = stretches.flatMap(({ at, length, from }) => (from === ZEROS ? [] : [[at, length] as const]));
    const holes = stretches.flatMap(({ at, length, from }) => (from === ZEROS ? [[at, length] as const] : []));
    const change = {
      op: "file",
      root,
      path,
      start: "patch",
      base: null,
      continues: this.#started,
      extents,
      holes,
      size: end?.size ?? stat.size,
      payload,
    } as const;
    this.#started = true;
    this.sentBytes += payload.length;
    writer.add({ ...change, meta: end?.meta ?? null });
    writer.flush();
    this.isTorn = end?.isTorn === true;
    return end === null ? "more" : "done";
  }
}

/** Has the file made anew. */
export class RebuildSender implements PartsSender {
  sentBytes = 0;
  isTorn = false;
  readonly #options: SenderOptions;
  readonly #queue: StretchQueue;
  readonly #seed = randomBytes(8).readBigUInt64LE();
  readonly sums = null;
  readonly #hash = new PartsHash(this.#seed);
  #started = false;

  constructor(options: SenderOptions, fd: number) {
    this.#options = options;
    this.#queue = new StretchQueue(splitAtHoles(stretchesOf(options), options.stat, fd));
  }

  step(fd: number, path: FileChange["path"], writer: SetWriter): SendStep {
    const { root, stat, base } = this.#options;
    const stretches = this.#queue.take(Math.min(SET_PAYLOAD_BYTES, writer.pieceBytes), REBUILT_BYTES_MAX);
    const payload = writer.reserve(payloadBytesOf(stretches));
    let filled = 0;
    for (const { at, length, from } of stretches) {
      if (from === ZEROS) continue;
      const failed = from === FROM_PAYLOAD ? this.#add(fd, at, payload.subarray(filled, filled + length)) : this.#addCopy(fd, at, length, from);
      if (failed !== 0) return failed < 0 ? failed : "torn";
      if (from === FROM_PAYLOAD) filled += length;
    }
    const end = this.#queue.isEmpty ? endOf(fd, this.#options) : null;
    if (typeof end === "number") return end;
    if (end?.isTorn === true || (end !== null && end.size !== stat.size)) return "torn";
    const parts = stretches.flatMap(({ from, length }) => [from, length]);
    const isFirst = !this.#started;
    this.#started = true;
    this.sentBytes += payload.length;
    const place = { op: "rebuild", root, path, base: isFirst ? base : null, continues: !isFirst } as const;
    writer.add({ ...place, parts, size: stat.size, seed: this.#seed, end: end && { meta: end.meta, hash: this.#hash.digest() }, payload });
    writer.flush();
    return end === null ? "more" : "done";
  }

  /** Blocks that were found are as they were found; the rest is read. */
  #addCopy(fd: number, at: number, length: number, from: number): number {
    const { against, base } = this.#options;
    for (let done = 0; done < length; ) {
      const unit = unitBytes(from + done, length - done);
      const block = Math.floor((from + done) / BLOCK_BYTES);
      if (unit === Math.min(BLOCK_BYTES, base.size - block * BLOCK_BYTES)) this.#hash.note(against[block] as bigint);
      else {
        const failed = this.#add(fd, at + done, scratch.subarray(0, unit));
        if (failed !== 0) return failed;
      }
      done += unit;
    }
    return 0;
  }

  /** Reads one unit. 0, a negative errno, or 1 when there is less than there was. */
  #add(fd: number, at: number, into: Buffer): number {
    const got = readFully(fd, into, at);
    if (got !== into.length) return got < 0 ? got : 1;
    this.#hash.add(into);
    return 0;
  }
}

interface End {
  /** That the receiver's file is left with. */
  readonly size: number;
  readonly meta: Meta;
  readonly isTorn: boolean;
}

function endOf(fd: number, { stat: before, inode, isTold }: SenderOptions): End | number {
  const stat = statAt(fd, "");
  if (typeof stat === "number") return stat;
  const meta = metaOfFd(fd, before);
  const shipped = isTold() ? inode.base : null;
  if (typeof meta === "number") return meta;
  return { size: shipped?.size ?? before.size, meta: leftAs(meta, shipped), isTorn: !isAsBefore(stat, before) };
}

export function isAsBefore(stat: FileStat, before: FileStat): boolean {
  if (stat.ino !== before.ino || stat.dev !== before.dev || stat.size !== before.size) return false;
  return stat.ctimeSec === before.ctimeSec && stat.ctimeNsec === before.ctimeNsec;
}

/** All of the file in order. */
function stretchesOf({ stat, parts }: SenderOptions): Stretch[] {
  const stretches: Stretch[] = [];
  let at = 0;
  for (const part of parts.list) {
    if (part.at > at) stretches.push({ at, length: part.at - at, from: FROM_PAYLOAD });
    stretches.push(part);
    at = part.at + part.length;
  }
  if (at < stat.size) stretches.push({ at, length: stat.size - at, from: FROM_PAYLOAD });
  return stretches;
}

/** Holes of the file are told as such, whatever the receiver has. */
function splitAtHoles(stretches: readonly Stretch[], stat: FileStat, fd: number): readonly Stretch[] {
  return isSparse(stat) ? stretches.flatMap((stretch) => splitStretch(stretch, fd)) : stretches;
}

function splitStretch({ at, length, from }: Stretch, fd: number): Stretch[] {
  const end = at + length;
  const split: Stretch[] = [];
  for (let next = at; next < end; ) {
    const data = nextData(fd, next, end);
    const start = data?.[0] ?? end;
    if (start > next) split.push({ at: next, length: start - next, from: ZEROS });
    if (data !== null) split.push({ at: start, length: data[1], from: from < 0 ? from : from + start - at });
    next = data === null ? end : start + data[1];
  }
  return split;
}

/** Of the blocks that lie within what stays, whole or up to the end of both files. */
function keepSums(sums: BigUint64Array, { stat, base, against }: SenderOptions, from: number, until: number): void {
  const isEnd = until === stat.size && until === base.size;
  for (let block = Math.ceil(from / BLOCK_BYTES); (block + 1) * BLOCK_BYTES <= until || (isEnd && block * BLOCK_BYTES < until); block++) {
    sums[block] = against[block] as bigint;
  }
}

function payloadBytesOf(stretches: readonly Stretch[]): number {
  return stretches.reduce((sum, { length, from }) => sum + (from === FROM_PAYLOAD ? length : 0), 0);
}

class StretchQueue {
  readonly #stretches: readonly Stretch[];
  #index = 0;
  /** Taken of the one at the index. */
  #taken = 0;

  constructor(stretches: readonly Stretch[]) {
    this.#stretches = stretches;
  }

  get isEmpty(): boolean {
    return this.#index >= this.#stretches.length;
  }

  /** The next ones, within so many bytes of payload and of all; the last may be a piece. */
  take(payloadBytesMax: number, bytesMax: number): Stretch[] {
    const taken: Stretch[] = [];
    let payloadRoom = payloadBytesMax;
    let room = bytesMax;
    while (!this.isEmpty && taken.length < STRETCHES_MAX && payloadRoom > 0 && room > 0) {
      const { at, length, from } = this.#stretches[this.#index] as Stretch;
      const left = length - this.#taken;
      const piece = Math.min(left, room, from === FROM_PAYLOAD ? payloadRoom : left);
      taken.push({ at: at + this.#taken, length: piece, from: from < 0 ? from : from + this.#taken });
      room -= piece;
      if (from === FROM_PAYLOAD) payloadRoom -= piece;
      this.#taken += piece;
      if (this.#taken < length) continue;
      this.#index += 1;
      this.#taken = 0;
    }
    return taken;
  }
}
