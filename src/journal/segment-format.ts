// One segment file to the byte (docs/journal-format.md): a header that names set, epoch and first sequence,
// then framed records. Every checksum is seeded with the identity of the segment and the offset of the frame, so
// a frame that is merely *contained* in some record (a replicated journal file) is never taken for a record here.

import { xxh64 } from "@node-rs/xxhash";
import type { JournalRecord } from "../model/journal-port.js";
import { readU64, writeU64 } from "./byte-cursor.js";
import type { Span } from "./span.js";

export const FORMAT_VERSION = 1;
export const SEGMENT_MAGIC = Buffer.from("SMJOURN\n", "latin1");
export const FRAME_MAGIC = Buffer.from("SMR1", "latin1");
export const FRAME_HEADER_BYTES = 32;

const FIXED_HEADER_BYTES = 32;
const CHECKSUM_BYTES = 8;
const U64_MASK = 0xffff_ffff_ffff_ffffn;
const U32_MASK = 0xffff_ffffn;

export interface SegmentIdentity {
  readonly setName: string;
  /** 16 lower-case hex digits. */
  readonly epoch: string;
  readonly firstSeq: number;
}

export function frameBytesOf(record: JournalRecord): number {
  return FRAME_HEADER_BYTES + record.bytes.length;
}

export function segmentHeaderBytes(setName: string): number {
  return FIXED_HEADER_BYTES + Math.ceil(Buffer.byteLength(setName) / 8) * 8 + CHECKSUM_BYTES;
}

export function encodeSegmentHeader(identity: SegmentIdentity): Buffer {
  const name = Buffer.from(identity.setName, "utf8");
  const out = Buffer.alloc(segmentHeaderBytes(identity.setName));
  SEGMENT_MAGIC.copy(out, 0);
  out.writeUInt16LE(FORMAT_VERSION, 8);
  out.writeUInt16LE(out.length, 10);
  out.writeUInt16LE(name.length, 12);
  out.write(identity.epoch, 16, 8, "hex");
  writeU64(out, identity.firstSeq, 24);
  name.copy(out, FIXED_HEADER_BYTES);
  const checksumAt = out.length - CHECKSUM_BYTES;
  out.writeBigUInt64LE(xxh64(out.subarray(0, checksumAt)), checksumAt);
  return out;
}

/** The header's own checksum: known from the identity alone, so records stay readable when the header is damaged. */
export function segmentSeed(header: Buffer): bigint {
  return header.readBigUInt64LE(header.length - CHECKSUM_BYTES);
}

function headerHash(frame: Buffer, seed: bigint, offset: number): bigint {
  return xxh64(frame.subarray(0, 20), (seed + BigInt(offset)) & U64_MASK);
}

/** Writes the 32 bytes that stand before the record's bytes when its frame starts at `offset` of the file. */
export function encodeFrameHeader(out: Buffer, record: JournalRecord, seed: bigint, offset: number): void {
  FRAME_MAGIC.copy(out, 0);
  out.writeUInt32LE(record.bytes.length, 4);
  writeU64(out, record.seq, 8);
  out.writeUInt32LE(record.connectionId, 16);
  const hash = headerHash(out, seed, offset);
  out.writeUInt32LE(Number(hash & U32_MASK), 20);
  out.writeBigUInt64LE(xxh64(record.bytes, hash), 24);
}

type Frame =
  | { readonly kind: "record"; readonly record: JournalRecord; readonly end: number }
  /** The header is sound, the bytes are not: the next frame starts at `end`. */
  | { readonly kind: "damaged"; readonly end: number }
  | { readonly kind: "none" };

function readFrame(file: Buffer, at: number, seed: bigint): Frame {
  if (file.length - at < FRAME_HEADER_BYTES || !isMagicAt(file, at)) return { kind: "none" };
  const header = file.subarray(at, at + FRAME_HEADER_BYTES);
  const hash = headerHash(header, seed, at);
  if (header.readUInt32LE(20) !== Number(hash & U32_MASK)) return { kind: "none" };
  const end = at + FRAME_HEADER_BYTES + header.readUInt32LE(4);
  if (end > file.length) return { kind: "none" };
  const bytes = file.subarray(at + FRAME_HEADER_BYTES, end);
  if (xxh64(bytes, hash) !== header.readBigUInt64LE(24)) return { kind: "damaged", end };
  return { kind: "record", record: { seq: readU64(header, 8), connectionId: header.readUInt32LE(16), bytes }, end };
}

function isMagicAt(file: Buffer, at: number): boolean {
  return file[at] === FRAME_MAGIC[0] && file[at + 1] === FRAME_MAGIC[1] && file[at + 2] === FRAME_MAGIC[2] && file[at + 3] === FRAME_MAGIC[3];
}

/** Where reading goes on after a place that holds no frame: the next sound record, or -1. */
function nextRecordAt(file: Buffer, from: number, seed: bigint, isNext: (seq: number) => boolean): number {
  for (let at = file.indexOf(FRAME_MAGIC, from); at >= 0; at = file.indexOf(FRAME_MAGIC, at + 1)) {
    const frame = readFrame(file, at, seed);
    if (frame.kind === "record" && isNext(frame.record.seq)) return at;
  }
  return -1;
}

export interface ParsedSegment {
  readonly records: JournalRecord[];
  /** What is missing between firstSeq and lastSeq of the segment, in order. */
  readonly lost: readonly Span[];
  /** End of the last sound record: what follows is a torn tail. */
  readonly soundBytes: number;
  readonly headerSound: boolean;
}

/** Reads whatever is sound in a segment that was written with `identity` and ended at `lastSeq`. Never throws on garbage. */
export function parseSegment(file: Buffer, identity: SegmentIdentity, lastSeq: number): ParsedSegment {
  const header = encodeSegmentHeader(identity);
  const seed = segmentSeed(header);
  const records: JournalRecord[] = [];
  const lost: Span[] = [];
  let at = header.length;
  let soundBytes = at;
  let expectedSeq = identity.firstSeq;
  let damaged = false;
  const isNext = (seq: number): boolean => seq >= expectedSeq && seq <= lastSeq;
  while (at < file.length) {
    const frame = readFrame(file, at, seed);
    if (frame.kind === "record" && isNext(frame.record.seq)) {
      if (damaged || (records.length === 0 && frame.record.seq > identity.firstSeq)) lost.push({ fromSeq: expectedSeq, toSeq: frame.record.seq - 1 });
      damaged = false;
      records.push(frame.record);
      expectedSeq = frame.record.seq + 1;
      at = frame.end;
      soundBytes = at;
      continue;
    }
    damaged = true;
    if (frame.kind === "damaged") at = frame.end;
    else {
      const next = nextRecordAt(file, at + 1, seed, isNext);
      if (next < 0) break;
      at = next;
    }
  }
  if (expectedSeq <= lastSeq) lost.push({ fromSeq: expectedSeq, toSeq: lastSeq });
  const headerSound = file.length >= header.length && file.subarray(0, header.length).equals(header);
  return { records, lost: lost.filter((span) => span.fromSeq <= span.toSeq), soundBytes, headerSound };
}
