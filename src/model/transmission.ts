// When and how fast a connection may send: what a person set, kept over restarts (HP guide chapter 12).

import { z } from "zod";
import { EVENT_LENGTH_MAX } from "./calendar-event.js";

const calendarText = z.string().min(1).max(EVENT_LENGTH_MAX);
const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/);
const DAY_MS = 86_400_000;

/** Every field null = as soon as possible. */
export const scheduleSchema = z.strictObject({
  /** False: not in force, and not forgotten. */
  enabled: z.boolean(),
  /** The first session begins then (ISO 8601); nothing else begins one before. */
  startAt: z.string().nullable(),
  /** And again every so many ms. */
  everyMs: z
    .number()
    .int()
    .min(1000)
    .max(366 * DAY_MS)
    .nullable(),
  /** Sessions begin at these times. */
  calendar: calendarText.nullable(),
  /** A session begins when so much waits for this connection. */
  queueBytes: z.number().int().positive().nullable(),
  /** A session begins when so much of the queue of the replication set is in use. */
  queuePercent: z.number().positive().max(100).nullable(),
  /** A session ends after so long, */
  stopAfterMs: z
    .number()
    .int()
    .min(1000)
    .max(366 * DAY_MS)
    .nullable(),
  /** and when so many bytes were sent. */
  stopAfterBytes: z.number().int().positive().nullable(),
  /** Nothing is ever sent outside of these times of day, local time; `close` may lie on the next day. */
  window: z.strictObject({ open: timeOfDay, close: timeOfDay }).nullable(),
});

export type TransmissionSchedule = z.infer<typeof scheduleSchema>;

export const NO_SCHEDULE: TransmissionSchedule = {
  enabled: true,
  startAt: null,
  everyMs: null,
  calendar: null,
  queueBytes: null,
  queuePercent: null,
  stopAfterMs: null,
  stopAfterBytes: null,
  window: null,
};

/** The least that makes sense: a change set of 4 MiB takes more than an hour. */
export const RATE_MIN = 1024;

const rateSchema = z.strictObject({
  bytesPerSecond: z.number().int().min(RATE_MIN).max(1e12),
  /** How it was said, when it was a share of a link. */
  share: z.strictObject({ percent: z.number().positive().max(100), linkBitsPerSecond: z.number().positive() }).nullable(),
});

export type Rate = z.infer<typeof rateSchema>;

/** A share of what the path to the target is found to carry. */
const automaticSchema = z.strictObject({ automatic: z.literal(true) });

const limitRateSchema = z.union([rateSchema, automaticSchema]);

export type LimitRate = z.infer<typeof limitRateSchema>;

export const AUTOMATIC: LimitRate = { automatic: true };

export function isAutomatic(rate: LimitRate | null): boolean {
  return rate !== null && "automatic" in rate;
}

/** What the path to the target carried when it was measured last. */
export const pathMeasureSchema = z.strictObject({
  bytesPerSecond: z.number().positive(),
  /** ISO 8601. */
  at: z.string(),
  /** The shortest round trip, and that of the full path. */
  roundTripMs: z.number().nonnegative(),
  fullRoundTripMs: z.number().nonnegative(),
});

export type PathMeasure = z.infer<typeof pathMeasureSchema>;

export const limitedTimeSchema = z.strictObject({
  /** Begins at these times, */
  calendar: calendarText,
  /** and lasts so long. */
  lastingMs: z
    .number()
    .int()
    .min(1000)
    .max(366 * DAY_MS),
  /** Null = no limit then. */
  rate: limitRateSchema.nullable(),
});

export type LimitedTime = z.infer<typeof limitedTimeSchema>;

export const LIMITED_TIMES_MAX = 64;

export const limitSchema = z.strictObject({
  /** Whenever none of `times` says something else. */
  standing: limitRateSchema.nullable(),
  times: z.array(limitedTimeSchema).max(LIMITED_TIMES_MAX),
});

export type BandwidthLimit = z.infer<typeof limitSchema>;

/** A stretch of sending that a schedule, or a person, began. */
const sessionSchema = z.strictObject({
  why: z.string(),
  /** ISO 8601. */
  startedAt: z.string(),
  /** How long it has run, by a clock that does not jump. */
  elapsedMs: z.number().nonnegative(),
  bytes: z.number().nonnegative(),
});

export type TransmissionSession = z.infer<typeof sessionSchema>;

export const transmissionSchema = z.strictObject({
  /** The person's word: it stands above schedules. */
  manual: z.enum(["started", "stopped", "paused"]),
  /** ISO 8601; of `manual`. */
  since: z.string(),
  schedule: scheduleSchema.nullable(),
  limit: limitSchema,
  session: sessionSchema.nullable(),
  /** Starts up to this time (wall clock, ms) have begun their session, or were too early for it. */
  startsSeenMs: z.number(),
  measured: pathMeasureSchema.nullable().default(null),
});

export type TransmissionSettings = z.infer<typeof transmissionSchema>;

export const DEFAULT_TRANSMISSION: TransmissionSettings = {
  manual: "started",
  since: "",
  schedule: null,
  limit: { standing: null, times: [] },
  session: null,
  startsSeenMs: 0,
  measured: null,
};

/** What is to be different; what is not named stays, null takes it away. */
export type ScheduleChange = { readonly [K in keyof TransmissionSchedule]?: TransmissionSchedule[K] | undefined };
