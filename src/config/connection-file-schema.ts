// What a file of connections.d may say, in the words of the commands: `sm connect`, `sm transmission limit|schedule`,
// `sm verify schedule|scrub`. The JSON Schema for editors is made from it.

import { z } from "zod";
import { SmError } from "../base/errors.js";
import { parseCalendarEvent } from "../model/calendar-event.js";
import { compressionSchema } from "../model/compression.js";
import { type GuardChange, guardSettingSchema } from "../model/connection-spec.js";
import { contradictionInHook, HOOK_EVENTS, HOOK_TIMEOUT_SECONDS, HOOKS_MAX, type Hook, hookSchema } from "../model/hook.js";
import { parseMoment } from "../model/moment.js";
import { contradictionInOrphans, type OrphanOptions, orphanOptionsSchema } from "../model/orphans.js";
import * as quantity from "../model/quantity-text.js";
import { checkRepsetName, checkTargetPath, tidyPath } from "../model/repset-name.js";
import { type ScrubSettings, scrubSettingsSchema } from "../model/scrub.js";
import { LIMITED_TIMES_MAX, type LimitRate, limitedTimeSchema, RATE_MIN, scheduleSchema, type TransmissionSchedule } from "../model/transmission.js";
import { changeSchedule } from "../model/transmission-schedule.js";
import { changeVerifySchedule } from "../model/verify-plan.js";
import { type VerifySchedule, verifyScheduleSchema } from "../model/verify-schedule.js";

type Context = z.core.$RefinementCtx<unknown>;

/** Text, or a number, that `read` understands. */
function written<T>(form: string, read: (text: string) => T | undefined) {
  return z.union([z.string(), z.number()], { error: form }).transform((value, context): T => {
    const result = read(String(value));
    if (result !== undefined) return result;
    context.addIssue({ code: "custom", message: form });
    return z.NEVER;
  });
}

/** Runs what throws SmError for a value that does not fit; the fault is told at `path`. */
function attempt<T>(context: Context, path: readonly string[], work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof SmError)) throw error;
    context.addIssue({ code: "custom", message: `what fits: ${error.message}`, path: [...path] });
    return z.NEVER;
  }
}

/** Holds a section against the schema of what it becomes; a fault is told at the word of the file. */
function held<T>(context: Context, schema: z.ZodType<T>, value: unknown, words: Readonly<Record<string, string>>): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const name = String(issue.path[0] ?? "");
    const bound = issue.code === "too_small" ? `at least ${issue.minimum}` : issue.code === "too_big" ? `at most ${issue.maximum}` : null;
    context.addIssue({ code: "custom", message: bound ?? `what fits: ${issue.message}`, path: [words[name] ?? name] });
  }
  return z.NEVER;
}

function requireCalendar(text: string): string {
  parseCalendarEvent(text);
  return text;
}

const bytes = written(quantity.BYTES_FORM, quantity.readBytes);
const duration = written(quantity.DURATION_FORM, (text) => {
  const seconds = quantity.readSeconds(text);
  return seconds === undefined ? undefined : Math.round(seconds * 1000);
});
const window = z.string().transform((text, context) => {
  const read = quantity.readWindow(text);
  if (read === undefined) context.addIssue({ code: "custom", message: quantity.WINDOW_FORM });
  return read ?? z.NEVER;
});
const moment = z.string().transform((text, context) => attempt(context, [], () => new Date(parseMoment(text)).toISOString()));
const calendar = z.string().transform((text, context) => attempt(context, [], () => requireCalendar(text)));

const RATE_FORM = `a rate of at least ${RATE_MIN} bytes a second such as 10MiB or 100mbit, automatic, none, or {percent: 40, link: 100mbit}`;
const share = z.strictObject({ percent: z.union([z.number(), z.string()]), link: z.string() });

const rate = z.union([z.string(), z.number(), share], { error: RATE_FORM }).transform((value, context): LimitRate | null => {
  if (value === "none") return null;
  if (value === "automatic") return { automatic: true };
  const read = typeof value === "object" ? shareOf(value) : { bytesPerSecond: quantity.readRate(String(value)) ?? 0, share: null };
  if (read !== undefined && read.bytesPerSecond >= RATE_MIN && read.bytesPerSecond <= 1e12) return read;
  context.addIssue({ code: "custom", message: RATE_FORM });
  return z.NEVER;
});

