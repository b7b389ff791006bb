// Whole change sets made small and large again, on the thread pool (ADR 0020).

import { promisify } from "node:util";
import { type BrotliOptions, brotliCompress, brotliCompressSync, brotliDecompress, constants } from "node:zlib";
import { compress, compressSync, uncompress } from "lz4-napi";
import { SmError } from "../base/errors.js";
import type { Compression, Packing } from "../model/compression.js";
import { mayShrink } from "./compressibility.js";
import { checkSetFrame, encodeFrame, PACKED_RATIO_MAX } from "./frame-codec.js";

/** Below a tenth saved the other side's work is not worth it. */
const KEPT_SHARE_MAX = 0.9;
/** Twice as fast as deflate for the same size; what more saves costs a multiple (ADR 0020). */
const BROTLI_QUALITY = 3;
/** A set is not much larger, and the window costs memory on both sides. */
const BROTLI_WINDOW_BITS_MAX = 20;
/** Output that is too long is noticed without another buffer. */
const OUTPUT_SPARE_BYTES = 64;

const brotli = promisify(brotliCompress);
const unbrotli = promisify(brotliDecompress);

/** The bytes that go on the wire for this set: a frame of the level or a lower one, or the set itself where that is not worth it. */
export function packSet(set: Buffer, level: Compression, bytesMin: number): Buffer | Promise<Buffer> {
  return level === "off" || set.length < bytesMin || !mayShrink(set, level) ? set : compressSet(set, level);
}

/** Never rejects: a set that cannot be compressed travels as it is. */
async function compressSet(set: Buffer, level: Packing): Promise<Buffer> {
  const block = await packWith(set, level).catch(() => set);
  if (block.length > set.length * KEPT_SHARE_MAX) return set;
  // So small that the other side would not believe it: lz4 cannot exceed the limit.
  if (level !== "lz4" && set.length > block.length * PACKED_RATIO_MAX) return compressSet(set, "lz4");
  return encodeFrame([level, set.length], [block]);
}

function packWith(set: Buffer, level: Packing): Promise<Buffer> {
  return level === "lz4" ? compress(set) : brotli(set, brotliOptions(set.length));
}

/** In the thread that calls: to be measured. Returns how long the bytes would be on the wire at most. */
export function packedBytesNow(bytes: Buffer, level: Packing): number {
  const block = level === "lz4" ? compressSync(bytes) : brotliCompressSync(bytes, brotliOptions(bytes.length));
  return block.length > bytes.length * KEPT_SHARE_MAX ? bytes.length : block.length;
}

function brotliOptions(length: number): BrotliOptions {
  const windowBits = Math.min(BROTLI_WINDOW_BITS_MAX, Math.max(constants.BROTLI_MIN_WINDOW_BITS, Math.ceil(Math.log2(length))));
  return {
    chunkSize: length,
    params: {
      [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: windowBits,
      [constants.BROTLI_PARAM_SIZE_HINT]: length,
    },
  };
}

/** `rawBytes` bounds the memory that is taken. Never rejects: an error is a value, so that sets behind a bad one can wait for it without being handled twice. */
export async function unpackSet(level: Packing, block: Buffer, rawBytes: number): Promise<Buffer | SmError> {
  try {
    const set = await unpackWith(level, block, rawBytes);
    if (set.length !== rawBytes) return new SmError("PROTOCOL", `a ${level} frame holds ${set.length} bytes, not ${rawBytes}`);
    checkSetFrame(set);
    return set;
  } catch (error) {
    return error instanceof SmError ? error : new SmError("PROTOCOL", `a ${level} frame cannot be decompressed`, { cause: error });
  }
}

/** The lz4 block begins with its raw length, which was compared with `rawBytes` when the frame was decoded. */
function unpackWith(level: Packing, block: Buffer, rawBytes: number): Promise<Buffer> {
  return level === "lz4" ? uncompress(block) : unbrotli(block, { chunkSize: rawBytes + OUTPUT_SPARE_BYTES, maxOutputLength: rawBytes });
}
