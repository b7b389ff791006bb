// File names of a journal: SET-EPOCH-FIRSTSEQ.seg (with .part while it grows) and SET.state.
// Several sets may share one directory: epoch and sequence have fixed widths, so no set's name can be taken for another's.

import { xxh64 } from "@node-rs/xxhash";

const NAME_BYTES_MAX = 160;
const SEGMENT_PATTERN = /^(.+)-([0-9a-f]{16})-(\d{16})\.seg(\.part)?$/;

export const PART_SUFFIX = ".part";
export const TEMPORARY_SUFFIX = ".tmp";

/** The set's name as part of a file name: percent-encoded, and shortened to a digest when it would be too long. */
export function fileStem(setName: string): string {
  const encoded = encodeURIComponent(Buffer.from(setName, "utf8").toString("utf8"));
  if (encoded.length <= NAME_BYTES_MAX) return encoded;
  const digest = xxh64(setName).toString(16).padStart(16, "0");
  return `${encoded.slice(0, NAME_BYTES_MAX - 17)}~${digest}`;
}

export function segmentName(setName: string, epoch: string, firstSeq: number): string {
  return `${fileStem(setName)}-${epoch}-${String(firstSeq).padStart(16, "0")}.seg`;
}

export function stateName(setName: string): string {
  return `${fileStem(setName)}.state`;
}

/** True for every segment of the set, of whatever epoch, whole or growing. */
export function isSegmentOf(setName: string, fileName: string): boolean {
  return SEGMENT_PATTERN.exec(fileName)?.[1] === fileStem(setName);
}
