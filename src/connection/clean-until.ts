// The wall clock may be set at any time. A connection's `cleanUntilMs` is compared with the times of files, and so must never
// be ahead of a clock that was set back: what changes from then on would be taken for clean.

import { type Clock, systemClock } from "../base/clock.js";

/** Slewing moves the wall clock by less than this between two looks. */
const TOLERANCE_MS = 500;

export class ClockWatch {
  readonly #clock: Clock;
  #offsetMs: number;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
    this.#offsetMs = clock.nowMs() - clock.monotonicMs();
  }

  /** The wall clock was set back since the last look. */
  wasSetBack(): boolean {
    const before = this.#offsetMs;
    this.#offsetMs = this.#clock.nowMs() - this.#clock.monotonicMs();
    return this.#offsetMs < before - TOLERANCE_MS;
  }
}

/** With all clean that was made before `madeMs`, by the clock of then. */
export function cleanUntilAfter(beforeMs: number, madeMs: number, lagMs: number, nowMs: number): number {
  return Math.max(beforeMs, Math.min(madeMs, nowMs) - lagMs);
}

/** At the start: a time that is still to come says that the clock was set back, who knows when. 0 = nothing is known to be clean. */
export function cleanUntilAtStart(keptMs: number, nowMs: number): number {
  return keptMs > nowMs ? 0 : keptMs;
}
