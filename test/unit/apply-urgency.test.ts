// When what was applied is told, and what its durability is told to be worth: whether live changes are among it.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { MiB } from "../../src/base/units.js";
import { file } from "../support/apply-kit.js";
import { HostKit, liveSet } from "../support/host-kit.js";

let kit: HostKit;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  kit = new HostKit();
  kit.open();
  kit.begin();
  kit.send({ kind: "claim", claim: { fromSeq: 0, why: "" } });
});
afterEach(() => {
  kit.close();
  vi.useRealTimers();
});

test("a job's bulk is told when nothing has come for a moment, in any case after a while, or once it is much; a live change with all before it at once", () => {
  kit.sendSets(liveSet(1, "mirror", [file("a", "1")]));
  vi.advanceTimersByTime(2);
  kit.sendSets(liveSet(2, "mirror", [file("b", "2")]));
  vi.advanceTimersByTime(2);
  expect(kit.progress.appliedSeq).toBe(0);
  vi.advanceTimersByTime(1);
  expect(kit.progress.appliedSeq).toBe(2);
  kit.sendSets(liveSet(3, "mirror", [file("c", "x".repeat(5 * MiB))]));
  expect(kit.progress.appliedSeq).toBe(3);
  for (let seq = 4; seq <= 14; seq++) {
    expect(kit.progress.appliedSeq).toBe(3);
    kit.sendSets(liveSet(seq, "mirror", [file(`f${seq}`, "4")]));
    vi.advanceTimersByTime(2);
  }
  expect(kit.progress.appliedSeq).toBe(14);
  kit.sendSets(liveSet(15, "mirror", [file("d", "4")]), liveSet(16, "closed", [file("e", "5")]));
  expect(kit.progress.appliedSeq).toBe(16);
  const told = kit.posted.length;
  vi.advanceTimersByTime(1000);
  expect(kit.posted.length).toBe(told);
});

test("a job's sets are told as such, live ones as live", () => {
  kit.sendSets(liveSet(1, "mirror", [file("a", "1")]));
  vi.advanceTimersByTime(3);
  expect(kit.progress).toMatchObject({ appliedSeq: 1, hasLive: false });
  kit.sendSets(liveSet(2, "closed", [file("b", "2")]));
  expect(kit.progress).toMatchObject({ appliedSeq: 2, hasLive: true });
  kit.sendSets(liveSet(3, "mirror", [file("c", "3")]));
  vi.advanceTimersByTime(3);
  expect(kit.progress).toMatchObject({ appliedSeq: 3, hasLive: false });
});

test("what an earlier process applied and did not live to sync may be live", () => {
  kit.sendSets(liveSet(1, "mirror", [file("a", "1")]));
  kit.open();
  kit.begin();
  expect(kit.progress).toMatchObject({ appliedSeq: 1, hasLive: true });
});
