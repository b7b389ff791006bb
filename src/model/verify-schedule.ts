// When a connection is verified without anybody asking (HP guide p. 11-2), and what is kept of that over restarts.

import { z } from "zod";
import { orphanOptionsSchema } from "./orphans.js";
import { scheduleSchema } from "./transmission.js";
import { verifyContentSchema, verifyRepairSchema } from "./verify.js";

export const verifyScheduleSchema = z.strictObject({
  /** False: not in force, and not forgotten. */
  enabled: z.boolean(),
  /** It begins at these times; null = not by a calendar. */
  calendar: scheduleSchema.shape.calendar,
  /** It begins then (ISO 8601), and by the calendar not before. */
  startAt: scheduleSchema.shape.startAt,
  /** And again every so many ms. */
  everyMs: scheduleSchema.shape.everyMs,
  content: verifyContentSchema,
  repair: verifyRepairSchema,
  orphans: orphanOptionsSchema.nullable(),
  /** A time that passed while the agent was not running is made up for, once, when it runs again. */
  catchesUp: z.boolean(),
});

export type VerifySchedule = z.infer<typeof verifyScheduleSchema>;

/** What is to be different; what is not named stays, null takes it away. */
export type VerifyScheduleChange = { readonly [K in keyof VerifySchedule]?: VerifySchedule[K] | undefined };

export const verifyPlanSchema = z.strictObject({
  schedule: verifyScheduleSchema.nullable(),
  /** Times up to this one (wall clock, ms) are begun, wait in `due`, or were skipped. */
  seenMs: z.number(),
  /** The verification of that time (ISO 8601) is still to begin, and why it has not. */
  due: z.strictObject({ at: z.string(), waitsFor: z.string().nullable() }).nullable(),
  /** The verification that was begun last: of which time, and as which job. */
  lastRun: z.strictObject({ at: z.string(), job: z.number() }).nullable(),
  /** Times at which none was begun and none will be. */
  skipped: z.number(),
  lastSkip: z.strictObject({ at: z.string(), why: z.string() }).nullable(),
});

export type VerifyPlan = z.infer<typeof verifyPlanSchema>;

export const NO_VERIFY_PLAN: VerifyPlan = { schedule: null, seenMs: 0, due: null, lastRun: null, skipped: 0, lastSkip: null };

export interface VerifyPlanReport extends Omit<VerifyPlan, "seenMs"> {
  /** ISO 8601; none while the schedule is disabled, or has no further time. */
  readonly nextRuns: readonly string[];
}
