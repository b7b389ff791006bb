// One record of the stage to the byte: a header of 56 bytes, then the change set as it came.
//   0 magic, 4 length, 8 seq, 16 afterSeq, 24 generation, 32 epoch, 40 ending, 44 checksum of these, 48 xxh64 of header and set
// The checksums are seeded with the place in the file: a record that is merely contained in a set is never taken for one. That of
// the header alone is never 0: what has 0 there was written by a version that had none.

import { xxh64 } from "@node-rs/xxhash";
import type { SetEnding } from "./consistency.js";

const MAGIC = 0x31534d53;
export const RECORD_HEADER_BYTES = 56;
const CHECKED_BYTES = 48;
const HEAD_CHECK_AT = 44;
const ENDINGS: readonly SetEnding[] = ["none", "closed", "forced", "limit", "failed"];

export interface StageRecord {
  readonly seq: number;
  /** The set before it in the stream: it must be applied first. */
  readonly afterSeq: number;
  readonly epoch: string;
  /** "none": more of its group follows. Any other ends it. */
  readonly ending: SetEnding;
  /** Empty in a record that only ends the group before it. */
  readonly bytes: Uint8Array;
}

export interface RecordHeader extends Omit<StageRecord, "bytes"> {
  readonly length: number;
  readonly generation: number;
}

export function encodeRecordHeader(into: Buffer, record: StageRecord, generation: number, offset: number): void {
  into.writeUInt32LE(MAGIC, 0);
  into.writeUInt32LE(record.bytes.length, 4);
  into.writeDoubleLE(record.seq, 8);
  into.writeDoubleLE(record.afterSeq, 16);
  into.writeDoubleLE(generation, 24);
  into.write(record.epoch, 32, 8, "hex");
  into.writeUInt32LE(ENDINGS.indexOf(record.ending), 40);
  into.writeUInt32LE(headChecksum(into, offset), HEAD_CHECK_AT);
  into.writeBigUInt64LE(checksum(into, record.bytes, offset), CHECKED_BYTES);
}

/** Undefined when no record begins here. Whether it is whole, `isWhole` tells. */
export function decodeRecordHeader(header: Buffer): RecordHeader | undefined {
  if (header.readUInt32LE(0) !== MAGIC) return undefined;
  const ending = ENDINGS[header.readUInt32LE(40)];
  if (ending === undefined) return undefined;
  return {
    length: header.readUInt32LE(4),
    seq: header.readDoubleLE(8),
    afterSeq: header.readDoubleLE(16),
    generation: header.readDoubleLE(24),
    epoch: header.toString("hex", 32, 40),
    ending,
  };
}

/** The header alone is as it was written: the length and numbers in it can be trusted, whatever became of the set. */
export function isHeaderWhole(header: Buffer, offset: number): boolean {
  return header.readUInt32LE(HEAD_CHECK_AT) === headChecksum(header, offset);
}

export function isWhole(header: Buffer, bytes: Uint8Array, offset: number): boolean {
  return header.readBigUInt64LE(CHECKED_BYTES) === checksum(header, bytes, offset);
}

function headChecksum(header: Buffer, offset: number): number {
  return Number(BigInt.asUintN(32, xxh64(header.subarray(0, HEAD_CHECK_AT), BigInt(offset)))) || 1;
}

function checksum(header: Buffer, bytes: Uint8Array, offset: number): bigint {
  return xxh64(bytes, xxh64(header.subarray(0, CHECKED_BYTES), BigInt(offset)));
}