function shareOf(value: z.output<typeof share>) {
  const percent = quantity.readPercent(String(value.percent));
  const linkBitsPerSecond = quantity.readBitRate(value.link);
  if (percent === undefined || linkBitsPerSecond === undefined || linkBitsPerSecond <= 0) return undefined;
  return { bytesPerSecond: Math.floor((linkBitsPerSecond / 8) * (percent / 100)), share: { percent, linkBitsPerSecond } };
}

const limitedTime = z
  .strictObject({ during: calendar, lasting: duration, rate })
  .transform(({ during, lasting, rate: limited }, context) =>
    held(context, limitedTimeSchema, { calendar: during, lastingMs: lasting, rate: limited }, { calendar: "during", lastingMs: "lasting" }),
  );

const SCHEDULE_WORDS = { startAt: "start", everyMs: "every", stopAfterMs: "stopAfter" };

const schedule = z
  .strictObject({
    start: moment.optional(),
    every: duration.optional(),
    calendar: calendar.optional(),
    queueBytes: bytes.optional(),
    queuePercent: written(quantity.PERCENT_FORM, quantity.readPercent).optional(),
    stopAfter: duration.optional(),
    stopAfterBytes: bytes.optional(),
    window: window.optional(),
    enabled: z.boolean().default(true),
  })
  .transform(({ start, every, stopAfter, ...rest }, context): TransmissionSchedule | null => {
    const { calendar: at = null, queueBytes = null, queuePercent = null, stopAfterBytes = null, window: open = null, enabled } = rest;
    const times = { startAt: start ?? null, everyMs: every ?? null, calendar: at, stopAfterMs: stopAfter ?? null };
    const whole = held(context, scheduleSchema, { ...times, queueBytes, queuePercent, stopAfterBytes, window: open, enabled }, SCHEDULE_WORDS);
    return context.issues.length > 0 ? z.NEVER : attempt(context, [], () => changeSchedule(null, whole));
  });

const orphans = z
  .strictObject({
    action: orphanOptionsSchema.shape.action,
    to: z.string().optional(),
    olderThan: duration.optional(),
    includeExcluded: z.boolean().default(false),
    yes: z.boolean().default(false),
  })
  .transform(({ action, to = null, olderThan = null, includeExcluded, yes }, context): OrphanOptions => {
    const options = { action, to, olderThanMs: olderThan, includesExcluded: includeExcluded, isConfirmed: yes, isDryRun: false };
    const contradiction = contradictionInOrphans(options);
    if (contradiction !== null) context.addIssue({ code: "custom", message: `what fits: ${contradiction}`, path: ["to"] });
    return options;
  });

const VERIFY_WORDS = { calendar: "at", startAt: "start", everyMs: "every" };

const verify = z
  .strictObject({
    at: calendar.optional(),
    start: moment.optional(),
    every: duration.optional(),
    checksum: z.boolean().default(false),
    checksumAll: z.boolean().default(false),
    repair: z.boolean().default(false),
    newer: z.boolean().default(false),
    catchUp: z.boolean().default(false),
    orphans: orphans.optional(),
    enabled: z.boolean().default(true),
  })
  .transform((words, context): VerifySchedule | null => {
    const { at, start, every, checksum, checksumAll, repair, newer, catchUp, enabled } = words;
    if (checksum && checksumAll) context.addIssue({ code: "custom", message: "checksum or checksumAll, one of them", path: ["checksum"] });
    if (newer && !repair) context.addIssue({ code: "custom", message: "repair: true beside newer", path: ["newer"] });
    const times = { calendar: at ?? null, startAt: start ?? null, everyMs: every ?? null };
    const content = checksumAll ? "all" : checksum ? "flagged" : "times";
    const deeds = { repair: repair ? (newer ? "newer" : "all") : "no", orphans: words.orphans ?? null, catchesUp: catchUp };
    const whole = held(context, verifyScheduleSchema, { enabled, ...times, content, ...deeds }, VERIFY_WORDS);
    return context.issues.length > 0 ? z.NEVER : attempt(context, [], () => changeVerifySchedule(null, whole));
  });

const scrub = z
  .strictObject({
    bytesPerSecond: bytes,
    window: window.optional(),
    every: duration.default(86_400_000),
    repair: z.boolean().default(false),
    enabled: z.boolean().default(true),
  })
  .transform(({ bytesPerSecond, window: open = null, every, repair, enabled }, context): ScrubSettings => {
    if (open !== null && open.open === open.close) context.addIssue({ code: "custom", message: "two different times", path: ["window"] });
    const settings = { enabled, bytesPerSecond, window: open, everyMs: every, repair: repair ? "all" : "no" };
    return held(context, scrubSettingsSchema, settings, { everyMs: "every" });
  });

