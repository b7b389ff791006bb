// The file of a directory book to the byte (docs/journal-format.md): a header, then framed lists of entries, appended.

import { xxh64 } from "@node-rs/xxhash";

/** Where a directory was when the entry was made. */
export interface DirectoryEntry {
  /** Of its inode: device, number and birth time. */
  readonly id: bigint;
  /** Of its parent's id and its name; 0 = it is not in the set. */
  readonly place: bigint;
  readonly seq: number;
}

const MAGIC = Buffer.from("SMDIRBK\n", "latin1");
const FRAME_MAGIC = Buffer.from("SMB1", "latin1");
const VERSION = 1;
export const BOOK_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 16;
const ENTRY_BYTES = 24;
const ENTRIES_PER_FRAME = 65_536;
const U64_MASK = 0xffff_ffff_ffff_ffffn;

/** `id`: 8 bytes, other ones for each book. */
export function encodeBookHeader(id: Buffer): Buffer {
  const out = Buffer.alloc(BOOK_HEADER_BYTES);
  MAGIC.copy(out);
  out.writeUInt16LE(VERSION, 8);
  id.copy(out, 16, 0, 8);
  out.writeBigUInt64LE(xxh64(out.subarray(0, 24)), 24);
  return out;
}

/** Frames that start at `offset` of the file with this header. */
export function encodeBookFrames(entries: readonly DirectoryEntry[], header: Buffer, offset: number): Buffer {
  const frames: Buffer[] = [];
  let at = offset;
  for (let from = 0; from < entries.length; from += ENTRIES_PER_FRAME) {
    const frame = encodeFrame(entries.slice(from, from + ENTRIES_PER_FRAME), header, at);
    frames.push(frame);
    at += frame.length;
  }
  return Buffer.concat(frames);
}

function encodeFrame(entries: readonly DirectoryEntry[], header: Buffer, offset: number): Buffer {
  const out = Buffer.alloc(FRAME_HEADER_BYTES + entries.length * ENTRY_BYTES);
  let at = FRAME_HEADER_BYTES;
  for (const { id, place, seq } of entries) {
    out.writeBigUInt64LE(id, at);
    out.writeBigUInt64LE(place, at + 8);
    out.writeDoubleLE(seq, at + 16);
    at += ENTRY_BYTES;
  }
  FRAME_MAGIC.copy(out);
  out.writeUInt32LE(out.length - FRAME_HEADER_BYTES, 4);
  out.writeBigUInt64LE(xxh64(out.subarray(FRAME_HEADER_BYTES), seedAt(header, offset)), 8);
  return out;
}

function seedAt(header: Buffer, offset: number): bigint {
  return (header.readBigUInt64LE(24) + BigInt(offset)) & U64_MASK;
}

export interface BookContent {
  /** Hexadecimal. */
  readonly id: string;
  readonly header: Buffer;
  /** In the order they were made. */
  readonly entries: readonly DirectoryEntry[];
  /** Where the sound frames end: what is behind them was being written when the agent ended, and nothing relied on it. */
  readonly soundBytes: number;
}

/** Null: not a book, or damaged before its end. */
export function decodeBook(file: Buffer): BookContent | null {
  const header = file.subarray(0, BOOK_HEADER_BYTES);
  if (header.length < BOOK_HEADER_BYTES || !header.subarray(0, 8).equals(MAGIC) || header.readUInt16LE(8) !== VERSION) return null;
  if (header.readBigUInt64LE(24) !== xxh64(header.subarray(0, 24))) return null;
  const entries: DirectoryEntry[] = [];
  let at = BOOK_HEADER_BYTES;
  for (let body = readFrame(file, header, at); body !== null; body = readFrame(file, header, at)) {
    for (let from = 0; from < body.length; from += ENTRY_BYTES) {
      entries.push({ id: body.readBigUInt64LE(from), place: body.readBigUInt64LE(from + 8), seq: body.readDoubleLE(from + 16) });
    }
    at += FRAME_HEADER_BYTES + body.length;
  }
  const isTorn = at < file.length && hasFrameBehind(file, header, at);
  return isTorn ? null : { id: header.toString("hex", 16, 24), header: Buffer.from(header), entries, soundBytes: at };
}

/** Null when there is none that is sound. */
function readFrame(file: Buffer, header: Buffer, at: number): Buffer | null {
  if (file.length - at < FRAME_HEADER_BYTES || !file.subarray(at, at + 4).equals(FRAME_MAGIC)) return null;
  const length = file.readUInt32LE(at + 4);
  const end = at + FRAME_HEADER_BYTES + length;
  if (length % ENTRY_BYTES !== 0 || end > file.length) return null;
  const body = file.subarray(at + FRAME_HEADER_BYTES, end);
  return xxh64(body, seedAt(header, at)) === file.readBigUInt64LE(at + 8) ? body : null;
}

function hasFrameBehind(file: Buffer, header: Buffer, from: number): boolean {
  for (let at = file.indexOf(FRAME_MAGIC, from + 1); at >= 0; at = file.indexOf(FRAME_MAGIC, at + 1)) {
    if (readFrame(file, header, at) !== null) return true;
  }
  return false;
}
