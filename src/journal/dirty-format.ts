// The file of one dirty map to the byte (docs/journal-format.md): a header, then framed lists of steps, appended. Read from
// the front, the steps give the map again.

import { xxh64 } from "@node-rs/xxhash";
import { type BytePath, isBytePath, toBuffer } from "../model/byte-path.js";
import type { DirtyLevel, DirtyPlace } from "../model/dirty-place.js";
import { ByteReader, ByteWriter, FormatError } from "./byte-cursor.js";
import type { DirtyMark } from "./dirty-map.js";

export type DirtyStep =
  | { readonly kind: "mark"; readonly mark: DirtyMark }
  | { readonly kind: "clear"; readonly place: DirtyPlace }
  | { readonly kind: "links"; readonly owed: boolean }
  /** Unix, ms: when the map got its first place. */
  | { readonly kind: "since"; readonly ms: number };

export interface DirtyContent {
  readonly steps: readonly DirtyStep[];
  /** What is behind the sound frames; null = the file ends with them. Torn: a frame that was being written, and that nobody relied on. */
  readonly damage: "torn" | "corrupt" | null;
}

const VERSION = 1;
const MAGIC = Buffer.from("SMDIRTY\n", "latin1");
const FRAME_MAGIC = Buffer.from("SMD1", "latin1");
export const DIRTY_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 16;
const FRAME_BYTES_MAX = 64 * 1024 * 1024;
const U64_MASK = 0xffff_ffff_ffff_ffffn;
const LEVELS: readonly DirtyLevel[] = ["entry", "names", "tree"];
const [MARK, CLEAR, LINKS, SINCE] = [1, 2, 3, 4];

/** `salt` differs from file to file: a frame of another one is never taken for one of this. */
export function encodeDirtyHeader(connectionId: number, salt: Buffer): Buffer {
  const out = new ByteWriter().raw(MAGIC).u16(VERSION).u16(0).u32(connectionId).raw(salt).bytes();
  const checksum = Buffer.alloc(8);
  checksum.writeBigUInt64LE(xxh64(out));
  return Buffer.concat([out, checksum]);
}

/** Frame that starts at `offset` of the file with this header. */
export function encodeDirtyFrame(steps: readonly DirtyStep[], header: Buffer, offset: number): Buffer {
  const body = Buffer.concat(steps.map(encodeStep));
  const out = Buffer.alloc(FRAME_HEADER_BYTES + body.length);
  FRAME_MAGIC.copy(out, 0);
  out.writeUInt32LE(body.length, 4);
  out.writeBigUInt64LE(xxh64(body, seedAt(header, offset)), 8);
  body.copy(out, FRAME_HEADER_BYTES);
  return out;
}

function seedAt(header: Buffer, offset: number): bigint {
  return (header.readBigUInt64LE(DIRTY_HEADER_BYTES - 8) + BigInt(offset)) & U64_MASK;
}

function encodeStep(step: DirtyStep): Buffer {
  switch (step.kind) {
    case "mark": {
      const { files, bytes } = step.mark;
      return Buffer.concat([encodePlace(MARK, step.mark), new ByteWriter().u64(files).u64(bytes).bytes()]);
    }
    case "clear":
      return encodePlace(CLEAR, step.place);
    case "links":
      return Buffer.from([LINKS, step.owed ? 1 : 0]);
    case "since":
      return Buffer.concat([Buffer.from([SINCE, 0]), new ByteWriter().u64(step.ms).bytes()]);
  }
}

function encodePlace(kind: number, { root, path, level, thorough }: DirtyPlace): Buffer {
  const name = toBuffer(path);
  return new ByteWriter()
    .raw(Buffer.from([kind, LEVELS.indexOf(level) | (thorough ? 4 : 0)]))
    .u32(root)
    .u16(name.length)
    .raw(name)
    .bytes();
}

/** Throws FormatError when the header is not that of a map of the connection. */
export function decodeDirty(file: Buffer, connectionId: number): DirtyContent {
  const header = file.subarray(0, DIRTY_HEADER_BYTES);
  checkHeader(header, connectionId);
  const steps: DirtyStep[] = [];
  let at = DIRTY_HEADER_BYTES;
  while (at < file.length) {
    const frame = readFrame(file, header, at);
    if (frame === undefined) return { steps, damage: hasFrameAfter(file, header, at) ? "corrupt" : "torn" };
    for (const reader = new ByteReader(frame); reader.left > 0; ) steps.push(decodeStep(reader));
    at += FRAME_HEADER_BYTES + frame.length;
  }
  return { steps, damage: null };
}

function checkHeader(header: Buffer, connectionId: number): void {
  if (header.length < DIRTY_HEADER_BYTES || !header.subarray(0, MAGIC.length).equals(MAGIC)) throw new FormatError("not a dirty map");
  if (header.readBigUInt64LE(DIRTY_HEADER_BYTES - 8) !== xxh64(header.subarray(0, DIRTY_HEADER_BYTES - 8))) throw new FormatError("checksum mismatch");
  const version = header.readUInt16LE(8);
  if (version !== VERSION) throw new FormatError(`format version ${version} is not known`);
  if (header.readUInt32LE(12) !== connectionId) throw new FormatError(`a dirty map of connection ${header.readUInt32LE(12)}`);
}

/** The body of the frame at `at`; undefined when it is not sound. */
function readFrame(file: Buffer, header: Buffer, at: number): Buffer | undefined {
  if (file.length - at < FRAME_HEADER_BYTES || !file.subarray(at, at + 4).equals(FRAME_MAGIC)) return undefined;
  const length = file.readUInt32LE(at + 4);
  const end = at + FRAME_HEADER_BYTES + length;
  if (length > FRAME_BYTES_MAX || end > file.length) return undefined;
  const body = file.subarray(at + FRAME_HEADER_BYTES, end);
  return xxh64(body, seedAt(header, at)) === file.readBigUInt64LE(at + 8) ? body : undefined;
}

function hasFrameAfter(file: Buffer, header: Buffer, from: number): boolean {
  for (let at = file.indexOf(FRAME_MAGIC, from + 1); at >= 0; at = file.indexOf(FRAME_MAGIC, at + 1)) {
    if (readFrame(file, header, at) !== undefined) return true;
  }
  return false;
}

function decodeStep(reader: ByteReader): DirtyStep {
  const [kind, detail] = reader.take(2) as unknown as readonly [number, number];
  if (kind === LINKS) return { kind: "links", owed: detail === 1 };
  if (kind === SINCE) return { kind: "since", ms: reader.u64() };
  const place = decodePlace(reader, detail);
  if (kind === CLEAR) return { kind: "clear", place };
  if (kind !== MARK) throw new FormatError(`step ${kind} is not known`);
  return { kind: "mark", mark: { ...place, files: reader.u64(), bytes: reader.u64() } };
}

function decodePlace(reader: ByteReader, detail: number): DirtyPlace {
  const level = LEVELS[detail & 3];
  if (level === undefined || detail > 7) throw new FormatError(`level ${detail} is not known`);
  const root = reader.u32();
  const path = reader.take(reader.u16()).toString("latin1");
  if (!isBytePath(path)) throw new FormatError("a path is none");
  return { root, path: path as BytePath, level, thorough: (detail & 4) !== 0 };
}
