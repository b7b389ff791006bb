// What each level would make of the sets that pass, found out on some of them: so many bytes a second that it costs next to nothing.

import { type Clock, systemClock } from "../base/clock.js";
import { KiB, MiB } from "../base/units.js";
import type { Packing } from "../model/compression.js";
import { NO_SUMS, PACKINGS, type PackingSums } from "../model/simulation-row.js";
import { mayShrink } from "./compressibility.js";
import { packedBytesNow } from "./set-compression.js";

export interface CompressionSampleOptions {
  /** Smaller sets are not compressed. */
  readonly compressBytesMin: number;
  /** Microseconds of processor time of this thread. */
  readonly cpuUs: () => number;
  readonly clock?: Clock;
}

const BYTES_PER_SECOND = 512 * KiB;
const BURST_BYTES = 8 * MiB;
/** Of a larger set its beginning stands for all of it: this thread does nothing else meanwhile. */
const SAMPLE_BYTES_MAX = MiB;

export class CompressionSample {
  readonly #options: CompressionSampleOptions;
  readonly #clock: Clock;
  #roomBytes = BURST_BYTES;
  #atMs: number;

  constructor(options: CompressionSampleOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#atMs = this.#clock.monotonicMs();
  }

  /** Nothing (no bytes) when enough was looked at lately. */
  take(set: Buffer): PackingSums {
    const nowMs = this.#clock.monotonicMs();
    this.#roomBytes = Math.min(BURST_BYTES, this.#roomBytes + ((nowMs - this.#atMs) / 1000) * BYTES_PER_SECOND);
    this.#atMs = nowMs;
    if (this.#roomBytes <= 0) return NO_SUMS;
    const sample = set.subarray(0, SAMPLE_BYTES_MAX);
    this.#roomBytes -= sample.length;
    const [lz4, brotli] = PACKINGS.map((level) => this.#measure(set, sample, level));
    return { bytes: sample.length, levels: { lz4: lz4 ?? NO_SUMS.levels.lz4, brotli: brotli ?? NO_SUMS.levels.brotli } };
  }

  #measure(set: Buffer, sample: Buffer, level: Packing): { readonly bytes: number; readonly cpuUs: number } {
    const { compressBytesMin, cpuUs } = this.#options;
    if (set.length < compressBytesMin) return { bytes: sample.length, cpuUs: 0 };
    const beganUs = cpuUs();
    const bytes = mayShrink(set, level) ? packedBytesNow(sample, level) : sample.length;
    return { bytes, cpuUs: Math.max(0, Math.round(cpuUs() - beganUs)) };
  }
}
