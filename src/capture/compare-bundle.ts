// Which comparisons go in one set: a set of its own costs more than the comparison of a small directory.

import type { CompareRequest } from "../model/mirror-port.js";

/** The other side works a set off before it looks at anything else. */
const ENTRIES_MAX = 1000;
/** It reads the files whose contents are compared by their hash. */
const HASHED_BYTES_MAX = 1024 * 1024;

export class CompareBundle {
  #seq = 0;
  #connectionId = 0;
  #entries = 0;
  #hashedBytes = 0;
  readonly #places = new Set<string>();

  /** Whether `request` may go in the open set, which is to be `seq` and holds `changes` changes. An answer names set and place. */
  takes(request: CompareRequest, connectionId: number, open: { readonly seq: number; readonly changes: number }): boolean {
    const isOurs = this.#seq === open.seq && this.#connectionId === connectionId && this.#places.size === open.changes;
    const hasRoom = this.#entries + request.entries.length <= ENTRIES_MAX && this.#hashedBytes < HASHED_BYTES_MAX;
    return isOurs && hasRoom && !this.#places.has(placeOf(request));
  }

  /** It went in that set. */
  note(request: CompareRequest, connectionId: number, seq: number, hashedBytes: number): void {
    if (this.#seq !== seq || this.#connectionId !== connectionId) {
      this.#seq = seq;
      this.#connectionId = connectionId;
      this.#entries = 0;
      this.#hashedBytes = 0;
      this.#places.clear();
    }
    this.#entries += request.entries.length;
    this.#hashedBytes += hashedBytes;
    this.#places.add(placeOf(request));
  }
}

function placeOf({ root, directory }: CompareRequest): string {
  return `${root}:${directory}`;
}
