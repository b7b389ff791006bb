// One record of the stage to the byte: a header of 56 bytes, then the change set as it came.
//   0 magic, 4 length, 8 seq, 16 afterSeq, 24 generation, 32 epoch, 40 ending, 44 zero, 48 xxh64 of header and set
// The checksum is seeded with the place in the file: a record that is merely contained in a set is never taken for one.

import { xxh64 } from "@node-rs/xxhash";
import type { SetEnding } from "./consistency.js";

const MAGIC = 0x31534d53;
export const RECORD_HEADER_BYTES = 56;
const CHECKED_BYTES = 48;
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
  into.writeUInt32LE(0, 44);
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

export function isWhole(header: Buffer, bytes: Uint8Array, offset: number): boolean {
  return header.readBigUInt64LE(CHECKED_BYTES) === checksum(header, bytes, offset);
}

function checksum(header: Buffer, bytes: Uint8Array, offset: number): bigint {
  return xxh64(bytes, xxh64(header.subarray(0, CHECKED_BYTES), BigInt(offset)));
}
