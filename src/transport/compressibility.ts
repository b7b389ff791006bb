// Whether a set may be worth compressing, told at a small part of what compressing it costs: by the types of its files, then by a
// sample. Either may be wrong about a set; then it only travels larger than it could.

import { compressSync } from "lz4-napi";
import { KiB } from "../base/units.js";
import { decodeChangeSet } from "../model/change-set.js";
import type { Packing } from "../model/compression.js";

/** Smaller sets are compressed to find out: that costs as little as looking. */
const LOOK_BYTES_MIN = 32 * KiB;
/** A header above this belongs to many small files: the sample decides. */
const HEADER_BYTES_MAX = 8 * KiB;
const PACKED_SHARE_MIN = 0.9;
const PIECES = 16;
const PIECE_BYTES = KiB;
/** What the sample keeps of its size at least when the set is sent as it is. */
const KEPT_SHARE_MIN = 0.95;

/** Formats that are compressed in themselves. */
const PACKED_TYPES: ReadonlySet<string> = new Set([
  ...[
    "7z",
    "apk",
    "br",
    "bz2",
    "cab",
    "deb",
    "gz",
    "ipa",
    "jar",
    "lz",
    "lz4",
    "lzma",
    "lzo",
    "rar",
    "rpm",
    "tbz2",
    "tgz",
    "txz",
    "war",
    "whl",
    "xz",
    "zip",
    "zst",
  ],
  ...["avif", "gif", "heic", "jpeg", "jpg", "jxl", "png", "webp"],
  ...["aac", "flac", "m4a", "mp3", "ogg", "opus", "wma"],
  ...["3gp", "avi", "flv", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "webm", "wmv"],
  ...["docx", "epub", "odp", "ods", "odt", "pptx", "woff", "woff2", "xlsx"],
]);

export function mayShrink(set: Buffer, level: Packing): boolean {
  if (set.length < LOOK_BYTES_MIN) return true;
  const headerBytes = set.readUInt32LE(0);
  if (headerBytes <= HEADER_BYTES_MAX && isOfPackedTypes(set)) return false;
  return sampledShare(sampleOf(set), level) < KEPT_SHARE_MIN;
}

function isOfPackedTypes(set: Buffer): boolean {
  let packedBytes = 0;
  for (const change of decodeChangeSet(set).changes) {
    if ((change.op === "file" || change.op === "rebuild") && PACKED_TYPES.has(typeOf(change.path))) packedBytes += change.payload.length;
  }
  return packedBytes >= set.length * PACKED_SHARE_MIN;
}

/** What follows the last dot of the name, in small letters; "" when there is none. */
function typeOf(path: string): string {
  const dot = path.lastIndexOf(".");
  return dot > path.lastIndexOf("/") + 1 ? path.slice(dot + 1).toLowerCase() : "";
}

/** Pieces at even distances, from the first byte to the last. */
function sampleOf(set: Buffer): Buffer {
  const sample = Buffer.allocUnsafe(PIECES * PIECE_BYTES);
  const step = (set.length - PIECE_BYTES) / (PIECES - 1);
  for (let i = 0; i < PIECES; i += 1) {
    const from = Math.floor(i * step);
    set.copy(sample, i * PIECE_BYTES, from, from + PIECE_BYTES);
  }
  return sample;
}

/** The share of its size that remains of the sample: lz4 saves what repeats only, the higher level also what is frequent. */
function sampledShare(sample: Buffer, level: Packing): number {
  const repeats = compressSync(sample).length / sample.length;
  return level === "lz4" ? repeats : Math.min(repeats, entropyShare(sample));
}

/** Entropy of single bytes, of the 8 bits that they take. */
export function entropyShare(sample: Buffer): number {
  const counts = new Uint32Array(256);
  for (const byte of sample) counts[byte] = (counts[byte] as number) + 1;
  let bits = 0;
  for (const count of counts) if (count > 0) bits -= count * Math.log2(count / sample.length);
  return bits / (8 * sample.length);
}
