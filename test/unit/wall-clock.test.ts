// A wall clock that is set, forward or back by hours: what is decided by it stays right.

import { expect, test } from "vitest";
import { isRacy } from "../../src/capture/entry-shipper.js";
import { ClockWatch, cleanUntilAfter, cleanUntilAtStart } from "../../src/connection/clean-until.js";
import type { FileStat } from "../../src/fs/native.js";

const HOUR = 3_600_000;
const NOW = 1_800_000_000_000;

const changedAt = (ms: number): FileStat => ({ ctimeSec: Math.floor(ms / 1000), ctimeNsec: (ms % 1000) * 1e6 }) as FileStat;

test("a change is young for a moment only, also when its time is still to come", () => {
  const isYoung = (agoMs: number): boolean => isRacy(changedAt(NOW - agoMs), NOW);
  expect([0, 10, 24, 26, 1000, HOUR].map(isYoung)).toEqual([true, true, true, false, false, false]);
  // A small step back of the clock, and hours of it: such files would be read again at every look until the clock is there.
  expect([-10, -1500, -5000, -HOUR].map(isYoung)).toEqual([true, true, false, false]);
});

test("a clock that is set back is noticed once, slewing and setting forward are not", () => {
  const time = { nowMs: NOW, monotonicMs: 5 };
  const watch = new ClockWatch({ nowMs: () => time.nowMs, monotonicMs: () => time.monotonicMs });
  const after = (wallMs: number, monotonicMs = 1000): boolean => {
    time.nowMs += wallMs;
    time.monotonicMs += monotonicMs;
    return watch.wasSetBack();
  };
  expect([after(1000), after(999), after(3 * HOUR), after(1000), after(-3 * HOUR), after(1000), after(-500)]).toEqual([
    false,
    false,
    false,
    false,
    true,
    false,
    true,
  ]);
});

test("the time before which all is clean never lies in the future", () => {
  const lagMs = 10_000;
  expect(cleanUntilAfter(0, NOW, lagMs, NOW + 50)).toBe(NOW - lagMs);
  expect(cleanUntilAfter(NOW, NOW - HOUR, lagMs, NOW + 50)).toBe(NOW);
  // Made while the clock was ahead, durable when it had been set back.
  expect(cleanUntilAfter(NOW - HOUR, NOW + 3 * HOUR, lagMs, NOW)).toBe(NOW - lagMs);
  expect([cleanUntilAtStart(NOW - 1, NOW), cleanUntilAtStart(NOW + HOUR, NOW)]).toEqual([NOW - 1, 0]);
});
