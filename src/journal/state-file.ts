// SET.state: says whether the journal is in use ("open") or was closed in order ("clean"), and then what it holds.
// It is replaced atomically, so at every moment exactly one of the two is on disk; damage counts as an unclean stop.

import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { xxh64 } from "@node-rs/xxhash";
import { failpoint } from "../base/failpoint.js";
import type { Tally } from "./block.js";
import { ByteReader, ByteWriter, FormatError } from "./byte-cursor.js";
import { FORMAT_VERSION } from "./segment-format.js";
import { stateName, TEMPORARY_SUFFIX } from "./segment-name.js";
import type { Span } from "./span.js";

const STATE_MAGIC = Buffer.from("SMJSTAT\n", "latin1");
const STATE_OPEN = 0;
const STATE_CLEAN = 1;
const CHECKSUM_BYTES = 8;

export interface SegmentEntry {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly fileBytes: number;
  readonly tallies: ReadonlyMap<number, Tally>;
}

export interface JournalState {
  readonly clean: boolean;
  readonly setName: string;
  readonly epoch: string;
  readonly lastSeq: number;
  readonly cursors: readonly { readonly connectionId: number; readonly passedSeq: number }[];
  /** Spans already given up that lie among the segments. */
  readonly lost: readonly Span[];
  readonly segments: readonly SegmentEntry[];
}

export function encodeState(state: JournalState): Buffer {
  const name = Buffer.from(state.setName, "utf8");
  const out = new ByteWriter()
    .raw(STATE_MAGIC)
    .u16(FORMAT_VERSION)
    .u16(state.clean ? STATE_CLEAN : STATE_OPEN)
    .u16(name.length)
    .u16(0);
  out.raw(Buffer.from(state.epoch, "hex")).u64(state.lastSeq);
  out.u32(state.cursors.length).u32(state.lost.length).u32(state.segments.length).u32(0).raw(name);
  for (const cursor of state.cursors) out.u32(cursor.connectionId).u64(cursor.passedSeq);
  for (const span of state.lost) out.u64(span.fromSeq).u64(span.toSeq);
  for (const segment of state.segments) {
    out.u64(segment.firstSeq).u64(segment.lastSeq).u32(segment.fileBytes).u32(segment.tallies.size);
    for (const [connectionId, tally] of segment.tallies) out.u32(connectionId).u32(tally.records).u64(tally.bytes).u64(tally.lastSeq);
  }
  const body = out.bytes();
  const checksum = Buffer.alloc(CHECKSUM_BYTES);
  checksum.writeBigUInt64LE(xxh64(body));
  return Buffer.concat([body, checksum]);
}

function decodeSegment(reader: ByteReader): SegmentEntry {
  const [firstSeq, lastSeq, fileBytes, count] = [reader.u64(), reader.u64(), reader.u32(), reader.u32()];
  const tallies = new Map<number, Tally>();
  for (let i = 0; i < count; i++) tallies.set(reader.u32(), { records: reader.u32(), bytes: reader.u64(), lastSeq: reader.u64() });
  return { firstSeq, lastSeq, fileBytes, tallies };
}

function decodeBody(reader: ByteReader): JournalState {
  if (!reader.take(STATE_MAGIC.length).equals(STATE_MAGIC)) throw new FormatError("not a journal state file");
  const version = reader.u16();
  if (version !== FORMAT_VERSION) throw new FormatError(`format version ${version} is not known`);
  const clean = reader.u16() === STATE_CLEAN;
  const nameBytes = reader.u16();
  reader.u16();
  const epoch = reader.take(8).toString("hex");
  const lastSeq = reader.u64();
  const [cursorCount, lostCount, segmentCount] = [reader.u32(), reader.u32(), reader.u32()];
  reader.u32();
  const setName = reader.take(nameBytes).toString("utf8");
  const cursors: { connectionId: number; passedSeq: number }[] = [];
  for (let i = 0; i < cursorCount; i++) cursors.push({ connectionId: reader.u32(), passedSeq: reader.u64() });
  const lost: Span[] = [];
  for (let i = 0; i < lostCount; i++) lost.push({ fromSeq: reader.u64(), toSeq: reader.u64() });
  const segments: SegmentEntry[] = [];
  for (let i = 0; i < segmentCount; i++) segments.push(decodeSegment(reader));
  if (reader.left !== 0) throw new FormatError(`${reader.left} bytes too many`);
  return { clean, setName, epoch, lastSeq, cursors, lost, segments };
}

/** Throws FormatError on anything but a sound state file. */
export function decodeState(bytes: Buffer): JournalState {
  const bodyBytes = bytes.length - CHECKSUM_BYTES;
  if (bodyBytes < 0) throw new FormatError(`${bytes.length} bytes are too few`);
  const body = bytes.subarray(0, bodyBytes);
  if (bytes.readBigUInt64LE(bodyBytes) !== xxh64(body)) throw new FormatError("checksum mismatch");
  return decodeBody(new ByteReader(body));
}

/** undefined when the set has no state file; throws FormatError when it is damaged. */
export async function readState(directory: string, setName: string): Promise<JournalState | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(join(directory, stateName(setName)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const state = decodeState(bytes);
  if (state.setName !== setName) throw new FormatError(`state of another set: ${state.setName}`);
  return state;
}

export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Durable when it resolves; before that the old state file stands whole. */
export async function writeState(directory: string, state: JournalState): Promise<void> {
  const path = join(directory, stateName(state.setName));
  const handle = await open(path + TEMPORARY_SUFFIX, "w", 0o600);
  try {
    await handle.writeFile(encodeState(state));
    await handle.sync();
  } finally {
    await handle.close();
  }
  failpoint("journal.segment.beforeRename");
  await rename(path + TEMPORARY_SUFFIX, path);
  await syncDirectory(directory);
}
