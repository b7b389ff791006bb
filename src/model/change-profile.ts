// How much changed when: rates by minute and hour, how they are spread, and what each hour of the day is like.

import type { Load } from "./fluid-queue.js";

export interface RateFigures {
  /** Stretches that were looked at, at least in part. */
  readonly count: number;
  /** Bytes per second. */
  readonly mean: number;
  readonly median: number;
  readonly p95: number;
  readonly p99: number;
  readonly peak: number;
  /** When the peak began, ISO 8601; null = there was nothing. */
  readonly peakAt: string | null;
}

export interface HourFigures {
  /** 0…23, by the clock of whoever reports. */
  readonly hour: number;
  readonly observedSeconds: number;
  readonly mean: number;
  readonly peakMinute: number;
}

interface Bucket {
  readonly startMs: number;
  bytes: number;
  seconds: number;
}

/** By stretches of so many seconds that begin at whole multiples of them; in order of time. */
function bucketsOf(loads: readonly Load[], bucketSeconds: number): Bucket[] {
  const lengthMs = bucketSeconds * 1000;
  const buckets = new Map<number, Bucket>();
  for (const { startMs, seconds, bytes } of loads) {
    const endMs = startMs + seconds * 1000;
    for (let fromMs = startMs; fromMs < endMs; ) {
      const index = Math.floor(fromMs / lengthMs);
      const untilMs = Math.min(endMs, (index + 1) * lengthMs);
      const share = (untilMs - fromMs) / (endMs - startMs);
      const bucket = buckets.get(index) ?? { startMs: index * lengthMs, bytes: 0, seconds: 0 };
      bucket.bytes += bytes * share;
      bucket.seconds += (untilMs - fromMs) / 1000;
      buckets.set(index, bucket);
      fromMs = untilMs;
    }
  }
  return [...buckets.values()].sort((a, b) => a.startMs - b.startMs);
}

/** A stretch that was looked at in part has the rate of that part. */
function rateOf({ bytes, seconds }: Bucket): number {
  return seconds === 0 ? 0 : bytes / seconds;
}

export function rateFigures(loads: readonly Load[], bucketSeconds: number): RateFigures {
  const buckets = bucketsOf(loads, bucketSeconds);
  const rates = buckets.map(rateOf).sort((a, b) => a - b);
  const seconds = buckets.reduce((sum, bucket) => sum + bucket.seconds, 0);
  const bytes = buckets.reduce((sum, bucket) => sum + bucket.bytes, 0);
  const peak = rates.at(-1) ?? 0;
  const peakBucket = peak === 0 ? undefined : buckets.find((bucket) => rateOf(bucket) === peak);
  return {
    count: rates.length,
    mean: Math.round(seconds === 0 ? 0 : bytes / seconds),
    median: Math.round(quantile(rates, 0.5)),
    p95: Math.round(quantile(rates, 0.95)),
    p99: Math.round(quantile(rates, 0.99)),
    peak: Math.round(peak),
    peakAt: peakBucket === undefined ? null : new Date(peakBucket.startMs).toISOString(),
  };
}

/** The smallest value that so large a share of all does not exceed; `sorted` upwards. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

/** Only the hours that were looked at. */
export function hoursOfDay(loads: readonly Load[], hourOf: (ms: number) => number): readonly HourFigures[] {
  const hours = new Map<number, { bytes: number; seconds: number; peak: number }>();
  for (const bucket of bucketsOf(loads, 60)) {
    const hour = hourOf(bucket.startMs);
    const sums = hours.get(hour) ?? { bytes: 0, seconds: 0, peak: 0 };
    sums.bytes += bucket.bytes;
    sums.seconds += bucket.seconds;
    sums.peak = Math.max(sums.peak, rateOf(bucket));
    hours.set(hour, sums);
  }
  return [...hours]
    .sort(([a], [b]) => a - b)
    .map(([hour, { bytes, seconds, peak }]) => ({
      hour,
      observedSeconds: Math.round(seconds),
      mean: Math.round(seconds === 0 ? 0 : bytes / seconds),
      peakMinute: Math.round(peak),
    }));
}
