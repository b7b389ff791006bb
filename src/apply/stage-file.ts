// One of the two files of the stage: records from its beginning on, written over again after a rewind. What is behind the
// last record of its generation is of an earlier one, or torn: reading stops there.

import { statfsSync } from "node:fs";
import { EINTR, EINVAL, ENOSPC, ENOTSUP, fsError } from "../fs/errno.js";
import { AT_FDCWD, allocateFd, closeFd, fdatasyncFd, O_CREAT, O_RDWR, openAt, preadFd, seekFd, truncateFd } from "../fs/native.js";
import { bytesFromText } from "../model/byte-path.js";
import { writeAll } from "./file-content.js";
import { decodeRecordHeader, encodeRecordHeader, isHeaderWhole, isWhole, RECORD_HEADER_BYTES, type RecordHeader, type StageRecord } from "./stage-format.js";

/** Small records are written together, from a buffer of this size. */
const GATHER_BYTES = 256 * 1024;
/** The file grows by steps, so that a sync of what was written seldom has to write its size as well. */
const STEP_BYTES = 4 * 1024 * 1024;
const SEEK_END = 2;
/** Room that is left to the answers and cursors beside it: without them nothing that is staged could ever be applied. */
const RESERVE_BYTES = 32 * 1024 * 1024;
/** On small volumes. */
const RESERVE_SHARE = 0.25;

export interface StagedSet extends RecordHeader {
  /** Where its bytes begin. */
  readonly offset: number;
}

/** How far the stream that matters is applied: what is before, or of another one, is of no use any more. */
export interface Applied {
  readonly epoch: string;
  readonly seq: number;
}

export class StageFile {
  readonly #fd: number;
  readonly #path: string;
  readonly #gather = Buffer.allocUnsafeSlow(GATHER_BYTES);
  #allocatedBytes: number;
  #generation = 0;
  #usedBytes = 0;
  #lastSeq = 0;

  private constructor(fd: number, path: string, allocatedBytes: number) {
    this.#fd = fd;
    this.#path = path;
    this.#allocatedBytes = allocatedBytes;
  }

  static open(path: string): StageFile {
    const fd = openAt(AT_FDCWD, bytesFromText(path), O_RDWR | O_CREAT, 0o600);
    if (fd < 0) throw fsError(fd, "open the stage", bytesFromText(path));
    return new StageFile(fd, path, seekFd(fd, 0, SEEK_END));
  }