const GUARD_FORM = "a percentage from 1 to 100, off, configured, or a map such as {lost: 20, changed: 50}";

const guard = z
  .union([guardSettingSchema, z.strictObject({ lost: guardSettingSchema.optional(), changed: guardSettingSchema.optional() })], { error: GUARD_FORM })
  .transform((value): GuardChange => {
    if (typeof value !== "object") return typeof value === "number" ? { guard: value } : { guard: value, guardChanged: value };
    return { ...(value.lost === undefined ? {} : { guard: value.lost }), ...(value.changed === undefined ? {} : { guardChanged: value.changed }) };
  });

const simulation = z
  .strictObject({ bandwidth: written(RATE_FORM, quantity.readRate).optional(), roundTripMs: z.number().int().min(0).max(60_000).default(0) })
  .transform(({ bandwidth = null, roundTripMs }, context) => {
    if (bandwidth !== null && bandwidth < RATE_MIN) context.addIssue({ code: "custom", message: RATE_FORM, path: ["bandwidth"] });
    return { bytesPerSecond: bandwidth, roundTripMs };
  });

const HOOK_WORDS = { timeoutSeconds: "timeout" };

const hook = z
  .strictObject({
    name: z.string(),
    event: z.enum(HOOK_EVENTS),
    program: z.string().startsWith("/", "an absolute path"),
    args: z.array(z.string()).default([]),
    delay: z.boolean().default(false),
    timeout: duration.default(HOOK_TIMEOUT_SECONDS * 1000),
    onFailure: z.enum(["continue", "stop"]).default("continue"),
  })
  .transform(({ program, args, delay, timeout, ...rest }, context): Hook => {
    const whole = { ...rest, program: { path: program, args }, isDelaying: delay, timeoutSeconds: timeout / 1000 };
    const contradiction = contradictionInHook(whole);
    if (contradiction !== null) context.addIssue({ code: "custom", message: `what fits: ${contradiction}`, path: ["onFailure"] });
    return held(context, hookSchema, whole, HOOK_WORDS);
  });

const hooks = z
  .array(hook)
  .max(HOOKS_MAX)
  .superRefine((all, context) => {
    for (const [index, { name }] of all.entries())
      if (all.findIndex((other) => other.name === name) < index)
        context.addIssue({ code: "custom", message: "a name that no hook before has", path: [index, "name"] });
  });

const setName = z.string().transform((name, context) => {
  const reason = checkRepsetName(name);
  if (reason !== undefined) context.addIssue({ code: "custom", message: "the name of a replication set" });
  return name;
});

const path = z.string().transform((text, context) => {
  const tidy = tidyPath(text);
  const reason = checkTargetPath(tidy);
  if (reason !== undefined) context.addIssue({ code: "custom", message: `an absolute path; this one ${reason}` });
  return tidy;
});

export const connectionFileSchema = z.strictObject({
  set: setName.describe("Name of the replication set."),
  target: z.string().min(1).max(255).describe("Name of the peer, localhost for this agent itself, or tdu: a simulation that stores nothing."),
  map: z.record(z.string().startsWith("/"), path).optional().describe("Place of each source path on the target."),
  exact: z.literal(true).optional().describe("The same paths on the target."),
  base: path.optional().describe("All below this directory of the target."),
  mirror: z.enum(["full", "difference", "none"]).default("difference").describe("How the first mirror compares; none = it waits for a person."),
  replicate: z.boolean().default(true).describe("Whether changes are replicated; true again = with a mirror of what changed meanwhile."),
  compression: compressionSchema.default("off").describe("Compression of what is sent."),
  durability: z.enum(["none", "write", "fsync"]).optional().describe("What the target has done when it acknowledges; default: apply.durability."),
  remapLinks: z.boolean().default(true).describe("Absolute links into the set are set to the place on the target."),
  guard: guard.optional().describe("Percent of its files that the set may lose, or overwrite, at once before the connection holds."),
  limit: rate.optional().describe("Bytes per second, whenever none of limits says something else."),
  limits: z.array(limitedTime).max(LIMITED_TIMES_MAX).optional().describe("Other limits, at times."),
  schedule: schedule.optional().describe("When it sends; absent = as soon as possible."),
  verify: verify.optional().describe("When it is verified by itself, and how."),
  scrub: scrub.optional().describe("All contents are compared in the background, at a rate."),
  hooks: hooks.optional().describe("Programs that run on this server at the beginning and the end of its mirrors, in this order; absent = left to `sm hook`."),
  simulation: simulation.optional().describe("The link of a simulation."),
});

export type ConnectionFile = z.output<typeof connectionFileSchema>;
