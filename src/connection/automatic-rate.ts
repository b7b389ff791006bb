// A limit that the agent finds itself: a share of what the path to the target carries, measured again and again. A measurement sends
// faster than the limit for about a second, and looks how fast that arrived; so one result says nothing about the next.

import type { Clock } from "../base/clock.js";
import type { Log } from "../base/log.js";
import { KiB, MiB } from "../base/units.js";
import type { PathView } from "../model/channel-port.js";
import type { PathMeasure } from "../model/transmission.js";

/** What is left is for everybody else on the path, and keeps its queues short. */
export const AUTOMATIC_SHARE = 0.7;
const EVERY_MS = 60_000;
/** Where nothing is known, the path has more sockets than when it was measured, or somebody else seems to fill it. */
const SOONER_MS = 10_000;
const FIRST_BYTES_PER_SECOND = MiB;
/** Of what is known: so much more is tried. */
const TRIED_SHARE = 1.5;
/** What carried nearly all of what was tried is tried with so many times as much. */
const CARRIED_SHARE = 0.8;
const TRIED_GROWTH = 4;
const TRIED_MAX = 4096 * MiB;
const SETTLE_MS = 300;
const MEASURE_MS = 1_000;
/** A path that does not answer within this time is not measured. */
const MARK_MS_MAX = 60_000;
/** One result changes what is known by half of the difference, and counts as no more than this times, or this part, of what is known. */
const OUTLIER = 4;
/** Nothing below is believed: the limit never closes the path. */
const CAPACITY_MIN = 64 * KiB;
/** A round trip that has risen so much above the shortest stands in a queue that is not ours. */
const RISEN_FACTOR = 2;
const RISEN_MS = 50;

export interface AutomaticRateOptions {
  readonly connectionId: number;
  readonly measured: PathMeasure | null;
  readonly keep: (measured: PathMeasure) => void;
  /** The rate is another one from now on. */
  readonly onRate: () => void;
  /** False when the signal aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<boolean>;
  readonly clock: Clock;
  readonly log: Log;
}

/** `bytes` had left at `sentMs`, and had arrived at `atMs`, monotonic. */
interface Mark {
  readonly bytes: number;
  readonly sentMs: number;
  readonly atMs: number;
}

interface Attempt {
  readonly bytesPerSecond: number;
  /** There was more to send than the path carried. */
  readonly isFull: boolean;
  readonly roundTripMs: number;
}

export class AutomaticRate {
  readonly #options: AutomaticRateOptions;
  #measured: PathMeasure | null;
  #path: PathView | null = null;
  /** Of the measurement that runs. */
  #tried: { readonly bytesPerSecond: number; readonly abort: AbortController } | null = null;
  /** Monotonic. */
  #lookedMs = Number.NEGATIVE_INFINITY;
  /** Sockets when the last measurement began. */
  #measuredCount = 0;

  constructor(options: AutomaticRateOptions) {
    this.#options = options;
    this.#measured = options.measured;
  }

  get measured(): PathMeasure | null {
    return this.#measured;
  }

  get isMeasuring(): boolean {
    return this.#tried !== null;
  }

