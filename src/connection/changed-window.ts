// Which files were overwritten or replaced within the last so many seconds, on the monotonic clock, each counted once.

/** About 250 MB at worst, for a moment: a window that is full holds the connection, whatever its share, and is dropped. */
export const CHANGED_FILES_MAX = 4_000_000;

export class ChangedWindow {
  readonly #windowMs: number;
  readonly #filesMax: number;
  /** When each was changed last; the one that was first. */
  readonly #lastMs = new Map<number, number>();

  constructor(windowMs: number, filesMax = CHANGED_FILES_MAX) {
    this.#windowMs = windowMs;
    this.#filesMax = filesMax;
  }

  add(nowMs: number, files: Uint32Array): void {
    for (const [file, lastMs] of this.#lastMs) {
      if (lastMs > nowMs - this.#windowMs) break;
      this.#lastMs.delete(file);
    }
    for (const file of files) {
      this.#lastMs.delete(file);
      if (!this.isFull) this.#lastMs.set(file, nowMs);
    }
  }

  get count(): number {
    return this.#lastMs.size;
  }

  get isFull(): boolean {
    return this.#lastMs.size >= this.#filesMax;
  }
}
