// The automatic limit on a path whose clock and capacity the test sets.

import { expect, test } from "vitest";
import { silentLog } from "../../src/base/log.js";
import { KiB, MiB } from "../../src/base/units.js";
import { AutomaticRate } from "../../src/connection/automatic-rate.js";
import type { PathView } from "../../src/model/channel-port.js";
import type { PathMeasure } from "../../src/model/transmission.js";

const STEP_MS = 10;
/** What the sockets of the source take beyond what has left. */
const BUFFER_BYTES = 4 * MiB;
const ROUND_TRIP_MS = 50;

/** A path with a sender in front of it that keeps to the rate. */
class SimulatedPath implements PathView {
  capacity = 10 * MiB;
  /** What the source has to send, in bytes per second. */
  demand = Number.POSITIVE_INFINITY;
  ms = 0;
  readonly leastRoundTripMs = ROUND_TRIP_MS;
  count = 1;
  isBackedUp = false;
  automatic: AutomaticRate;
  kept: PathMeasure | null = null;
  readonly rates: number[] = [];
  #sent = 0;
  #delivered = 0;
  readonly #waiting = new Set<{ isOver(): boolean; resolve(): void }>();

  constructor(measured: PathMeasure | null = null) {
    this.automatic = new AutomaticRate({
      connectionId: 1,
      measured,
      keep: (kept) => {
        this.kept = kept;
      },
      onRate: () => undefined,
      sleep: (ms, signal) => this.#sleep(ms, signal),
      clock: { nowMs: () => this.ms, monotonicMs: () => this.ms },
      log: silentLog,
    });
    this.automatic.follow(this);
  }

