// What a schedule of verifications says at a moment: which times have come, and what becomes of each. Pure.
// Invariant: a time that has come is begun, waits, or is counted as skipped with the reason.

import { SmError } from "../base/errors.js";
import { parseCalendarEvent } from "./calendar-event.js";
import { nextStart } from "./transmission-schedule.js";
import type { VerifyPlan, VerifyPlanReport, VerifySchedule, VerifyScheduleChange } from "./verify-schedule.js";

const NEW_SCHEDULE: VerifySchedule = {
  enabled: true,
  calendar: null,
  startAt: null,
  everyMs: null,
  content: "times",
  repair: "no",
  orphans: null,
  catchesUp: false,
};
/** Further ones that passed at once are skipped uncounted. */
const PASSED_MAX = 1000;

/** The schedule with the change; null when nothing begins a verification any more. USAGE when its parts do not go together. */
export function changeVerifySchedule(before: VerifySchedule | null, change: VerifyScheduleChange): VerifySchedule | null {
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as Partial<VerifySchedule>;
  const after: VerifySchedule = { ...(before ?? NEW_SCHEDULE), ...given };
  if (after.calendar === null && after.startAt === null) {
    if (before === null) throw new SmError("USAGE", "there is no schedule yet: say when it verifies, for example --at 'sun 02:00'");
    return null;
  }
  if (after.calendar !== null) parseCalendarEvent(after.calendar);
  if (after.everyMs !== null && after.startAt === null) throw new SmError("USAGE", "an interval needs the start from which it counts");
  return after;
}

export function nextRuns({ schedule }: Pick<VerifyPlan, "schedule">, afterMs: number, count: number): number[] {
  const runs: number[] = [];
  if (schedule === null || !schedule.enabled) return runs;
  for (let at = nextStart(schedule, afterMs); at !== null && runs.length < count; at = nextStart(schedule, at)) runs.push(at);
  return runs;
}

export interface PlanLook {
  readonly nowMs: number;
  /** The first of this process: what passed before it passed while the agent was not running. */
  readonly isFirst: boolean;
  /** A verification that the schedule began is still going on. */
  readonly isRunning: boolean;
}

/** The plan as it is by now: the same object when nothing has come. */
export function lookAtPlan(plan: VerifyPlan, { nowMs, isFirst, isRunning }: PlanLook): VerifyPlan {
  const { schedule, due, seenMs } = plan;
  if (schedule === null || !schedule.enabled) return plan;
  // A clock that was set back: times that lie before it again are new ones.
  if (seenMs > nowMs) return { ...plan, seenMs: nowMs };
  const passed = passedBetween(schedule, seenMs, nowMs);
  const last = passed.at(-1);
  if (last === undefined) return plan;
  const at = new Date(last).toISOString();
  const skip = (count: number, why: string): VerifyPlan =>
    count === 0 ? { ...plan, seenMs: nowMs } : { ...plan, seenMs: nowMs, skipped: plan.skipped + count, lastSkip: { at, why } };
  if (isFirst && !schedule.catchesUp) return skip(passed.length, "the agent was not running");
  if (due !== null) return skip(passed.length, `the verification of ${due.at} still waited${due.waitsFor === null ? "" : `: ${due.waitsFor}`}`);
  if (isRunning) return skip(passed.length, "the verification before was still going on");
  const others = skip(passed.length - 1, isFirst ? "the agent was not running: one verification makes up for all" : "several times passed at once");
  return { ...others, due: { at, waitsFor: null } };
}

function passedBetween(schedule: VerifySchedule, fromMs: number, untilMs: number): number[] {
  const passed: number[] = [];
  for (let at = nextStart(schedule, fromMs); at !== null && at <= untilMs && passed.length < PASSED_MAX; at = nextStart(schedule, at)) passed.push(at);
  return passed;
}

export function reportPlan(plan: VerifyPlan, nowMs: number, count: number): VerifyPlanReport {
  const { seenMs: _, ...rest } = plan;
  return { ...rest, nextRuns: nextRuns(plan, nowMs, count).map((ms) => new Date(ms).toISOString()) };
}
