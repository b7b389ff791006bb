import { assert } from "../base/assert.js";
import type { Log } from "../base/log.js";
import { MiB } from "../base/units.js";
import type { DirtyTaker, JournalRecord } from "../model/journal-port.js";
import { FRAME_HEADER_BYTES, segmentHeaderBytes } from "./segment-format.js";

export interface DiskJournalOptions {
  /** Several sets may share it. */
  readonly directory: string;
  readonly setName: string;
  /** The oldest records stay in memory up to this many bytes; default 128 MiB. */
  readonly memoryBytesMax?: number;
  /** Sum of the segments; null (default) = as much as the volume allows. An orderly stop may exceed it by what is in memory. */
  readonly diskBytesMax?: number | null;
  /** The volume keeps at least this much free; default 50 MiB. */
  readonly minFreeBytes?: number;
  /** Largest segment; default 5 MiB. A record must fit one. */
  readonly segmentBytes?: number;
  readonly log: Log;
  /** Called with each record in memory that every cursor has passed: its bytes are of no use to anybody any more. */
  readonly onReleased?: (record: JournalRecord) => void;
  /** What does not fit is entered there; without it (default), it is reported as a loss. */
  readonly dirty?: DirtyTaker;
  /** Names a new epoch: 16 lower-case hex digits; default random. */
  readonly makeEpoch?: () => string;
}

export type JournalSettings = Required<Omit<DiskJournalOptions, "makeEpoch" | "onReleased" | "dirty">>;

const SET_NAME_BYTES_MAX = 4096;

export function settingsOf(options: DiskJournalOptions): JournalSettings {
  const { directory, setName, memoryBytesMax = 128 * MiB, diskBytesMax = null, minFreeBytes = 50 * MiB, segmentBytes = 5 * MiB, log } = options;
  const smallest = segmentHeaderBytes(setName) + FRAME_HEADER_BYTES;
  assert(Buffer.byteLength(setName) <= SET_NAME_BYTES_MAX, `the name of a set has at most ${SET_NAME_BYTES_MAX} bytes`);
  assert(segmentBytes > smallest, `a segment of ${segmentBytes} bytes holds no record: its frame alone takes ${smallest}`);
  return { directory, setName, memoryBytesMax, diskBytesMax, minFreeBytes, segmentBytes, log };
}
