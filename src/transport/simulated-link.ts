// A link that is not there: when what is sent over it would have left, and when the answer to it would come. Monotonic time.

import type { Clock } from "../base/clock.js";
import { delay } from "../base/wait.js";
import type { SimulatedLink } from "../model/simulation.js";

/** As much as a socket takes ahead of the network. */
const AHEAD_MS = 100;

export class LinkTime {
  readonly #link: SimulatedLink;
  readonly #clock: Clock;
  #freeAtMs = 0;

  constructor(link: SimulatedLink, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
  }

  /** What is sent now is answered then. */
  get answeredAtMs(): number {
    return Math.max(this.#clock.monotonicMs(), this.#freeAtMs) + this.#link.roundTripMs;
  }

  /** Until all that was sent has left. */
  get behindMs(): number {
    return Math.max(0, this.#freeAtMs - this.#clock.monotonicMs());
  }

  get isBackedUp(): boolean {
    return this.behindMs > AHEAD_MS / 2;
  }

  get unsentBytes(): number {
    return Math.ceil((this.behindMs / 1000) * (this.#link.bytesPerSecond ?? 0));
  }

  /** Resolves when there is room for more, or the signal aborts. */
  async send(bytes: number, signal: AbortSignal): Promise<void> {
    const { bytesPerSecond } = this.#link;
    if (bytesPerSecond === null) return;
    this.#freeAtMs = Math.max(this.#clock.monotonicMs(), this.#freeAtMs) + (bytes / bytesPerSecond) * 1000;
    const waitMs = this.behindMs - AHEAD_MS;
    if (waitMs > 0) await delay(waitMs, signal);
  }
}
