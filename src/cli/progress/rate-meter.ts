import { noteValue, RATE_WINDOW_MS, type RateWindow, rateOf } from "./rate-window.js";

/** Speed of a counter over the last few seconds. */
export class RateMeter {
  readonly #windowMs: number;
  #window: RateWindow = [];

  constructor(windowMs = RATE_WINDOW_MS) {
    this.#windowMs = windowMs;
  }

  /** Notes the counter; returns its growth per second. A counter that fell begins anew. */
  add(value: number, atMs: number): number {
    this.#window = noteValue(this.#window, value, atMs, this.#windowMs);
    return rateOf(this.#window);
  }
}
