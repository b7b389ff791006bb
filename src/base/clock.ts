/** Wall clock and monotonic clock, injected so that time can be tested. */
export interface Clock {
  /** Milliseconds since 1970, wall clock. */
  nowMs(): number;
  /** Milliseconds on a clock that never jumps. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
