// Renames as they were shipped, so that work which names an older place can be found again. Bounded: what is older than
// the log can no longer be followed, and whoever asks has to look everywhere.

import type { ShippedRename } from "../model/mirror-port.js";

const KEPT_MAX = 10_000;

export class RenameLog {
  #entries: (ShippedRename & { readonly seq: number })[] = [];
  #dropped = 0;
  #droppedSeq = 0;

  /** Counts all renames ever noted. */
  get position(): number {
    return this.#dropped + this.#entries.length;
  }

  note(seq: number, rename: ShippedRename): void {
    if (this.#entries.length >= KEPT_MAX) {
      const old = this.#entries.splice(0, KEPT_MAX / 2);
      this.#dropped += old.length;
      this.#droppedSeq = old[old.length - 1]?.seq ?? this.#droppedSeq;
    }
    this.#entries.push({ seq, ...rename });
  }

  /** In order; null = too long ago. */
  since(position: number): readonly ShippedRename[] | null {
    return position < this.#dropped ? null : this.#entries.slice(position - this.#dropped);
  }

  /** Those of set `seq` and later. */
  fromSet(seq: number): readonly ShippedRename[] | null {
    return seq <= this.#droppedSeq ? null : this.#entries.filter((entry) => entry.seq >= seq);
  }
}
