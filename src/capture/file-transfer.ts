// Ships one large regular file in chunks, between which other work goes on. Blocks equal to the signatures the
// receiver is known to have are skipped. What is recorded as shipped is the state at the start: a file that changed
// meanwhile differs from it and is looked at again.

import { type FileStat, statAt } from "../fs/native.js";
import { BLOCK_BYTES, type Extent, type FileBase, type FileChange, type Meta, type RootIndex } from "../model/change.js";
import type { BlockIndex } from "./block-index.js";
import { blockCount, isSparse, nextData, readFully, sumOf } from "./content-reader.js";
import { metaOfFd } from "./meta-reader.js";
import type { Inode } from "./node-table.js";
import { SET_PAYLOAD_BYTES, type SetWriter } from "./set-writer.js";

export interface TransferOptions {
  readonly root: RootIndex;
  readonly inode: Inode;
  readonly stat: FileStat;
  readonly start: "replace" | "patch";
  readonly base: FileBase | null;
  /** Signatures of the receiver's copy; null = send everything. */
  readonly against: BigUint64Array | null;
  /** Those of smaller blocks, of some of its blocks that differ. */
  readonly fine?: BlockIndex | null;
  /**
   * By a job, to one receiver: whether all that was written since it was begun is told. Then live sets go on from what they shipped
   * last: the file is left with the size and the time of that, and they find what they build on.
   */
  readonly isTold?: () => boolean;
}

/** Sent at once where everything is sent: what a set costs besides its bytes is spread over more of them. */
const CHUNK_BYTES = 2 * SET_PAYLOAD_BYTES;
/** The receiver takes a transfer of which nothing comes for half a minute for given up. */
const SILENT_MS_MAX = 10_000;
/** Bytes compared without a difference before a step ends. */
const SCAN_BYTES_MAX = 16 * SET_PAYLOAD_BYTES;
const scratch = Buffer.allocUnsafeSlow(SET_PAYLOAD_BYTES);

export class FileTransfer {
  readonly options: TransferOptions;
  /** Signatures of what was shipped, complete once `step` said "done". */
  sums: BigUint64Array;
  /** The file changed while it was read. */
  isTorn = false;
  /** It was cut meanwhile: what was shipped ends there. */
  isCut = false;
  sentBytes = 0;
  #offset = 0;
  #started = false;
  /** The receiver knows of it. */
  #isOpen = false;
  /** When something was sent last; monotonic. */
  #sentMs = 0;
  #size: number;

  constructor(options: TransferOptions) {
    this.options = options;
    this.#size = options.stat.size;
    this.sums = new BigUint64Array(blockCount(this.#size));
  }

  get offset(): number {
    return this.#offset;
  }

  /** Reads and ships the next chunk of the file open at `fd`, now named `path`. Negative errno on failure. */
  step(fd: number, path: FileChange["path"], writer: SetWriter): "more" | "done" | number {
    const opened = this.#isOpen ? 0 : this.#open(fd, path, writer);
    if (opened < 0) return opened;
    const failed = this.options.against === null ? this.#sendNext(fd, path, writer) : this.#compareNext(fd, path, writer);
    if (failed < 0) return failed;
    if (this.#offset < this.#size) return "more";
    return this.#finish(fd, path, writer);
  }

  /** From here on the receiver takes live changes of the file along with it. */
  #open(fd: number, path: FileChange["path"], writer: SetWriter): number {
    this.#isOpen = true;
    const made = this.options.start === "replace" ? this.#makeEmpty(fd, path, writer) : 0;
    if (made < 0 || this.options.isTold?.() !== true) return made;
    writer.add(this.#change(path, [], [], Buffer.alloc(0)));
    writer.flush();
    return 0;
  }

  /**
   * A new file is empty, and already its owner's: whoever needs it while it is filled, as a database that is started on the copy, may
   * read it. Rights that go with its content, and those that attributes narrow, come with the last piece.
   */
  #makeEmpty(fd: number, path: FileChange["path"], writer: SetWriter): number {
    const meta = metaOfFd(fd, this.options.stat);
    if (typeof meta === "number") return meta;
    const { root, start } = this.options;
    const mode = meta.mode & (meta.xattrs.length > 0 ? 0o700 : 0o777);
    const change = { op: "file", root, path, start, base: null, continues: false, extents: [], holes: [], size: 0 } as const;
    writer.add({ ...change, meta: { ...meta, mode, xattrs: [] }, payload: Buffer.alloc(0) });
    return 0;
  }

  #change(path: FileChange["path"], extents: readonly Extent[], holes: readonly Extent[], payload: Buffer): FileChange {
    const { root, base } = this.options;
    this.#sentMs = performance.now();
    const first = !this.#started;
    this.#started = true;
    this.sentBytes += payload.length;
    return {
      op: "file",
      root,
      path,
      start: "patch",
      base: first ? base : null,
      continues: !first,
      extents,
      holes,
      size: this.#size,
      meta: null,
      payload,
    };
  }

  #sendNext(fd: number, path: FileChange["path"], writer: SetWriter): number {
    const range = this.#nextRange(fd, Math.min(CHUNK_BYTES, writer.pieceBytes));
    if (range === null) return 0;
    const [start, length] = range;
    let failed = 0;
    writer.addChunk(length, (into) => {
      const got = readFully(fd, into, start);
      if (got < 0) {
        failed = got;
        return null;
      }
      this.#noteSums(start, into.subarray(0, got));
      this.#advance(start, length, got);
      return this.#change(path, [[start, got]], [], into.subarray(0, got));
    });
    return failed;
  }