  get generation(): number {
    return this.#generation;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Of the records of this generation that are of use; 0 when there are none. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** What is behind this set comes once more. */
  forgetBehind(seq: number): void {
    this.#lastSeq = Math.min(this.#lastSeq, seq);
  }

  /** Reads what an earlier process left, and goes on behind the last whole group. The bytes of what was applied are not asked for. */
  scan(applied: Applied): readonly StagedSet[] {
    const found: StagedSet[] = [];
    let whole = 0;
    for (let at = 0; ; ) {
      const set = this.#readRecord(at, found.at(-1), applied);
      if (set === undefined) return found.slice(0, whole);
      found.push(set);
      at = set.offset + set.length;
      if (set.ending === "none") continue;
      whole = found.length;
      this.#generation = set.generation;
      this.#usedBytes = at;
      this.#lastSeq = set.seq;
    }
  }

  #readRecord(at: number, before: StagedSet | undefined, applied: Applied): StagedSet | undefined {
    const header = Buffer.alloc(RECORD_HEADER_BYTES);
    if (at + RECORD_HEADER_BYTES > this.#allocatedBytes || !this.#fill(header, at)) return undefined;
    const record = decodeRecordHeader(header);
    const offset = at + RECORD_HEADER_BYTES;
    if (record === undefined || record.length > this.#allocatedBytes - offset) return undefined;
    if (before !== undefined && (record.generation !== before.generation || record.seq < before.seq)) return undefined;
    const isOver = record.epoch !== applied.epoch || record.seq <= applied.seq;
    if (isOver && isHeaderWhole(header, at)) return { ...record, offset };
    const bytes = Buffer.allocUnsafe(record.length);
    if (!this.#fill(bytes, offset) || !isWhole(header, bytes, at)) return undefined;
    return { ...record, offset };
  }

  /** The bytes of one set; throws when the disk does not give them back. */
  read({ offset, length }: Pick<StagedSet, "offset" | "length">): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length);
    if (!this.#fill(bytes, offset)) throw fsError(-EINVAL, "read the stage", bytesFromText(this.#path));
    return bytes;
  }

  #fill(into: Buffer, offset: number): boolean {
    for (let done = 0; done < into.length; ) {
      const read = preadFd(this.#fd, into.subarray(done), into.length - done, offset + done);
      if (read === -EINTR) continue;
      if (read <= 0) return false;
      done += read;
    }
    return true;
  }

  /** Where each record's bytes are, or the negative errno: then nothing was appended. */
  append(records: readonly StageRecord[]): readonly number[] | number {
    const offsets: number[] = [];
    let total = 0;
    for (const { bytes } of records) {
      offsets.push(this.#usedBytes + total + RECORD_HEADER_BYTES);
      total += RECORD_HEADER_BYTES + bytes.length;
    }
    const result = this.#allocate(this.#usedBytes + total);
    const written = result < 0 ? result : this.#write(records);
    if (written < 0) return written;
    this.#usedBytes += total;
    this.#lastSeq = records.at(-1)?.seq ?? this.#lastSeq;
    return offsets;
  }

  /** File systems that cannot allocate ahead grow as they are written. */
  #allocate(until: number): number {
    if (until <= this.#allocatedBytes) return 0;
    const wanted = Math.ceil(until / STEP_BYTES) * STEP_BYTES;
    const size = this.#hasRoom(wanted - this.#allocatedBytes) ? wanted : until;
    if (size === until && !this.#hasRoom(until - this.#allocatedBytes)) return -ENOSPC;
    const result = allocateFd(this.#fd, 0, this.#allocatedBytes, size - this.#allocatedBytes);
    if (result < 0 && result !== -ENOTSUP && result !== -ENOSPC && result !== -EINVAL) return result;
    this.#allocatedBytes = result < 0 ? until : size;
    return 0;
  }

  #write(records: readonly StageRecord[]): number {
    const gather = this.#gather;
    let at = this.#usedBytes;
    let gathered = 0;
    const flush = (): number => {
      const result = gathered === 0 ? 0 : writeAll(this.#fd, gather.subarray(0, gathered), at);
      at += gathered;
      gathered = 0;
      return result;
    };
    for (const record of records) {
      const { bytes } = record;
      const isLarge = RECORD_HEADER_BYTES + bytes.length > GATHER_BYTES / 2;
      if (gathered + RECORD_HEADER_BYTES + (isLarge ? 0 : bytes.length) > GATHER_BYTES) {
        const result = flush();
        if (result < 0) return result;
      }
      encodeRecordHeader(gather.subarray(gathered), record, this.#generation, at + gathered);
      gathered += RECORD_HEADER_BYTES;
      if (!isLarge) {
        gather.set(bytes, gathered);
        gathered += bytes.length;
        continue;
      }
      const result = flush() || writeAll(this.#fd, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), at);
      if (result < 0) return result;
      at += bytes.length;
    }
    return flush();
  }

  /** 0, or the negative errno. */
  sync(): number {
    return fdatasyncFd(this.#fd);
  }

  /** Begins again at the front: what it holds is needed no more. */
  rewind(generation: number): void {
    this.#generation = generation;
    this.#usedBytes = 0;
    this.#lastSeq = 0;
    if (this.#hasRoom(0) || truncateFd(this.#fd, 0) < 0) return;
    this.#allocatedBytes = 0;
  }

  /** Its volume has the reserve left when the file has grown by so much. */
  #hasRoom(growthBytes: number): boolean {
    const { blocks, bavail, bsize } = statfsSync(this.#path);
    return bavail * bsize - growthBytes >= Math.min(RESERVE_BYTES, blocks * bsize * RESERVE_SHARE);
  }

  close(): void {
    closeFd(this.#fd);
  }
}