  get roundTripMs(): number {
    return ROUND_TRIP_MS + ((this.#sent - this.#delivered) / Math.max(1, this.capacity)) * 1000;
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<boolean> {
    const atMs = this.ms + ms;
    await this.#until(() => this.ms >= atMs || signal.aborted);
    return !signal.aborted;
  }

  async mark(): Promise<number> {
    const bytes = this.#sent;
    await this.#until(() => this.#delivered >= bytes);
    const atMs = this.ms + ROUND_TRIP_MS;
    await this.#until(() => this.ms >= atMs);
    return bytes;
  }

  #until(isOver: () => boolean): Promise<void> {
    return new Promise((resolve) => this.#waiting.add({ isOver, resolve }));
  }

  async run(seconds: number): Promise<void> {
    for (const endMs = this.ms + seconds * 1000; this.ms < endMs; ) {
      this.ms += STEP_MS;
      const rate = this.automatic.bytesPerSecond ?? Number.POSITIVE_INFINITY;
      const wanted = (Math.min(rate, this.demand) * STEP_MS) / 1000;
      const room = BUFFER_BYTES - (this.#sent - this.#delivered);
      this.isBackedUp = wanted > room;
      this.#sent += Math.min(wanted, room);
      this.#delivered += Math.min(this.#sent - this.#delivered, (this.capacity * STEP_MS) / 1000);
      for (const waiter of this.#waiting) {
        if (!waiter.isOver()) continue;
        this.#waiting.delete(waiter);
        waiter.resolve();
      }
      await new Promise((resolve) => setImmediate(resolve));
      if (this.ms % 1000 === 0) this.automatic.look(this.demand > 0);
      if (!this.automatic.isMeasuring && this.automatic.bytesPerSecond !== null) this.rates.push(this.automatic.bytesPerSecond);
    }
  }

  /** The lowest and the highest limit in so many seconds. */
  async watch(seconds: number): Promise<{ lowest: number; highest: number }> {
    this.rates.length = 0;
    await this.run(seconds);
    return { lowest: Math.min(...this.rates), highest: Math.max(...this.rates) };
  }
}

test.each([256 * KiB, 1.1 * MiB, 3 * MiB, 3.3 * MiB, 10 * MiB, 120 * MiB])(
  "a path of %d bytes per second is found within half a minute, and its limit stays",
  async (capacity) => {
    const path = new SimulatedPath();
    path.capacity = capacity;
    await path.run(60);
    const { lowest, highest } = await path.watch(300);
    expect(lowest).toBeGreaterThan(0.65 * capacity);
    expect(highest).toBeLessThan(0.75 * capacity);
    expect(path.kept).toMatchObject({ bytesPerSecond: path.automatic.measured?.bytesPerSecond, roundTripMs: ROUND_TRIP_MS });
    expect(path.kept?.fullRoundTripMs).toBeGreaterThan(ROUND_TRIP_MS);
  },
);

test("a path that carries less, and then more again, is followed", async () => {
  const path = new SimulatedPath();
  await path.run(60);
  path.capacity = 2 * MiB;
  await path.run(180);
  expect(path.automatic.bytesPerSecond).toBeLessThan(2 * MiB);
  path.capacity = 10 * MiB;
  await path.run(300);
  const { lowest, highest } = await path.watch(120);
  expect(lowest).toBeGreaterThan(6 * MiB);
  expect(highest).toBeLessThan(7.7 * MiB);
});

test("a path with more sockets than when it was measured is measured soon", async () => {
  const path = new SimulatedPath();
  await path.run(20);
  const before = path.automatic.measured;
  expect(before).not.toBeNull();
  await path.run(20);
  expect(path.automatic.measured).toBe(before);
  path.count = 8;
  path.capacity = 40 * MiB;
  await path.run(10);
  expect(path.automatic.measured?.bytesPerSecond).toBeGreaterThan(20 * MiB);
});

test("a path that stands still does not close the limit, and one that wakes up is used again", async () => {
  const path = new SimulatedPath();
  await path.run(60);
  path.capacity = 100;
  const { lowest } = await path.watch(1200);
  expect(lowest).toBeGreaterThanOrEqual(Math.floor(0.7 * 64 * KiB));
  path.capacity = 10 * MiB;
  await path.run(600);
  expect(path.automatic.bytesPerSecond).toBeGreaterThan(6 * MiB);
});

test("little to send says nothing of the path: what is known stays, what is not known is no limit", async () => {
  const fresh = new SimulatedPath();
  fresh.demand = 100 * KiB;
  await fresh.run(120);
  expect([fresh.automatic.isMeasuring ? null : fresh.automatic.bytesPerSecond, fresh.kept]).toEqual([null, null]);
  const known = new SimulatedPath();
  await known.run(60);
  const before = known.automatic.measured;
  known.demand = 100 * KiB;
  await known.run(300);
  expect(known.automatic.measured).toEqual(before);
});

test("with nothing to send nothing is measured; what was measured holds for the next process, and is measured anew", async () => {
  const path = new SimulatedPath({ bytesPerSecond: 10 * MiB, at: "2026-01-01T00:00:00.000Z", roundTripMs: 50, fullRoundTripMs: 100 });
  expect(path.automatic.bytesPerSecond).toBe(7 * MiB);
  path.demand = 0;
  await path.run(120);
  expect([path.automatic.isMeasuring, path.automatic.bytesPerSecond, path.kept]).toEqual([false, 7 * MiB, null]);
  path.demand = Number.POSITIVE_INFINITY;
  await path.run(30);
  expect(path.kept).not.toBeNull();
});

test("a measurement ends with its channel, and with what there is to send", async () => {
  const path = new SimulatedPath();
  for (const end of [() => path.automatic.follow(path), () => path.automatic.look(false)]) {
    for (let half = 0; half < 60 && !path.automatic.isMeasuring; half += 1) await path.run(0.5);
    expect(path.automatic.isMeasuring).toBe(true);
    end();
    await path.run(0.05);
    expect([path.automatic.isMeasuring, path.kept]).toEqual([false, null]);
  }
});
