import { z } from "zod";
import { parseMoment } from "../model/moment.js";
import { orphanOptionsSchema } from "../model/orphans.js";
import { scrubSettingsSchema } from "../model/scrub.js";
import { verifyContentSchema, verifyRepairSchema } from "../model/verify.js";
import { type VerifyScheduleChange, verifyScheduleSchema } from "../model/verify-schedule.js";
import { defineCommand, quick } from "./command.js";
import { connectionIdSchema } from "./input-schemas.js";
import { oneJob } from "./job-commands.js";
import { scrubReportSchema, verifyPlanReportSchema } from "./report-schemas.js";

const byId = z.strictObject({ id: connectionIdSchema });
const oneScrub = z.object({ scrub: scrubReportSchema });
const onePlan = z.object({ verifyPlan: verifyPlanReportSchema });
/** `startAt` as a person writes it: local time, or with its zone. */
const changeSchema = verifyScheduleSchema.partial();

function withMoment(change: z.output<typeof changeSchema>): VerifyScheduleChange {
  return typeof change.startAt === "string" ? { ...change, startAt: new Date(parseMoment(change.startAt)).toISOString() } : change;
}

export const VERIFY_COMMANDS = [
  defineCommand({
    name: "verify.start",
    role: "admin",
    summary: "Starts a verification: is the target as the source is? Answers with its first report.",
    input: z.strictObject({
      id: connectionIdSchema,
      content: verifyContentSchema.default("times"),
      repair: verifyRepairSchema.default("no"),
      orphans: orphanOptionsSchema.nullable().default(null),
    }),
    output: oneJob,
    deadlineMs: quick,
    handler: async (agent, { id, ...options }) => ({ job: await agent.jobs.startVerify(id, options) }),
  }),
  defineCommand({
    name: "verify.schedule.show",
    role: "monitor",
    summary: "When a connection is verified by itself: the schedule, the next times, what waits, what was skipped and why.",
    input: byId,
    output: onePlan,
    deadlineMs: quick,
    handler: async (agent, { id }) => ({ verifyPlan: await agent.verification.showSchedule(id) }),
  }),
  defineCommand({
    name: "verify.schedule.set",
    role: "admin",
    summary: "Changes when a connection is verified by itself: fields that are not named stay, null takes one away; `change` null takes all away.",
    input: z.strictObject({ id: connectionIdSchema, change: changeSchema.nullable() }),
    output: onePlan,
    deadlineMs: quick,
    handler: async (agent, { id, change }) => ({ verifyPlan: await agent.verification.setSchedule(id, change === null ? null : withMoment(change)) }),
  }),
  defineCommand({
    name: "verify.scrub.show",
    role: "monitor",
    summary: "The scrub of a connection: what is set, how far it is, and since when everything was compared.",
    input: byId,
    output: oneScrub,
    deadlineMs: quick,
    handler: async (agent, { id }) => ({ scrub: await agent.verification.showScrub(id) }),
  }),
  defineCommand({
    name: "verify.scrub.set",
    role: "admin",
    summary: "Compares the contents of a connection in the background, round after round, at a rate: fields that are not named stay; `change` null ends it.",
    input: z.strictObject({ id: connectionIdSchema, change: scrubSettingsSchema.partial().nullable() }),
    output: oneScrub,
    deadlineMs: quick,
    handler: async (agent, { id, change }) => ({ scrub: await agent.verification.setScrub(id, change) }),
  }),
] as const;
