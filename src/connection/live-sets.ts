// The live change sets that are not yet settled on one target (durable, or part of a complete state), with the time each was made. At the limit neighbours are
// told as one: the times become coarser, no set is forgotten.

import { type Clock, systemClock } from "../base/clock.js";

interface Range {
  readonly fromSeq: number;
  readonly toSeq: number;
  /** When the first of them was made. */
  readonly timeMs: number;
  /** The same on the monotonic clock. */
  readonly monotonicMs: number;
}

const RANGES_MAX = 10_000;

export class LiveSets {
  readonly #clock: Clock;
  #ranges: Range[] = [];

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  add(seq: number): void {
    this.#ranges.push({ fromSeq: seq, toSeq: seq, timeMs: this.#clock.nowMs(), monotonicMs: this.#clock.monotonicMs() });
    if (this.#ranges.length > RANGES_MAX) this.#coarsen();
  }

  #coarsen(): void {
    const ranges: Range[] = [];
    for (let i = 0; i < this.#ranges.length; i += 2) {
      const first = this.#ranges[i] as Range;
      ranges.push({ ...first, toSeq: (this.#ranges[i + 1] ?? first).toSeq });
    }
    this.#ranges = ranges;
  }

  /** When the oldest set behind `seq` was made, by the wall clock as it is now, however it was set since; null when there is none. */
  oldestAfter(seq: number): number | null {
    const oldest = this.#ranges.find((range) => range.toSeq > seq);
    return oldest === undefined ? null : this.#clock.nowMs() - (this.#clock.monotonicMs() - oldest.monotonicMs);
  }

  /** The first set that is not settled; undefined when all are. */
  get firstSeq(): number | undefined {
    return this.#ranges[0]?.fromSeq;
  }

  /** Forgets the sets up to `seq`. Returns a time, by the clock of then: what was made before it is settled. 0 when there are none. */
  takeSettled(seq: number): number {
    let count = 0;
    while (count < this.#ranges.length && (this.#ranges[count] as Range).toSeq <= seq) count += 1;
    const taken = this.#ranges.splice(0, count);
    return taken.at(-1)?.timeMs ?? 0;
  }
}
