// The journal in memory is an ordered list of blocks. A memory block holds its records; a disk block stands for one
// segment file, with its records resident while the segment grows and while somebody reads it.

import type { JournalRecord } from "../model/journal-port.js";
import { frameBytesOf } from "./segment-format.js";
import type { Span } from "./span.js";

/** What one connection id (0 = all) has in a block. */
export interface Tally {
  readonly records: number;
  readonly bytes: number;
  readonly lastSeq: number;
}

export interface Weight {
  readonly records: number;
  readonly bytes: number;
}

/** Sequence, length and connection of each record of a segment whose bytes are not resident. */
export interface RecordIndex {
  readonly seqs: Float64Array;
  readonly lengths: Uint32Array;
  readonly connectionIds: Uint32Array;
}

export function indexOf(records: readonly JournalRecord[]): RecordIndex {
  return {
    seqs: Float64Array.from(records, (record) => record.seq),
    lengths: Uint32Array.from(records, (record) => record.bytes.length),
    connectionIds: Uint32Array.from(records, (record) => record.connectionId),
  };
}

export function tallyRecords(records: readonly JournalRecord[]): Map<number, Tally> {
  const tallies = new Map<number, Tally>();
  for (const record of records) addTally(tallies, record);
  return tallies;
}

export function addTally(tallies: Map<number, Tally>, record: JournalRecord): void {
  const old = tallies.get(record.connectionId);
  tallies.set(record.connectionId, { records: (old?.records ?? 0) + 1, bytes: (old?.bytes ?? 0) + record.bytes.length, lastSeq: record.seq });
}

/** Index of the first item whose `seqAt` is above `seq`. */
export function firstAbove(length: number, seqAt: (index: number) => number, seq: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (seqAt(middle) > seq) high = middle;
    else low = middle + 1;
  }
  return low;
}

const seqOf =
  (records: readonly JournalRecord[]) =>
  (index: number): number =>
    records[index]?.seq ?? Number.POSITIVE_INFINITY;

export function nextRecord(records: readonly JournalRecord[], connectionId: number, afterSeq: number): JournalRecord | undefined {
  for (let i = firstAbove(records.length, seqOf(records), afterSeq); i < records.length; i++) {
    const record = records[i];
    if (record !== undefined && (record.connectionId === 0 || record.connectionId === connectionId)) return record;
  }
  return undefined;
}

abstract class BaseBlock {
  firstSeq: number;
  lastSeq: number;
  tallies: Map<number, Tally>;
  /** No longer part of the journal: what still works on it stops. */
  dropped = false;

  constructor(firstSeq: number, lastSeq: number, tallies: Map<number, Tally>) {
    this.firstSeq = firstSeq;
    this.lastSeq = lastSeq;
    this.tallies = tallies;
  }

  /** Everything in the block that `connectionId` receives. */
  weight(connectionId: number): Weight {
    const shared = this.tallies.get(0);
    const own = connectionId === 0 ? undefined : this.tallies.get(connectionId);
    return { records: (shared?.records ?? 0) + (own?.records ?? 0), bytes: (shared?.bytes ?? 0) + (own?.bytes ?? 0) };
  }

  hasFor(connectionId: number, afterSeq: number): boolean {
    return (this.tallies.get(0)?.lastSeq ?? -1) > afterSeq || (this.tallies.get(connectionId)?.lastSeq ?? -1) > afterSeq;
  }
}

function weightOfRecords(records: readonly JournalRecord[], connectionId: number, afterSeq: number): Weight {
  let [count, bytes] = [0, 0];
  for (let i = firstAbove(records.length, seqOf(records), afterSeq); i < records.length; i++) {
    const record = records[i];
    if (record === undefined || (record.connectionId !== 0 && record.connectionId !== connectionId)) continue;
    count++;
    bytes += record.bytes.length;
  }
  return { records: count, bytes };
}

const BLOCK_BYTES_MAX = 1024 * 1024;
const BLOCK_RECORDS_MAX = 4096;

export class MemoryBlock extends BaseBlock {
  readonly kind = "memory";
  records: JournalRecord[];
  frameBytes: number;

  constructor(records: JournalRecord[]) {
    super(records[0]?.seq ?? 0, records.at(-1)?.seq ?? 0, tallyRecords(records));
    this.records = records;
    this.frameBytes = records.reduce((sum, record) => sum + frameBytesOf(record), 0);
  }

