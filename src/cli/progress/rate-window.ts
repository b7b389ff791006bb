// The speed of a counter over its last few seconds, as a value.

export interface RateSample {
  readonly atMs: number;
  readonly value: number;
}

/** The samples of one counter, oldest first. */
export type RateWindow = readonly RateSample[];

export const RATE_WINDOW_MS = 5_000;

/** With the counter as it is now. A counter that fell begins anew. */
export function noteValue(window: RateWindow, value: number, atMs: number, windowMs = RATE_WINDOW_MS): RateWindow {
  const last = window.at(-1);
  const samples = last !== undefined && value < last.value ? [] : [...window];
  samples.push({ atMs, value });
  while (samples.length > 2 && (samples[1]?.atMs ?? 0) <= atMs - windowMs) samples.shift();
  return samples;
}

/** Its growth per second between the first and the last sample. */
export function rateOf(window: RateWindow): number {
  const [first, last] = [window[0], window.at(-1)];
  if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
  return ((last.value - first.value) * 1000) / (last.atMs - first.atMs);
}

/** As `rateOf`, of a counter that is known not to have grown since its last sample. */
export function rateUntil(window: RateWindow, nowMs: number, windowMs = RATE_WINDOW_MS): number {
  const last = window.at(-1);
  return last === undefined || nowMs <= last.atMs ? rateOf(window) : rateOf(noteValue(window, last.value, nowMs, windowMs));
}
