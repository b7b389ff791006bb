import { z } from "zod";
import { SmError } from "../base/errors.js";
import { EVENT_LENGTH_MAX } from "../model/calendar-event.js";
import { parseMoment } from "../model/moment.js";
import { type LimitRate, limitedTimeSchema, limitSchema, pathMeasureSchema, RATE_MIN, type ScheduleChange, scheduleSchema } from "../model/transmission.js";
import type { TransmissionReport } from "../model/transmission-report.js";
import { defineCommand, quick } from "./command.js";
import { connectionIdSchema, siteNameSchema } from "./input-schemas.js";
import { reasonSchema, targetConnectionSchema } from "./report-schemas.js";

/** What came of the connection whole is applied first. */
const FORGET_MS = 120_000;

const byId = z.strictObject({ id: connectionIdSchema });

const transmissionReportSchema: z.ZodType<TransmissionReport> = z.object({
  connectionId: z.number(),
  mode: z.enum(["Started", "Paused", "Scheduled", "Stopped", "Error"]),
  commitMode: z.enum(["Real-time", "Scheduled"]),
  manual: z.enum(["started", "stopped", "paused"]),
  manualSince: z.string(),
  schedule: scheduleSchema.nullable(),
  isWindowOpen: z.boolean(),
  session: z.object({ why: z.string(), startedAt: z.string(), elapsedMs: z.number(), bytes: z.number() }).nullable(),
  nextStart: z.string().nullable(),
  limit: limitSchema,
  rateNow: limitSchema.shape.standing,
  bytesPerSecondNow: z.number().nullable(),
  measured: pathMeasureSchema.nullable(),
  isMeasuring: z.boolean(),
  queuedBytes: z.number(),
  queuedOps: z.number(),
  reasons: z.array(reasonSchema),
});

const output = z.object({ transmission: transmissionReportSchema });

/** `startAt` as a person writes it: local time, or with its zone. */
const changeSchema = scheduleSchema.partial();

const rateSchema = z.union([
  z.strictObject({ bytesPerSecond: z.number().int().min(RATE_MIN) }),
  z.strictObject({ percent: z.number().positive().max(100), linkBitsPerSecond: z.number().positive() }),
  z.strictObject({ automatic: z.literal(true) }),
]);

const duringSchema = limitedTimeSchema.pick({ calendar: true, lastingMs: true });

function rateOf(input: z.output<typeof rateSchema>): LimitRate {
  if ("automatic" in input) return input;
  if ("bytesPerSecond" in input) return { ...input, share: null };
  const bytesPerSecond = Math.floor((input.linkBitsPerSecond / 8) * (input.percent / 100));
  if (bytesPerSecond < RATE_MIN) throw new SmError("TRANSMISSION_SETTING", `that is ${bytesPerSecond} bytes per second; the least is ${RATE_MIN}`);
  return { bytesPerSecond, share: input };
}

function withMoment(change: z.output<typeof changeSchema>): ScheduleChange {
  return typeof change.startAt === "string" ? { ...change, startAt: new Date(parseMoment(change.startAt)).toISOString() } : change;
}

const verb = <const Verb extends "start" | "stop" | "pause" | "resume">(word: Verb, summary: string) =>
  defineCommand({
    name: `transmission.${word}` as const,
    role: "admin",
    summary,
    input: byId,
    output,
    deadlineMs: quick,
    handler: async (agent, { id }) => ({ transmission: await agent.transmission.command(id, word) }),
  });

const target = <const Verb extends "pause" | "resume">(word: Verb, summary: string) =>
  defineCommand({
    name: `target.${word}` as const,
    role: "admin",
    summary,
    input: z.strictObject({ connectionId: connectionIdSchema.optional(), source: siteNameSchema.optional() }),
    output: z.object({ targets: z.array(targetConnectionSchema).readonly() }),
    deadlineMs: quick,
    handler: async (agent, choice) => ({ targets: await agent.targets[word](choice) }),
  });

export const TRANSMISSION_COMMANDS = [
  verb("start", "Sends again; under a schedule, a session begins now, if its window is open."),
  verb("stop", "Ends the link of a connection. Changes are captured and queued."),
  verb("pause", "Sends nothing, and keeps the link. Changes are captured and queued."),
  verb("resume", "Sends again what was paused."),
  defineCommand({
    name: "transmission.show",
    role: "monitor",
    summary: "Whether a connection sends, and why not; its schedule, session and limit.",
    input: byId,
    output,
    deadlineMs: quick,
    handler: async (agent, { id }) => ({ transmission: await agent.transmission.show(id) }),
  }),
  defineCommand({
    name: "transmission.schedule",
    role: "admin",
    summary: "Changes the schedule of a connection: fields that are not named stay, null takes one away; `change` null takes all away.",
    input: z.strictObject({ id: connectionIdSchema, change: changeSchema.nullable() }),
    output,
    deadlineMs: quick,
    handler: async (agent, { id, change }) => ({ transmission: await agent.transmission.setSchedule(id, change === null ? null : withMoment(change)) }),
  }),
  defineCommand({
    name: "transmission.limit",
    role: "admin",
    summary: "Limits the bytes per second of a connection, always or at times, by a figure or by what the path is found to carry; `rate` null lifts a limit.",
    input: z.strictObject({ id: connectionIdSchema, rate: rateSchema.nullable(), during: duringSchema.nullable().default(null) }),
    output,
    deadlineMs: quick,
    handler: async (agent, { id, rate, during }) => ({
      transmission: await agent.transmission.setLimit(id, { rate: rate === null ? null : rateOf(rate), during }),
    }),
  }),
  defineCommand({
    name: "transmission.unlimit",
    role: "admin",
    summary: "Takes away every limit of a connection, or the one during `calendar`.",
    input: z.strictObject({ id: connectionIdSchema, calendar: z.string().min(1).max(EVENT_LENGTH_MAX).nullable().default(null) }),
    output,
    deadlineMs: quick,
    handler: async (agent, { id, calendar }) => ({ transmission: await agent.transmission.setLimit(id, { clear: calendar }) }),
  }),
  target("pause", "This target applies nothing of a connection, or of any; what is being applied is completed. Sources queue."),
  target("resume", "This target applies again."),
  defineCommand({
    name: "target.forget",
    role: "admin",
    summary: "This target forgets a connection whose source is gone for ever: its place is free. What was replicated stays.",
    input: z.strictObject({ connectionId: connectionIdSchema, source: siteNameSchema.optional() }),
    output: z.object({ forgotten: z.array(targetConnectionSchema).readonly() }),
    deadlineMs: () => FORGET_MS,
    handler: async (agent, choice) => ({ forgotten: await agent.targets.forget(choice) }),
  }),
] as const;
