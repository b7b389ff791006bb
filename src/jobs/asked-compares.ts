// Comparisons that wait for their answers. One set may hold several: there the place tells whose answer it is.

import type { BytePath } from "../model/byte-path.js";
import type { RootIndex } from "../model/change.js";

interface Asked {
  readonly seq: number;
  readonly root: RootIndex;
  readonly path: BytePath;
}

/** In flight at once, or the other side would wait for the next while it is made. */
const COMPARES_MAX = 256;
const ENTRIES_MAX = 8000;

export class AskedCompares<T extends { readonly entries: ReadonlyMap<string, unknown> }> {
  readonly #sets = new Map<number, Map<string, T>>();
  #size = 0;
  #entries = 0;

  get size(): number {
    return this.#size;
  }

  get hasRoom(): boolean {
    return this.#size < COMPARES_MAX && this.#entries < ENTRIES_MAX;
  }

  add(asked: Asked, compare: T): void {
    const set = this.#sets.get(asked.seq) ?? new Map<string, T>();
    this.#sets.set(asked.seq, set.set(keyOf(asked), compare));
    this.#count(1, compare);
  }

  has(asked: Asked): boolean {
    return this.#sets.get(asked.seq)?.has(keyOf(asked)) === true;
  }

  /** Undefined = nobody waits for it, or no longer. */
  take(asked: Asked): T | undefined {
    const set = this.#sets.get(asked.seq);
    const compare = set?.get(keyOf(asked));
    if (set === undefined || compare === undefined) return undefined;
    set.delete(keyOf(asked));
    if (set.size === 0) this.#sets.delete(asked.seq);
    this.#count(-1, compare);
    return compare;
  }

  /** All that waits for the answers to one set. */
  takeSet(seq: number): readonly T[] {
    const compares = [...(this.#sets.get(seq)?.values() ?? [])];
    this.#sets.delete(seq);
    for (const compare of compares) this.#count(-1, compare);
    return compares;
  }

  *values(): Generator<T> {
    for (const set of this.#sets.values()) yield* set.values();
  }

  #count(by: 1 | -1, { entries }: T): void {
    this.#size += by;
    this.#entries += by * entries.size;
  }
}

function keyOf({ root, path }: Asked): string {
  return `${root}:${path}`;
}
