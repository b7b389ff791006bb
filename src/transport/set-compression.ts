// lz4 for whole change sets, on the thread pool.

import { compress, uncompress } from "lz4-napi";
import { SmError } from "../base/errors.js";
import { KiB } from "../base/units.js";
import { checkSetFrame, encodeFrame } from "./frame-codec.js";

/** Smaller sets cost more than they save. */
const COMPRESS_BYTES_MIN = 4 * KiB;
/** Below a tenth saved the other side's work is not worth it. */
const KEPT_SHARE_MAX = 0.9;

/** The bytes that go on the wire for this set: an lz4 frame, or the set itself where that is not worth it. */
export function packSet(set: Buffer): Buffer | Promise<Buffer> {
  return set.length < COMPRESS_BYTES_MIN ? set : compressSet(set);
}

/** Never rejects: a set that cannot be compressed travels as it is. */
async function compressSet(set: Buffer): Promise<Buffer> {
  const block = await compress(set).catch(() => set);
  return block.length > set.length * KEPT_SHARE_MAX ? set : encodeFrame(["lz4", set.length], [block]);
}

/** Never rejects: an error is a value, so that sets behind a bad one can wait for it without being handled twice. */
export async function unpackSet(block: Buffer, rawBytes: number): Promise<Buffer | SmError> {
  try {
    const set = await uncompress(block);
    if (set.length !== rawBytes) return new SmError("PROTOCOL", `an lz4 frame holds ${set.length} bytes, not ${rawBytes}`);
    checkSetFrame(set);
    return set;
  } catch (error) {
    return error instanceof SmError ? error : new SmError("PROTOCOL", "an lz4 frame cannot be decompressed", { cause: error });
  }
}
