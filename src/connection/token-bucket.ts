// How many bytes may go at a moment, so that no stretch of time has more than its rate. Time is monotonic: a wall clock that jumps
// changes nothing.

import type { Clock } from "../base/clock.js";

/** What a sender that had nothing to send may send at once, in seconds of its rate. */
const BURST_SECONDS = 0.1;

export class TokenBucket {
  readonly #clock: Clock;
  #bytesPerSecond: number | null = null;
  #level = 0;
  #atMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#atMs = clock.monotonicMs();
  }

  get bytesPerSecond(): number | null {
    return this.#bytesPerSecond;
  }

  /** Null = no limit. What was sent too much under the rate before is forgotten. */
  set(bytesPerSecond: number | null): void {
    if (bytesPerSecond === this.#bytesPerSecond) return;
    this.#bytesPerSecond = bytesPerSecond;
    this.#level = 0;
    this.#atMs = this.#clock.monotonicMs();
  }

  /** Takes the bytes and returns 0, or takes nothing and returns after how many ms to ask again. What is taken may be owed afterwards. */
  take(bytes: number): number {
    const rate = this.#bytesPerSecond;
    if (rate === null) return 0;
    const nowMs = this.#clock.monotonicMs();
    this.#level = Math.min(rate * BURST_SECONDS, this.#level + ((nowMs - this.#atMs) / 1000) * rate);
    this.#atMs = nowMs;
    if (this.#level < 0) return Math.max(1, Math.ceil((-this.#level / rate) * 1000));
    this.#level -= bytes;
    return 0;
  }
}
