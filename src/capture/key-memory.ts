// Remembers inodes that need no second look. Bounded: two generations, the older of which is dropped when the younger is
// full, so that what is asked for often stays.

import type { InodeKey } from "./fanotify-event.js";

const KEYS_PER_GENERATION = 50_000;

export class KeyMemory {
  #young = new Set<InodeKey>();
  #old = new Set<InodeKey>();
  readonly #keysMax: number;

  constructor(keysPerGeneration = KEYS_PER_GENERATION) {
    this.#keysMax = keysPerGeneration;
  }

  has(key: InodeKey): boolean {
    if (this.#young.has(key)) return true;
    if (!this.#old.has(key)) return false;
    this.add(key);
    return true;
  }

  add(key: InodeKey): void {
    if (this.#young.size >= this.#keysMax) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    this.#young.add(key);
  }

  clear(): void {
    if (this.#young.size > 0) this.#young = new Set();
    if (this.#old.size > 0) this.#old = new Set();
  }
}
