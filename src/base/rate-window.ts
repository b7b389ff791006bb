// Counts events per key in fixed windows of time; bounded in keys. For refusing and for logging less.

import { type Clock, systemClock } from "./clock.js";

export interface RateWindowOptions {
  readonly eventsMax: number;
  readonly windowMs: number;
  /** At this many keys within a window every further key shares one count. */
  readonly keysMax: number;
  readonly clock?: Clock;
}

export class RateWindow {
  readonly #options: RateWindowOptions;
  readonly #clock: Clock;
  #startMs = 0;
  #counts = new Map<string, number>();

  constructor(options: RateWindowOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** True when `key` has used up what a window allows. */
  isFull(key: string): boolean {
    this.#roll();
    return (this.#counts.get(this.#bucket(key)) ?? 0) >= this.#options.eventsMax;
  }

  /** Counts one event; true when it is within what a window allows. */
  count(key: string): boolean {
    this.#roll();
    const bucket = this.#bucket(key);
    const count = (this.#counts.get(bucket) ?? 0) + 1;
    this.#counts.set(bucket, count);
    return count <= this.#options.eventsMax;
  }

  /** Until the next window begins. */
  remainingMs(): number {
    return Math.max(0, this.#options.windowMs - (this.#clock.monotonicMs() - this.#startMs));
  }

  #bucket(key: string): string {
    return this.#counts.has(key) || this.#counts.size < this.#options.keysMax ? key : "";
  }

  #roll(): void {
    const now = this.#clock.monotonicMs();
    if (now - this.#startMs < this.#options.windowMs && this.#counts.size > 0) return;
    this.#startMs = now;
    this.#counts = new Map();
  }
}
