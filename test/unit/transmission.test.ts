// The transmission of one connection with clocks that a test sets, jumps included.

import { describe, expect, test } from "vitest";
import { silentLog } from "../../src/base/log.js";
import { TokenBucket } from "../../src/connection/token-bucket.js";
import { Transmission } from "../../src/connection/transmission.js";
import { AUTOMATIC, DEFAULT_TRANSMISSION, type TransmissionSettings, transmissionSchema } from "../../src/model/transmission.js";
import type { QueueLook } from "../../src/model/transmission-schedule.js";

class TestClock {
  wallMs = new Date("2026-11-20T12:00:00").getTime();
  runMs = 0;

  nowMs(): number {
    return this.wallMs;
  }

  monotonicMs(): number {
    return this.runMs;
  }

  pass(ms: number): void {
    this.wallMs += ms;
    this.runMs += ms;
  }
}

function open(settings: Partial<TransmissionSettings> = {}) {
  const clock = new TestClock();
  const seen = { kept: [] as TransmissionSettings[], links: [] as boolean[], rates: [] as (number | null)[] };
  const queue: { look: QueueLook } = { look: { bytes: 1000, share: 0, owesMirror: false, isEmpty: false } };
  const transmission: Transmission = new Transmission({
    id: 1,
    settings: { ...DEFAULT_TRANSMISSION, ...settings },
    keep: (kept) => seen.kept.push(kept),
    queue: () => queue.look,
    onLink: () => seen.links.push(transmission.isLinkWanted),
    onRate: (rate) => seen.rates.push(rate),
    onMirrorSent: () => undefined,
    onChange: () => undefined,
    log: silentLog,
    clock,
  });
  const seconds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      clock.pass(1000);
      transmission.look();
    }
  };
  return { clock, seen, queue, transmission, seconds };
}

describe("a person's word", () => {
  test("stopped: no link; paused: a link, and nothing goes; repeating is harmless", () => {
    const { transmission, seen } = open();
    expect([transmission.isLinkWanted, transmission.mayBegin(1)]).toEqual([true, true]);
    transmission.command("pause");
    transmission.command("pause");
    expect([transmission.isLinkWanted, transmission.mayBegin(1)]).toEqual([true, false]);
    transmission.command("resume");
    expect(transmission.mayBegin(1)).toBe(true);
    transmission.command("stop");
    expect([transmission.isLinkWanted, transmission.mayBegin(1)]).toEqual([false, false]);
    expect(() => transmission.command("resume")).toThrow("is stopped");
    transmission.command("start");
    expect([transmission.isLinkWanted, transmission.mayBegin(1)]).toEqual([true, true]);
    expect(seen.links).toEqual([false, true]);
    expect(seen.kept.map(({ manual }) => manual)).toEqual(["paused", "started", "stopped", "started"]);
  });

  test("is kept: another process begins with it", () => {
    const { transmission } = open({ manual: "stopped", since: "2026-11-20T00:00:00.000Z" });
    expect([transmission.isLinkWanted, transmission.isOpen]).toEqual([false, false]);
  });
});