  hasRoom(frameBytes: number): boolean {
    return this.records.length < BLOCK_RECORDS_MAX && this.frameBytes + frameBytes <= BLOCK_BYTES_MAX;
  }

  push(record: JournalRecord): void {
    this.records.push(record);
    this.lastSeq = record.seq;
    this.frameBytes += frameBytesOf(record);
    addTally(this.tallies, record);
  }

  /** Replaces what the block holds by a part of it. */
  retain(records: JournalRecord[]): void {
    this.records = records;
    this.firstSeq = records[0]?.seq ?? this.lastSeq;
    this.lastSeq = records.at(-1)?.seq ?? this.lastSeq;
    this.tallies = tallyRecords(records);
    this.frameBytes = records.reduce((sum, record) => sum + frameBytesOf(record), 0);
  }

  /** Takes unwanted records off the head. Tallies keep their lastSeq, so they stay right for every cursor that is behind. */
  release(isWanted: (record: JournalRecord) => boolean, onRelease: (record: JournalRecord) => void): void {
    let count = 0;
    for (const record of this.records) {
      if (isWanted(record)) break;
      const tally = this.tallies.get(record.connectionId);
      if (tally !== undefined) this.tallies.set(record.connectionId, { ...tally, records: tally.records - 1, bytes: tally.bytes - record.bytes.length });
      this.frameBytes -= frameBytesOf(record);
      count++;
      onRelease(record);
    }
    if (count > 0) this.records.splice(0, count);
    this.firstSeq = this.records[0]?.seq ?? this.lastSeq;
  }

  weightAfter(connectionId: number, afterSeq: number): Weight {
    return weightOfRecords(this.records, connectionId, afterSeq);
  }
}

export class DiskBlock extends BaseBlock {
  readonly kind = "disk";
  fileName: string;
  /** Size the file has or will have when everything pending is written. */
  bytes: number;
  /** Size of what is written and whole. */
  fileBytes = 0;
  /** How many records are in `fileBytes`. */
  written = 0;
  /** Set when the file has its final name and takes no more. */
  sealed = false;
  /** Takes no more records (its seal is queued, or its write failed). */
  ended = false;
  /** A write failed: what is still queued for it must not be written. */
  failed = false;
  synced = false;
  /** Kept at a give-up because it is being sent: later records may go to memory behind it. */
  pinned = false;
  records: JournalRecord[] | undefined;
  index: RecordIndex | undefined;
  /** Damage that was reported: reading the segment again finds it again. */
  knownLost: readonly Span[] = [];
  loading: Promise<JournalRecord[]> | undefined;

  constructor(fileName: string, firstSeq: number, headerBytes: number) {
    super(firstSeq, firstSeq, new Map());
    this.fileName = fileName;
    this.bytes = headerBytes;
    this.records = [];
  }

  push(record: JournalRecord): void {
    this.records?.push(record);
    this.lastSeq = record.seq;
    this.bytes += frameBytesOf(record);
    addTally(this.tallies, record);
  }

  /** Exact while records or index are there; else by the share of sequence numbers, until the segment is read. */
  weightAfter(connectionId: number, afterSeq: number): Weight {
    if (this.records !== undefined) return weightOfRecords(this.records, connectionId, afterSeq);
    const all = this.weight(connectionId);
    if (afterSeq < this.firstSeq) return all;
    if (this.index !== undefined) return weightOfIndex(this.index, connectionId, afterSeq);
    if (!this.hasFor(connectionId, afterSeq)) return { records: 0, bytes: 0 };
    const share = Math.max(0, this.lastSeq - afterSeq) / (this.lastSeq - this.firstSeq + 1);
    return { records: Math.round(all.records * share), bytes: Math.round(all.bytes * share) };
  }
}

function weightOfIndex(index: RecordIndex, connectionId: number, afterSeq: number): Weight {
  let [count, bytes] = [0, 0];
  const from = firstAbove(index.seqs.length, (i) => index.seqs[i] ?? Number.POSITIVE_INFINITY, afterSeq);
  for (let i = from; i < index.seqs.length; i++) {
    const owner = index.connectionIds[i];
    if (owner !== 0 && owner !== connectionId) continue;
    count++;
    bytes += index.lengths[i] ?? 0;
  }
  return { records: count, bytes };
}

export type Block = MemoryBlock | DiskBlock;
