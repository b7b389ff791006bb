import { expect, test } from "vitest";
import { LiveSets } from "../../src/connection/live-sets.js";

function timed() {
  const time = { nowMs: 0, monotonicMs: 0 };
  const sets = new LiveSets({ nowMs: () => time.nowMs, monotonicMs: () => time.monotonicMs });
  const add = (seq: number, timeMs: number): void => {
    time.nowMs = timeMs;
    time.monotonicMs = timeMs;
    sets.add(seq);
  };
  return { time, sets, add };
}

test("what is durable is forgotten, and the time known before which all is", () => {
  const { sets, add } = timed();
  expect([sets.firstSeq, sets.oldestAfter(0), sets.takeSettled(5)]).toEqual([undefined, null, 0]);
  for (const seq of [10, 12, 15]) add(seq, seq * 100);
  expect([sets.firstSeq, sets.oldestAfter(0), sets.oldestAfter(10), sets.oldestAfter(15)]).toEqual([10, 1000, 1200, null]);
  expect([sets.takeSettled(9), sets.firstSeq]).toEqual([0, 10]);
  expect([sets.takeSettled(14), sets.firstSeq]).toEqual([1200, 15]);
  expect([sets.takeSettled(15), sets.firstSeq]).toEqual([1500, undefined]);
});

test("at the limit times become coarser, towards the past, and no set is taken for durable", () => {
  const { sets, add } = timed();
  const count = 45_000;
  for (let seq = 1; seq <= count; seq++) add(seq, seq);
  for (const seq of [1, 7, 4999, 20_000, 44_999]) {
    const madeMs = sets.takeSettled(seq);
    expect(madeMs).toBeLessThanOrEqual(seq);
    expect(sets.firstSeq).toBeLessThanOrEqual(seq + 1);
    expect(sets.oldestAfter(seq)).toBeLessThanOrEqual(seq + 1);
    expect(seq + 1 - (sets.firstSeq ?? 0)).toBeLessThan(32);
  }
  expect(sets.takeSettled(count)).toBeGreaterThan(count - 32);
  expect(sets.firstSeq).toBeUndefined();
});

test("how long ago a set was made does not change with the wall clock", () => {
  const { time, sets, add } = timed();
  add(1, 10_000);
  time.monotonicMs += 500;
  for (const nowMs of [10_500, 10_000_000, 1000]) {
    time.nowMs = nowMs;
    expect(nowMs - (sets.oldestAfter(0) ?? 0)).toBe(500);
  }
  expect(sets.takeSettled(1)).toBe(10_000);
});
