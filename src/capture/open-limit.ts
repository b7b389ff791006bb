// How long a set of changes may stay open that finds no moment of rest.

import { MiB } from "../base/units.js";

const OPEN_MS_MAX = 30_000;
const OPEN_BYTES_MAX = 192 * MiB;

export class OpenLimit {
  #sinceMs: number | null = null;

  /** True: so much was shipped, or for so long, that it is ended as it is. */
  isReached(openBytes: number): boolean {
    const now = performance.now();
    this.#sinceMs ??= now;
    if (now - this.#sinceMs < OPEN_MS_MAX && openBytes < OPEN_BYTES_MAX) return false;
    this.reset();
    return true;
  }

  reset(): void {
    this.#sinceMs = null;
  }
}
