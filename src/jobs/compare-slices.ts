import { WHOLE_FILE_BYTES_MAX } from "../model/change.js";
import type { MirrorEntry } from "../model/mirror-port.js";

/** Bounded so that a slice of the longest names, link targets and link groups still fits one change set. */
const ENTRIES_PER_COMPARE = 250;
/** Both sides read so much for one answer. */
const HASHED_BYTES_PER_COMPARE = 4 * 1024 * 1024;

/** In slices that both sides work off in a moment; at least one, which is empty when there are no entries. */
export function slicesOf(entries: readonly MirrorEntry[], isHashed: boolean): readonly (readonly MirrorEntry[])[] {
  const slices: MirrorEntry[][] = [];
  let slice: MirrorEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const hashed = isHashed && entry.type === "file" && entry.size <= WHOLE_FILE_BYTES_MAX ? entry.size : 0;
    if (slice.length >= ENTRIES_PER_COMPARE || (slice.length > 0 && bytes + hashed > HASHED_BYTES_PER_COMPARE)) {
      slices.push(slice);
      slice = [];
      bytes = 0;
    }
    slice.push(entry);
    bytes += hashed;
  }
  return [...slices, slice];
}