  /** The next block-aligned range with data, holes passed over with their signatures noted. */
  #nextRange(fd: number, bytesMax: number): Extent | null {
    const from = this.#offset;
    if (!isSparse(this.options.stat)) return from >= this.#size ? null : [from, Math.min(bytesMax, this.#size - from)];
    const data = nextData(fd, from, this.#size);
    const start = data === null ? this.#size : Math.max(from, Math.floor(data[0] / BLOCK_BYTES) * BLOCK_BYTES);
    this.#noteZeros(from, start);
    this.#offset = start;
    if (data === null) return null;
    const end = Math.min(this.#size, Math.ceil((data[0] + data[1]) / BLOCK_BYTES) * BLOCK_BYTES);
    return [start, Math.min(bytesMax, end - start)];
  }

  #compareNext(fd: number, path: FileChange["path"], writer: SetWriter): number {
    const against = this.options.against ?? new BigUint64Array(0);
    const extents: Extent[] = [];
    const holes: Extent[] = [];
    const maySkip = isSparse(this.options.stat);
    const pieces: Buffer[] = [];
    const bytesMax = Math.min(SET_PAYLOAD_BYTES, writer.pieceBytes);
    let gathered = 0;
    let scanned = 0;
    const hasRoom = (): boolean => gathered === 0 || gathered + BLOCK_BYTES <= bytesMax;
    while (this.#offset < this.#size && hasRoom() && scanned < SCAN_BYTES_MAX) {
      const start = this.#offset;
      // Whole blocks: of those before, only parts may have been gathered.
      const blocksLeft = Math.max(1, Math.floor((bytesMax - gathered) / BLOCK_BYTES));
      const length = Math.min(blocksLeft * BLOCK_BYTES, scratch.length, this.#size - start);
      const got = readFully(fd, scratch.subarray(0, length), start);
      if (got < 0) return got;
      this.#noteSums(start, scratch.subarray(0, got));
      for (let at = 0; at < got; at += BLOCK_BYTES) {
        const index = (start + at) / BLOCK_BYTES;
        const end = Math.min(got, at + BLOCK_BYTES);
        if (index < against.length && against[index] === this.sums[index]) continue;
        if (maySkip && this.sums[index] === ZERO_BLOCK_SUM) {
          holes.push([start + at, end - at]);
          continue;
        }
        for (const [offset, bytes] of this.#differing(start + at, scratch.subarray(at, end))) {
          extents.push([offset, bytes.length]);
          pieces.push(Buffer.from(bytes));
          gathered += bytes.length;
        }
      }
      scanned += got;
      this.#advance(start, length, got);
    }
    if (extents.length + holes.length > 0) {
      const payload = writer.reserve(gathered);
      let at = 0;
      for (const piece of pieces) at += piece.copy(payload, at);
      writer.add(this.#change(path, mergeExtents(extents), mergeExtents(holes), payload));
      writer.flush();
    } else if (this.#started && performance.now() - this.#sentMs > SILENT_MS_MAX) {
      writer.add(this.#change(path, [], [], Buffer.alloc(0)));
      writer.flush();
    }
    return 0;
  }

  /** What of a block that differs is to be sent. */
  #differing(start: number, block: Buffer): readonly (readonly [number, Buffer])[] {
    const fine = this.options.fine ?? null;
    if (fine === null) return [[start, block]];
    const pieces: (readonly [number, Buffer])[] = [];
    for (let at = 0; at < block.length; at += fine.blockBytes) {
      const bytes = block.subarray(at, at + fine.blockBytes);
      const known = fine.at(start + at);
      if (known < 0 || fine.lengthOf(known) !== bytes.length || !fine.isAlike(known, bytes)) pieces.push([start + at, bytes]);
    }
    return pieces;
  }

  #finish(fd: number, path: FileChange["path"], writer: SetWriter): "more" | "done" | number {
    const stat = statAt(fd, "");
    if (typeof stat === "number") return stat;
    const { stat: before, inode } = this.options;
    const shipped = this.options.isTold?.() === true && !this.isCut ? inode.base : null;
    // Live sets may have shipped more of it before its first piece came, for nothing.
    if (shipped !== null && shipped.size > this.#size) {
      this.#grow(shipped.size);
      return "more";
    }
    if (stat.ctimeSec !== before.ctimeSec || stat.ctimeNsec !== before.ctimeNsec || stat.size !== before.size) this.isTorn = true;
    const meta = metaOfFd(fd, before);
    if (typeof meta === "number") return meta;
    writer.add({ ...this.#change(path, [], [], Buffer.alloc(0)), size: shipped?.size ?? this.#size, meta: leftAs(meta, shipped) });
    writer.flush();
    return "done";
  }

  #grow(size: number): void {
    const sums = new BigUint64Array(blockCount(size));
    sums.set(this.sums);
    this.sums = sums;
    this.#offset = Math.floor(this.#size / BLOCK_BYTES) * BLOCK_BYTES;
    this.#size = size;
  }

  #advance(start: number, wanted: number, got: number): void {
    this.#offset = start + got;
    if (got === wanted) return;
    // Shorter than it was: ship what there is, the new state is looked at again.
    this.isTorn = true;
    this.isCut = true;
    this.#size = this.#offset;
  }

  #noteSums(start: number, bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
      this.sums[(start + at) / BLOCK_BYTES] = sumOf(bytes.subarray(at, Math.min(bytes.length, at + BLOCK_BYTES)));
    }
  }

  #noteZeros(from: number, until: number): void {
    for (let at = from; at < until; at += BLOCK_BYTES) {
      const length = Math.min(BLOCK_BYTES, this.#size - at);
      this.sums[at / BLOCK_BYTES] = length === BLOCK_BYTES ? ZERO_BLOCK_SUM : sumOf(Buffer.alloc(length));
    }
  }
}

const ZERO_BLOCK_SUM = sumOf(Buffer.alloc(BLOCK_BYTES));

function mergeExtents(extents: readonly Extent[]): readonly Extent[] {
  const out: Extent[] = [];
  for (const [offset, length] of extents) {
    const last = out[out.length - 1];
    if (last !== undefined && last[0] + last[1] === offset) out[out.length - 1] = [last[0], last[1] + length];
    else out.push([offset, length]);
  }
  return out;
}

/** `shipped`: what live sets build on; null = nothing. */
export function leftAs(meta: Meta, shipped: FileBase | null): Meta {
  return shipped === null ? meta : { ...meta, mtimeSec: shipped.mtimeSec, mtimeNsec: shipped.mtimeNsec };
}
