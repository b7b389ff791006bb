// Event buffers of a fanotify group as records. The kernel is trusted, but not with memory: every length is checked
// against what was read, and what does not fit is "damaged", which the caller treats as lost events.
// Layout: fanotify_event_metadata, then information records, each { u8 type, u8 pad, u16 length, fsid, file handle, name }.

import { FAN_Q_OVERFLOW } from "../fs/fanotify.js";
import { HANDLE_BYTES_MAX } from "../fs/file-handle.js";
import { NAME_BYTES_MAX } from "../model/byte-path.js";

/**
 * An inode of a file system as latin1 text: the file system's identity, then the handle (see file-handle.ts). Two
 * events are about the same inode exactly when their keys are equal.
 */
export type InodeKey = string;

/** Bytes of a key before the handle. */
export const FSID_BYTES = 8;

export interface NamedPlace {
  readonly directory: InodeKey;
  /** Bytes as latin1 text; "." = the directory itself. */
  readonly name: string;
}

export interface FanotifyEvent {
  /** FAN_ bits: several events about one place come merged, and in no order. */
  readonly mask: number;
  /** The process that did it. */
  readonly pid: number;
  /** The inode it was done to; null when the kernel does not say (a directory's own events say it by their place). */
  readonly target: InodeKey | null;
  /** Where; null for an inode that was reached without a name. */
  readonly place: NamedPlace | null;
  readonly from: NamedPlace | null;
  readonly to: NamedPlace | null;
}

const METADATA_VERSION = 3;
const METADATA_BYTES = 24;
const INFO_FID = 1;
const INFO_DFID_NAME = 2;
const INFO_DFID = 3;
const INFO_OLD_DFID_NAME = 10;
const INFO_NEW_DFID_NAME = 12;
const FSID_AT = 4;
const HANDLE_AT = FSID_AT + FSID_BYTES;
const HANDLE_DATA_AT = HANDLE_AT + 8;

/** The largest event there is, with room to spare: a read that leaves as much of its buffer free has emptied the queue. */
export const EVENT_BYTES_MAX = 4096;

/** Hands each event of `buffer[0..length)` to `take`. False = damaged: from some point on nothing could be told. */
export function parseEvents(buffer: Buffer, length: number, take: (event: FanotifyEvent) => void): boolean {
  let at = 0;
  while (at < length) {
    if (length - at < METADATA_BYTES) return false;
    const eventLength = buffer.readUInt32LE(at);
    const infoAt = buffer.readUInt16LE(at + 6);
    if (buffer[at + 4] !== METADATA_VERSION || infoAt < METADATA_BYTES || eventLength < infoAt || eventLength > length - at) return false;
    const event = parseEvent(buffer, at, at + infoAt, at + eventLength);
    if (event === null) return false;
    take(event);
    at += eventLength;
  }
  return true;
}

/** How many bytes of `buffer[0..length)`, which begins with an event, are events that it holds to their end. */
export function wholeEvents(buffer: Buffer, length: number): number {
  let at = 0;
  while (length - at >= METADATA_BYTES) {
    const eventLength = buffer.readUInt32LE(at);
    if (eventLength < METADATA_BYTES || eventLength > length - at) break;
    at += eventLength;
  }
  return at;
}

function parseEvent(buffer: Buffer, start: number, infoAt: number, end: number): FanotifyEvent | null {
  const event: { -readonly [K in keyof FanotifyEvent]: FanotifyEvent[K] } = {
    mask: buffer.readUInt32LE(start + 8),
    pid: buffer.readInt32LE(start + 20),
    target: null,
    place: null,
    from: null,
    to: null,
  };
  let at = infoAt;
  while (at < end) {
    if (end - at < 4) return null;
    const infoLength = buffer.readUInt16LE(at + 2);
    const infoEnd = at + infoLength;
    if (infoLength < 4 || infoEnd > end) return null;
    const type = buffer[at];
    if (type === INFO_FID || type === INFO_DFID) {
      const key = parseKey(buffer, at, infoEnd);
      if (key === null) return null;
      if (type === INFO_FID) event.target = key;
      else event.place = { directory: key, name: "." };
    } else if (type === INFO_DFID_NAME || type === INFO_OLD_DFID_NAME || type === INFO_NEW_DFID_NAME) {
      const place = parsePlace(buffer, at, infoEnd);
      if (place === null) return null;
      if (type === INFO_DFID_NAME) event.place = place;
      else if (type === INFO_OLD_DFID_NAME) event.from = place;
      else event.to = place;
    }
    at = infoEnd;
  }
  const tells = event.target !== null || event.place !== null || event.from !== null || event.to !== null;
  return tells || (event.mask & FAN_Q_OVERFLOW) !== 0 ? event : null;
}

function handleEnd(buffer: Buffer, at: number, end: number): number {
  if (end - at < HANDLE_DATA_AT) return -1;
  const handleBytes = buffer.readUInt32LE(at + HANDLE_AT);
  const dataEnd = at + HANDLE_DATA_AT + handleBytes;
  return handleBytes === 0 || handleBytes > HANDLE_BYTES_MAX || dataEnd > end ? -1 : dataEnd;
}

function parseKey(buffer: Buffer, at: number, end: number): InodeKey | null {
  const dataEnd = handleEnd(buffer, at, end);
  return dataEnd < 0 ? null : buffer.toString("latin1", at + FSID_AT, dataEnd);
}

function parsePlace(buffer: Buffer, at: number, end: number): NamedPlace | null {
  const dataEnd = handleEnd(buffer, at, end);
  if (dataEnd < 0) return null;
  const nameEnd = buffer.indexOf(0, dataEnd);
  if (nameEnd < 0 || nameEnd >= end) return null;
  const name = buffer.toString("latin1", dataEnd, nameEnd);
  if (name === "" || name === ".." || name.length > NAME_BYTES_MAX || name.includes("/")) return null;
  return { directory: buffer.toString("latin1", at + FSID_AT, dataEnd), name };
}

/** The handle in a key. */
export function handleOfKey(key: InodeKey): string {
  return key.slice(FSID_BYTES);
}
