// How many files a set lost within the last so many seconds, on the monotonic clock: a clock that is set changes nothing.

interface Slot {
  readonly fromMs: number;
  lost: number;
  /** The most files that the set had in the slot. */
  files: number;
}

const SLOTS = 60;

export class LossWindow {
  readonly #windowMs: number;
  #slots: Slot[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** `files`: those of the set before the loss. */
  add(nowMs: number, lost: number, files: number): void {
    this.#slots = this.#slots.filter(({ fromMs }) => fromMs > nowMs - this.#windowMs);
    const last = this.#slots.at(-1);
    if (last !== undefined && last.fromMs > nowMs - this.#windowMs / SLOTS) {
      last.lost += lost;
      last.files = Math.max(last.files, files);
    } else {
      this.#slots.push({ fromMs: nowMs, lost, files });
    }
  }

  get lost(): number {
    return this.#slots.reduce((sum, slot) => sum + slot.lost, 0);
  }

  /** The most files that the set had within the window. */
  get files(): number {
    return this.#slots.reduce((most, slot) => Math.max(most, slot.files), 0);
  }

  clear(): void {
    this.#slots = [];
  }
}
