// The bytes of a change set: what the journal stores and what travels, unchanged.
//   u32 LE header length | header (msgpack) | payload (the extents' bytes, in order)
// header = ["set", seq, sourceTimeMs, flags, [change, …]], a change = [opcode, root, path, …].
// Decoding validates everything: whatever a peer sends becomes a ChangeSet or a PROTOCOL error.

import { Packr, Unpackr } from "msgpackr";
import { SmError } from "../base/errors.js";
import type { Change, RootIndex } from "./change.js";
import { decodeChange, encodeChange, payloadOf } from "./change-codec.js";
import { type ScanLimits, scanMsgpack } from "./msgpack-scan.js";
import { isTimeMs } from "./wire-time.js";

export interface ChangeSet {
  readonly seq: number;
  /** Source wall clock, ms: the state of the source that this set completes. */
  readonly sourceTimeMs: number;
  /** Completes a state that the source really had at one moment. A live set that does not is held by the target until one that does. */
  readonly closed: boolean;
  /** Ends what is held although it completes no state of the source. Never together with `closed` or `mirror`. */
  readonly forced?: boolean;
  /** Part of a mirror (or repair), not of live replication. */
  readonly mirror: boolean;
  readonly changes: readonly Change[];
}

const FLAG_CLOSED = 1;
const FLAG_MIRROR = 2;
const FLAG_FORCED = 4;

/** Largest encoded set. A journal segment (5 MiB) holds at least one. */
export const SET_BYTES_MAX = 4 * 1024 * 1024;
export const CHANGES_PER_SET_MAX = 20_000;
/** A comparison of the longest names, link targets and link groups that one set asks about, twice over. */
const HEADER_BYTES_MAX = 8 * 1024 * 1024;
/** header > changes > change > end of a rebuild > attributes > xattrs > xattr. The values: fifty for each change, or as many for few changes of many extents. */
const SCAN_LIMITS: ScanLimits = { depthMax: 7, elementsMax: 50 * CHANGES_PER_SET_MAX, maps: false };

const packr = new Packr({ useRecords: false, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false });

export function packHeader(value: unknown): Buffer {
  return packr.pack(value) as Buffer;
}

export function unpackHeader(bytes: Buffer): unknown {
  try {
    return unpackr.unpack(bytes);
  } catch (error) {
    throw new SmError("PROTOCOL", "the header of a frame is not valid msgpack", { cause: error });
  }
}

function packSetHeader(set: ChangeSet): Buffer {
  const flags = (set.closed ? FLAG_CLOSED : 0) | (set.mirror ? FLAG_MIRROR : 0) | (set.forced === true ? FLAG_FORCED : 0);
  return packHeader(["set", set.seq, set.sourceTimeMs, flags, set.changes.map(encodeChange)]);
}

export function encodeChangeSet(set: ChangeSet): Buffer {
  const header = packSetHeader(set);
  let payloadBytes = 0;
  for (const change of set.changes) payloadBytes += payloadOf(change)?.length ?? 0;
  const out = Buffer.allocUnsafeSlow(4 + header.length + payloadBytes);
  out.writeUInt32LE(header.length, 0);
  header.copy(out, 4);
  let at = 4 + header.length;
  for (const change of set.changes) {
    const payload = payloadOf(change);
    if (payload === null) continue;
    payload.copy(out, at);
    at += payload.length;
  }
  return out;
}

/**
 * Encodes a set whose payload already lies in `buffer` from `payloadStart` to its end, in order: the header goes right
 * in front of it, nothing is copied. Falls back to a copy when the header does not fit.
 */
export function encodeInPlace(set: ChangeSet, buffer: Buffer, payloadStart: number): Buffer {
  const header = packSetHeader(set);
  const start = payloadStart - header.length - 4;
  if (start < 0) return encodeChangeSet(set);
  buffer.writeUInt32LE(header.length, start);
  header.copy(buffer, start + 4);
  return buffer.subarray(start);
}

/** Splits a frame into its header value and its payload. Nothing is unpacked of what takes more room unpacked than a set may. */
function splitFrame(frame: Buffer): { readonly header: unknown; readonly payload: Buffer } {
  if (frame.length < 4) throw new SmError("PROTOCOL", `a frame of ${frame.length} bytes has no header`);
  const headerLength = frame.readUInt32LE(0);
  if (headerLength > frame.length - 4) throw new SmError("PROTOCOL", `a frame of ${frame.length} bytes claims a header of ${headerLength}`);
  if (headerLength > HEADER_BYTES_MAX) throw new SmError("PROTOCOL", `a change set has a header of ${headerLength} bytes`);
  const header = frame.subarray(4, 4 + headerLength);
  scanMsgpack(header, SCAN_LIMITS);
  return { header: unpackHeader(header), payload: frame.subarray(4 + headerLength) };
}

export function isSeq(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

export function decodeChangeSet(frame: Buffer): ChangeSet {
  const { header, payload } = splitFrame(frame);
  if (!Array.isArray(header) || header[0] !== "set" || header.length !== 5) throw new SmError("PROTOCOL", "the frame is no change set");
  const [, seq, sourceTimeMs, flags, list] = header as unknown[];
  if (!isSeq(seq) || !isTimeMs(sourceTimeMs) || typeof flags !== "number" || !Array.isArray(list)) {
    throw new SmError("PROTOCOL", "the header of a change set is malformed");
  }
  if (list.length > CHANGES_PER_SET_MAX) throw new SmError("PROTOCOL", `change set ${seq} holds ${list.length} changes`);
  const changes: Change[] = [];
  let at = 0;
  for (const item of list) {
    const decoded = decodeChange(item, payload, at);
    at = decoded.payloadEnd;
    changes.push(decoded.change);
  }
  if (at !== payload.length) throw new SmError("PROTOCOL", `change set ${seq}: ${payload.length - at} bytes of payload belong to no change`);
  if (changes.length > 1 && changes.some(({ op }) => op === "task")) throw new SmError("PROTOCOL", `change set ${seq} holds a task and something else`);
  const set = { seq, sourceTimeMs, closed: (flags & FLAG_CLOSED) !== 0, mirror: (flags & FLAG_MIRROR) !== 0, changes };
  if ((flags & FLAG_FORCED) === 0) return set;
  if (set.closed || set.mirror) throw new SmError("PROTOCOL", `change set ${seq} is forced, and closed or of a mirror as well`);
  return { ...set, forced: true };
}

/** The mapped roots that its changes lie under. */
export function rootsOf({ changes }: ChangeSet): Set<RootIndex> {
  return new Set(changes.map(({ root }) => root));
}
