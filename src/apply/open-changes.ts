// The live changes that came and are part of no complete state that was applied: when the oldest was made. At the limit
// neighbours are told as one, from the time of the earlier.

import type { ChangeSet } from "../model/change-set.js";

interface OpenGroup {
  endSeq: number;
  /** Source time of its first change. */
  readonly timeMs: number;
}

const GROUPS_MAX = 1000;

export class OpenChanges {
  readonly #groups: OpenGroup[] = [];
  /** Of the group that has not ended yet. */
  #sinceMs: number | null = null;

  /** Null = every change that came is part of the state that the target is at. */
  get sinceMs(): number | null {
    return this.#groups[0]?.timeMs ?? this.#sinceMs;
  }

  take({ seq, sourceTimeMs, mirror, closed, changes }: ChangeSet): void {
    if (mirror) return;
    if (changes.length > 0) this.#sinceMs ??= sourceTimeMs;
    if (!closed || this.#sinceMs === null) return;
    const last = this.#groups.at(-1);
    if (last !== undefined && this.#groups.length >= GROUPS_MAX) last.endSeq = seq;
    else this.#groups.push({ endSeq: seq, timeMs: this.#sinceMs });
    this.#sinceMs = null;
  }

  /** The target is at the state that this set completed. */
  settle(consistentSeq: number): void {
    while ((this.#groups[0]?.endSeq ?? Number.POSITIVE_INFINITY) <= consistentSeq) this.#groups.shift();
  }
}
