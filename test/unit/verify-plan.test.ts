// A schedule of verifications: which times have come, and that none is lost in silence.

import { describe, expect, test } from "vitest";
import { changeVerifySchedule, lookAtPlan, nextRuns } from "../../src/model/verify-plan.js";
import { NO_VERIFY_PLAN, type VerifyPlan, type VerifySchedule, verifyPlanSchema } from "../../src/model/verify-schedule.js";

const DAY_MS = 86_400_000;
/** 02:00 of a day, local time. */
const twoOf = (day: number): number => new Date(2026, 10, day, 2, 0).getTime();
const iso = (ms: number): string => new Date(ms).toISOString();
const NIGHTLY = changeVerifySchedule(null, { calendar: "02:00" }) as VerifySchedule;
const look = { isFirst: false, isRunning: false };

function planOf(part: Partial<VerifyPlan> = {}): VerifyPlan {
  return { ...NO_VERIFY_PLAN, schedule: NIGHTLY, seenMs: twoOf(1) + 1, ...part };
}

test("a time that comes is due, once", () => {
  const plan = planOf();
  expect(lookAtPlan(plan, { ...look, nowMs: twoOf(2) - 1 })).toBe(plan);
  const due = lookAtPlan(plan, { ...look, nowMs: twoOf(2) + 500 });
  expect(due).toMatchObject({ due: { at: iso(twoOf(2)), waitsFor: null }, skipped: 0 });
  expect(lookAtPlan({ ...due, due: null }, { ...look, nowMs: twoOf(2) + 1500 })).toMatchObject({ due: null, skipped: 0 });
});

describe("a time that cannot begin one is counted, with the reason", () => {
  test("the one before still waits", () => {
    const due = { at: iso(twoOf(2)), waitsFor: "the connection is being mirrored" };
    const plan = lookAtPlan(planOf({ due, seenMs: twoOf(2) }), { ...look, nowMs: twoOf(3) });
    expect(plan).toMatchObject({ due, skipped: 1, lastSkip: { at: iso(twoOf(3)), why: expect.stringContaining("the connection is being mirrored") } });
  });

  test("the one before still runs", () => {
    const plan = lookAtPlan(planOf(), { ...look, nowMs: twoOf(2), isRunning: true });
    expect(plan).toMatchObject({ due: null, skipped: 1, lastSkip: { why: expect.stringContaining("still going on") } });
  });

  test("the agent was not running", () => {
    const now = { ...look, nowMs: twoOf(4) + DAY_MS / 2, isFirst: true };
    const plan = lookAtPlan(planOf(), now);
    expect(plan).toMatchObject({ due: null, skipped: 3, lastSkip: { at: iso(twoOf(4)), why: "the agent was not running" } });
    const catching = planOf({ schedule: { ...NIGHTLY, catchesUp: true } });
    expect(lookAtPlan(catching, now)).toMatchObject({ due: { at: iso(twoOf(4)) }, skipped: 2 });
  });

  test("one that waited when the agent ended goes on waiting", () => {
    const due = { at: iso(twoOf(2)), waitsFor: "the target is not connected" };
    expect(lookAtPlan(planOf({ due, seenMs: twoOf(2) }), { ...look, nowMs: twoOf(2) + 60_000, isFirst: true })).toMatchObject({ due, skipped: 0 });
  });
});

test("a clock that was in the future does not keep anything waiting for it", () => {
  const plan = lookAtPlan(planOf({ seenMs: twoOf(1) + 365 * DAY_MS }), { ...look, nowMs: twoOf(1) + 1 });
  expect(lookAtPlan(plan, { ...look, nowMs: twoOf(2) })).toMatchObject({ due: { at: iso(twoOf(2)) } });
});

test("disabled, nothing comes; enabled again, nothing of before does", () => {
  const plan = planOf({ schedule: { ...NIGHTLY, enabled: false } });
  expect(lookAtPlan(plan, { ...look, nowMs: twoOf(5) })).toBe(plan);
  expect(nextRuns(plan, twoOf(1), 3)).toEqual([]);
});

test("an interval counts from its start, and a calendar begins with it", () => {
  const every = changeVerifySchedule(null, { startAt: iso(twoOf(2)), everyMs: 12 * 3_600_000 });
  expect(nextRuns({ schedule: every }, twoOf(1), 3)).toEqual([twoOf(2), twoOf(2) + DAY_MS / 2, twoOf(3)]);
  const once = changeVerifySchedule(null, { startAt: iso(twoOf(2)) });
  expect(nextRuns({ schedule: once }, twoOf(1), 3)).toEqual([twoOf(2)]);
  const both = changeVerifySchedule(NIGHTLY, { startAt: iso(twoOf(4)) });
  expect(nextRuns({ schedule: both }, twoOf(1), 2)).toEqual([twoOf(4), twoOf(5)]);
});

test("what is not named stays, null takes away, and what makes no sense is refused", () => {
  expect(changeVerifySchedule(NIGHTLY, { repair: "newer", content: undefined })).toEqual({ ...NIGHTLY, repair: "newer" });
  expect(changeVerifySchedule(NIGHTLY, { calendar: null })).toBeNull();
  expect(() => changeVerifySchedule(null, { repair: "all" })).toThrow("--at");
  expect(() => changeVerifySchedule(null, { calendar: "25:00" })).toThrow(expect.objectContaining({ code: "CALENDAR_INVALID" }));
  expect(() => changeVerifySchedule(NIGHTLY, { everyMs: 60_000 })).toThrow("needs the start");
});

test("it is kept as it was written", () => {
  const plan = planOf({ due: { at: iso(twoOf(2)), waitsFor: null }, lastRun: { at: iso(twoOf(1)), job: 7 } });
  expect(verifyPlanSchema.parse(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
});
