import { expect, test } from "vitest";
import { LiveSets } from "../../src/connection/live-sets.js";

test("what is durable is forgotten, and the time known before which all is", () => {
  const sets = new LiveSets();
  expect([sets.firstSeq, sets.oldestAfter(0), sets.takeSettled(5)]).toEqual([undefined, null, 0]);
  for (const seq of [10, 12, 15]) sets.add(seq, seq * 100);
  expect([sets.firstSeq, sets.oldestAfter(0), sets.oldestAfter(10), sets.oldestAfter(15)]).toEqual([10, 1000, 1200, null]);
  expect([sets.takeSettled(9), sets.firstSeq]).toEqual([0, 10]);
  expect([sets.takeSettled(14), sets.firstSeq]).toEqual([1200, 15]);
  expect([sets.takeSettled(15), sets.firstSeq]).toEqual([1500, undefined]);
});

test("at the limit times become coarser, towards the past, and no set is taken for durable", () => {
  const sets = new LiveSets();
  const count = 45_000;
  for (let seq = 1; seq <= count; seq++) sets.add(seq, seq);
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
