// How much a job may read: so many bytes in a second on either side, in the long run. What is read at once may be more than there is;
// nothing more is read until that is made up for.

import { type Clock, systemClock } from "../base/clock.js";

export class ReadBudget {
  readonly #bytesPerSecond: number;
  readonly #clock: Clock;
  #bytes: number;
  #lookedMs: number;

  constructor(bytesPerSecond: number, clock: Clock = systemClock) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#clock = clock;
    this.#bytes = bytesPerSecond;
    this.#lookedMs = clock.monotonicMs();
  }

  get hasRoom(): boolean {
    const nowMs = this.#clock.monotonicMs();
    // What was not read for a while is not made up for: one second's worth at most.
    this.#bytes = Math.min(this.#bytesPerSecond, this.#bytes + ((nowMs - this.#lookedMs) / 1000) * this.#bytesPerSecond);
    this.#lookedMs = nowMs;
    return this.#bytes > 0;
  }

  spend(bytes: number): void {
    this.#bytes -= bytes;
  }
}