  /** Null = nothing is known yet: no limit. */
  get bytesPerSecond(): number | null {
    if (this.#tried !== null) return this.#tried.bytesPerSecond;
    return this.#measured === null ? null : Math.floor(this.#measured.bytesPerSecond * AUTOMATIC_SHARE);
  }

  /** The channel that is there now, or none. */
  follow(path: PathView | null): void {
    this.#path = path;
    this.#tried?.abort.abort();
  }

  /** Called once a second. `mayMeasure`: the limit holds now, and there is something to send. */
  look(mayMeasure: boolean): void {
    if (!mayMeasure) this.#tried?.abort.abort();
    if (this.#path === null || this.#tried !== null || !mayMeasure) return;
    const { roundTripMs, leastRoundTripMs, count } = this.#path;
    const hasRisen = roundTripMs > RISEN_FACTOR * leastRoundTripMs + RISEN_MS;
    const dueMs = this.#measured === null || hasRisen || count > this.#measuredCount ? SOONER_MS : EVERY_MS;
    if (this.#options.clock.monotonicMs() - this.#lookedMs >= dueMs) void this.#measure(this.#path);
  }

  /** Never rejects. */
  async #measure(path: PathView): Promise<void> {
    const { clock, connectionId, keep, onRate, log } = this.#options;
    const abort = new AbortController();
    this.#measuredCount = path.count;
    const known = this.#measured?.bytesPerSecond ?? null;
    let tried = known === null ? FIRST_BYTES_PER_SECOND : known * TRIED_SHARE;
    let attempt: Attempt | null = null;
    for (;;) {
      this.#tried = { bytesPerSecond: Math.floor(tried), abort };
      onRate();
      attempt = await this.#attempt(path, tried, abort.signal);
      if (attempt === null || attempt.bytesPerSecond < tried * CARRIED_SHARE || tried >= TRIED_MAX) break;
      tried *= TRIED_GROWTH;
    }
    this.#tried = null;
    this.#lookedMs = clock.monotonicMs();
    const bytesPerSecond = attempt === null ? null : judge(known, attempt);
    if (attempt !== null && bytesPerSecond !== null) {
      const { roundTripMs } = attempt;
      this.#measured = {
        bytesPerSecond,
        at: new Date(clock.nowMs()).toISOString(),
        roundTripMs: Math.round(path.leastRoundTripMs),
        fullRoundTripMs: Math.round(roundTripMs),
      };
      keep(this.#measured);
      log.debug("the path to the target was measured", { connection: connectionId, ...this.#measured });
    }
    onRate();
  }

  /** What arrived in a second of sending at the rate of `#tried`; null when that could not be found out. */
  async #attempt(path: PathView, tried: number, signal: AbortSignal): Promise<Attempt | null> {
    const { sleep } = this.#options;
    if (!(await sleep(SETTLE_MS, signal))) return null;
    const first = await this.#mark(path, signal);
    if (first === null || !(await sleep(MEASURE_MS, signal))) return null;
    const wasBackedUp = path.isBackedUp;
    const second = await this.#mark(path, signal);
    if (second === null || second.atMs <= first.atMs) return null;
    const bytes = second.bytes - first.bytes;
    const sentPerSecond = (bytes / (second.sentMs - first.sentMs)) * 1000;
    // What has left may still stand in buffers on the way: what arrived is what counts.
    const isFull = wasBackedUp || sentPerSecond >= tried * CARRIED_SHARE;
    return { bytesPerSecond: (bytes / (second.atMs - first.atMs)) * 1000, isFull, roundTripMs: second.atMs - second.sentMs };
  }

  async #mark(path: PathView, signal: AbortSignal): Promise<Mark | null> {
    const { clock } = this.#options;
    const sentMs = clock.monotonicMs();
    const over = new AbortController();
    const late = this.#options.sleep(MARK_MS_MAX, AbortSignal.any([over.signal, signal])).then(() => null);
    const bytes = await Promise.race([path.mark(), late]);
    over.abort();
    return bytes === null || signal.aborted ? null : { bytes, sentMs, atMs: clock.monotonicMs() };
  }
}

/** What is known from now on; null = nothing new. What did not fill the path shows only that it carries at least so much. */
function judge(known: number | null, { bytesPerSecond, isFull }: Attempt): number | null {
  if (!isFull) return known !== null && bytesPerSecond > known ? Math.floor(bytesPerSecond) : null;
  if (known === null) return Math.max(CAPACITY_MIN, Math.floor(bytesPerSecond));
  const believed = Math.min(known * OUTLIER, Math.max(known / OUTLIER, bytesPerSecond));
  return Math.max(CAPACITY_MIN, Math.floor((known + believed) / 2));
}
