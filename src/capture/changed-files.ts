// Which files lose content that they had, set by set: overwritten in place, cut, or replaced by another. New files and what is only
// appended are none of them, as far as that shows without a further look.

import xxhash from "@node-rs/xxhash";
import type { BytePath } from "../model/byte-path.js";
import { BLOCK_BYTES, type FileChange, type RootIndex, WHOLE_FILE_BYTES_MAX } from "../model/change.js";

export const NONE_CHANGED = new Uint32Array(0);

export class ChangedFiles {
  #hashes: number[] = [];

  /** What was at the path is replaced. */
  note(root: RootIndex, path: BytePath): void {
    this.#hashes.push(xxhash.xxh32(path, root));
  }

  noteChange(change: FileChange): void {
    if (overwrites(change)) this.note(change.root, change.path);
  }

  /** One number for each since the last call, the same for the same path. */
  take(): Uint32Array {
    if (this.#hashes.length === 0) return NONE_CHANGED;
    const taken = Uint32Array.from(this.#hashes);
    this.#hashes = [];
    return taken;
  }
}

/** Where content is compared block by block, the last block of before counts as appended to; a small file that is read whole, as overwritten. */
export function overwrites({ start, base, continues, extents, holes, size }: FileChange): boolean {
  if (start !== "patch" || continues || base === null || base.size === 0) return false;
  if (size < base.size) return true;
  const appendedFrom = base.size > WHOLE_FILE_BYTES_MAX && size > base.size ? base.size - (base.size % BLOCK_BYTES) : base.size;
  const first = Math.min(extents[0]?.[0] ?? Number.POSITIVE_INFINITY, holes[0]?.[0] ?? Number.POSITIVE_INFINITY);
  return first < appendedFrom;
}