describe("a schedule", () => {
  test("a session goes on until the queue is empty, the next begins at the next start", () => {
    const { transmission, queue, seconds, clock } = open();
    transmission.setSchedule({ startAt: new Date(clock.wallMs + 10_000).toISOString(), everyMs: 60_000 });
    expect(transmission.isLinkWanted).toBe(false);
    seconds(9);
    expect(transmission.isLinkWanted).toBe(false);
    seconds(1);
    expect(transmission.mayBegin(1)).toBe(true);
    queue.look = { ...queue.look, isEmpty: true };
    seconds(1);
    expect(transmission.isLinkWanted).toBe(false);
    queue.look = { ...queue.look, isEmpty: false };
    seconds(58);
    expect(transmission.isLinkWanted).toBe(false);
    seconds(1);
    expect(transmission.isLinkWanted).toBe(true);
  });

  test("a time limit is measured by the clock that does not jump, and holds between two looks", () => {
    const { transmission, seconds, clock } = open();
    transmission.setSchedule({ calendar: "12:01", stopAfterMs: 30_000 });
    seconds(60);
    expect(transmission.isOpen).toBe(true);
    clock.wallMs += 7_200_000;
    seconds(29);
    expect(transmission.isOpen).toBe(true);
    clock.pass(1000);
    expect(transmission.isOpen).toBe(false);
    seconds(1);
    expect(transmission.isLinkWanted).toBe(false);
  });

  test("a byte limit is not passed, but for a set that is larger than it", async () => {
    const { transmission, seconds } = open();
    transmission.setSchedule({ calendar: "12:01", stopAfterBytes: 1000 });
    seconds(60);
    const pace = transmission.pace(new AbortController().signal);
    expect(transmission.mayBegin(600)).toBe(true);
    await pace.take(600);
    expect(transmission.mayBegin(500)).toBe(false);
    expect(transmission.isLinkWanted).toBe(false);
    transmission.command("start");
    expect(transmission.mayBegin(5000)).toBe(true);
    await pace.take(5000);
    expect(transmission.mayBegin(1)).toBe(false);
  });

  test("no clock that jumps opens a window, and one that closed ends the session at once", () => {
    const { transmission, seconds, clock } = open();
    transmission.setSchedule({ window: { open: "12:00", close: "13:00" } });
    expect(transmission.mayBegin(1)).toBe(true);
    // Neither jump is looked at before the next set.
    clock.wallMs += 3_600_000;
    expect([transmission.mayBegin(1), transmission.mustCut]).toEqual([false, true]);
    clock.wallMs -= 7_200_000;
    expect(transmission.mayBegin(1)).toBe(false);
    seconds(1);
    expect(transmission.isLinkWanted).toBe(false);
    clock.wallMs += 3_600_000;
    seconds(1);
    expect([transmission.isLinkWanted, transmission.mayBegin(1)]).toEqual([true, true]);
  });

  test("started by hand, a session begins; not outside of the window", () => {
    const { transmission } = open();
    transmission.setSchedule({ calendar: "daily", window: { open: "11:00", close: "13:00" } });
    expect(transmission.isLinkWanted).toBe(false);
    transmission.command("start");
    expect(transmission.isLinkWanted).toBe(true);
    transmission.setSchedule({ window: { open: "20:00", close: "21:00" } });
    expect(transmission.isLinkWanted).toBe(false);
    transmission.command("start");
    expect(transmission.isLinkWanted).toBe(false);
  });

  test("disabled it is not in force, and not forgotten; a start in the past is refused", () => {
    const { transmission } = open();
    transmission.setSchedule({ calendar: "daily" });
    transmission.setSchedule({ enabled: false });
    expect([transmission.isLinkWanted, transmission.settings.schedule?.calendar]).toEqual([true, "daily"]);
    transmission.setSchedule({ enabled: true });
    expect(transmission.isLinkWanted).toBe(false);
    transmission.setSchedule(null);
    expect([transmission.isLinkWanted, transmission.settings.schedule]).toEqual([true, null]);
    expect(() => transmission.setSchedule({ startAt: "2020-01-01T00:00:00.000Z" })).toThrow("in the past");
  });

  test("a session, and a start that was missed, go on in another process", () => {
    const session = { why: "", startedAt: "", elapsedMs: 20_000, bytes: 10 };
    const schedule = {
      enabled: true,
      startAt: null,
      everyMs: null,
      calendar: "11:00",
      queueBytes: null,
      queuePercent: null,
      stopAfterMs: 30_000,
      stopAfterBytes: null,
      window: null,
    };
    const going = open({ schedule, session, startsSeenMs: new Date("2026-11-20T11:00:00").getTime() });
    expect(going.transmission.isLinkWanted).toBe(true);
    going.seconds(10);
    expect(going.transmission.isLinkWanted).toBe(false);
    const missed = open({ schedule, startsSeenMs: new Date("2026-11-20T10:00:00").getTime() });
    expect(missed.transmission.isLinkWanted).toBe(false);
    missed.seconds(1);
    expect(missed.transmission.isLinkWanted).toBe(true);
  });
});

test("a start that found nothing to send is no missed one in another process", () => {
  const first = open();
  first.queue.look = { bytes: 0, share: 0, owesMirror: false, isEmpty: true };
  first.transmission.setSchedule({ calendar: "12:01" });
  first.seconds(61);
  expect(first.transmission.isLinkWanted).toBe(false);
  const second = open(first.seen.kept.at(-1));
  second.clock.pass(3_600_000);
  second.seconds(2);
  expect(second.transmission.isLinkWanted).toBe(false);
});

test("a paused target holds what is sent, and lets it go", () => {
  const { transmission } = open();
  let opened = 0;
  transmission.onOpen(() => {
    opened += 1;
  });
  transmission.hearTarget({ pause: "pending", sinceMs: 5 });
  expect([transmission.mayBegin(1), transmission.isLinkWanted, opened]).toEqual([false, true, 0]);
  transmission.hearTarget({ pause: "no", sinceMs: 0 });
  expect([transmission.mayBegin(1), opened]).toEqual([true, 1]);
});

test("limits hold at their times, are told, and set the pieces", () => {
  const { transmission, seen, clock, seconds } = open();
  const rate = (bytesPerSecond: number) => ({ bytesPerSecond, share: null });
  transmission.setLimit({ standing: rate(1 << 20), times: [{ calendar: "13:00", lastingMs: 60_000, rate: rate(1 << 26) }] });
  const pace = transmission.pace(new AbortController().signal);
  expect([transmission.bytesPerSecond, pace.pieceBytes]).toEqual([1 << 20, 52_428]);
  clock.pass(3_600_000);
  seconds(1);
  expect([transmission.bytesPerSecond, pace.pieceBytes]).toEqual([1 << 26, 262_144]);
  seconds(60);
  transmission.setLimit({ standing: null, times: [] });
  expect([transmission.bytesPerSecond, pace.pieceBytes]).toEqual([null, null]);
  expect(seen.rates.at(-1)).toBeNull();
});

test("an automatic limit is what was measured, also after a restart and beside limited times, and no limit before", () => {
  const measured = { bytesPerSecond: 10 << 20, at: "2026-11-20T11:00:00.000Z", roundTripMs: 50, fullRoundTripMs: 90 };
  const fresh = open().transmission;
  fresh.setLimit({ standing: AUTOMATIC, times: [] });
  expect([fresh.bytesPerSecond, fresh.rateNow]).toEqual([null, AUTOMATIC]);
  const { transmission, clock, seconds, seen } = open({ measured });
  expect(transmission.bytesPerSecond).toBeNull();
  const slow = { bytesPerSecond: 1 << 20, share: null };
  transmission.setLimit({ standing: AUTOMATIC, times: [{ calendar: "13:00", lastingMs: 60_000, rate: slow }] });
  expect([transmission.bytesPerSecond, transmission.rateNow]).toEqual([7 << 20, AUTOMATIC]);
  clock.pass(3_600_000);
  seconds(1);
  expect([transmission.bytesPerSecond, transmission.rateNow]).toEqual([1 << 20, slow]);
  seconds(60);
  expect(transmission.bytesPerSecond).toBe(7 << 20);
  expect(seen.kept.at(-1)).toMatchObject({ measured, limit: { standing: AUTOMATIC } });
});

test("settings of a version that measured nothing are read", () => {
  const { measured: _, ...before } = DEFAULT_TRANSMISSION;
  expect(transmissionSchema.parse(before)).toEqual(DEFAULT_TRANSMISSION);
});

describe("the bucket", () => {
  test.each([1 << 16, 1 << 20, 20 << 20])("at %i bytes per second no stretch of 10 s has 2 %% more, and a busy sender reaches 99 %%", (rate) => {
    const clock = new TestClock();
    const bucket = new TokenBucket(clock);
    bucket.set(rate);
    const piece = Math.max(4096, Math.min(262_144, Math.floor(rate / 20)));
    clock.pass(60_000);
    const sent: { readonly atMs: number; readonly bytes: number }[] = [];
    while (clock.runMs < 90_000) {
      const waitMs = bucket.take(piece);
      // A timer is late now and then.
      if (waitMs > 0) clock.pass(waitMs + (sent.length % 7 === 0 ? 9 : 1));
      else sent.push({ atMs: clock.runMs, bytes: piece });
    }
    for (let from = 60_000; from <= 80_000; from += 500) {
      const bytes = sent.filter(({ atMs }) => atMs >= from && atMs < from + 10_000).reduce((sum, one) => sum + one.bytes, 0);
      expect(bytes).toBeLessThanOrEqual(rate * 10 * 1.02 + piece);
      expect(bytes).toBeGreaterThanOrEqual(rate * 10 * 0.99 - piece);
    }
  });

  test("without a rate nothing waits", () => {
    const bucket = new TokenBucket(new TestClock());
    expect([bucket.take(1e9), bucket.take(1e9)]).toEqual([0, 0]);
  });
});
