// A scrub: the contents of the whole set compared in the background, round after round, at a rate. What a person set, and how far it is.

import { z } from "zod";
import { scheduleSchema } from "./transmission.js";
import { isInWindow } from "./transmission-schedule.js";
import { verifyPositionSchema } from "./verify-position.js";

const DAY_MINUTES = 1440;
const DAY_MS = DAY_MINUTES * 60_000;
/** Less would not get through one block in a minute. */
export const SCRUB_RATE_MIN = 1024;

export const scrubSettingsSchema = z.strictObject({
  /** False: it rests where it is. */
  enabled: z.boolean(),
  /** Read in a second, on either side, in the long run. */
  bytesPerSecond: z.number().int().min(SCRUB_RATE_MIN).max(1e12),
  /** Nothing is read outside of these times of day, local time; null = at any time. */
  window: scheduleSchema.shape.window,
  /** Rounds begin no more often than this. */
  everyMs: z
    .number()
    .int()
    .min(60_000)
    .max(366 * DAY_MS),
  /** What differs is sent again. */
  repair: z.enum(["no", "all"]),
});

export type ScrubSettings = z.infer<typeof scrubSettingsSchema>;

export type ScrubChange = { readonly [K in keyof ScrubSettings]?: ScrubSettings[K] | undefined };

export const DEFAULT_SCRUB = { enabled: true, window: null, everyMs: DAY_MS, repair: "no" } as const;

export const scrubRoundSchema = z.strictObject({
  /** ISO 8601. */
  startedAt: z.string(),
  /** The job that has its findings. */
  job: z.number(),
  /** All in front of it was compared in this round; null = nothing yet. */
  position: verifyPositionSchema.nullable(),
  /** Of regular files, compared in this round, as it was when the position was noted; and of how many. */
  bytes: z.number(),
  bytesTotal: z.number(),
  /** False: so much moved that some of it may have been missed. */
  isWhole: z.boolean(),
});

export type ScrubRound = z.infer<typeof scrubRoundSchema>;

export const scrubSchema = z.strictObject({
  settings: scrubSettingsSchema.nullable(),
  round: scrubRoundSchema.nullable(),
  /** The last round that went through everything; null = there was none. */
  lastRound: z
    .strictObject({
      startedAt: z.string(),
      endedAt: z.string(),
      job: z.number(),
      differences: z.number(),
      /** Files that changed each time they were looked at: nothing is known of them. */
      unjudged: z.number(),
    })
    .nullable(),
  /** When the last round began, whole or not: ISO 8601. */
  lastStart: z.string().nullable(),
  /** Why it does not go on; null = it does. */
  waitsFor: z.string().nullable(),
});

export type Scrub = z.infer<typeof scrubSchema>;

export const NO_SCRUB: Scrub = { settings: null, round: null, lastRound: null, lastStart: null, waitsFor: null };

export interface ScrubReport {
  readonly settings: ScrubSettings | null;
  readonly state: "off" | "disabled" | "running" | "waiting" | "resting";
  /** Why it waits or rests; null = it does not. */
  readonly waitsFor: string | null;
  /** ISO 8601: all that was there then was compared at that time or later, but for files that never kept still; null = not everything was yet. */
  readonly verifiedSince: string | null;
  readonly lastRound: Scrub["lastRound"];
  readonly round: {
    readonly startedAt: string;
    readonly job: number;
    readonly percent: number;
    readonly bytes: number;
    readonly bytesTotal: number;
    /** About, at the pace of the round until now; null = not known yet. */
    readonly endsAt: string | null;
  } | null;
  /** ISO 8601: when the next round begins; null = one is under way, or none will. */
  readonly nextRoundAt: string | null;
}

/** The first moment of the next round. */
export function nextRoundMs({ settings, lastStart }: Scrub): number {
  return settings === null || lastStart === null ? 0 : Date.parse(lastStart) + settings.everyMs;
}

export function isScrubTime({ window }: Pick<ScrubSettings, "window">, nowMs: number): boolean {
  return isInWindow({ window }, nowMs);
}

export function reportScrub(scrub: Scrub, nowMs: number): ScrubReport {
  const { settings, round, lastRound, waitsFor } = scrub;
  const isOn = settings?.enabled === true;
  const isResting = round === null && nextRoundMs(scrub) > nowMs;
  const state = settings === null ? "off" : !isOn ? "disabled" : waitsFor === null ? "running" : isResting ? "resting" : "waiting";
  return {
    settings,
    state,
    waitsFor: isOn ? waitsFor : null,
    verifiedSince: lastRound?.startedAt ?? null,
    lastRound,
    round: round === null ? null : { ...standingOf(round), endsAt: isOn ? endOf(round, settings, nowMs) : null },
    nextRoundAt: isOn && round === null ? new Date(Math.max(nowMs, nextRoundMs(scrub))).toISOString() : null,
  };
}

function standingOf({ startedAt, job, bytes, bytesTotal }: ScrubRound): Omit<NonNullable<ScrubReport["round"]>, "endsAt"> {
  const percent = bytesTotal === 0 ? 0 : Math.min(99, Math.floor((bytes / bytesTotal) * 100));
  return { startedAt, job, percent, bytes, bytesTotal };
}

/** By the pace of the round as a whole, its waits included; before there is one, by the rate that is set and the share of the day. */
function endOf({ startedAt, bytes, bytesTotal }: ScrubRound, settings: ScrubSettings, nowMs: number): string {
  const elapsedMs = Math.max(1, nowMs - Date.parse(startedAt));
  const left = Math.max(0, bytesTotal - bytes);
  const paceMs = bytes > 0 ? elapsedMs / bytes : 1000 / (settings.bytesPerSecond * shareOfDay(settings));
  return new Date(nowMs + left * paceMs).toISOString();
}

function shareOfDay({ window }: ScrubSettings): number {
  if (window === null) return 1;
  const minutes = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
  return ((minutes(window.close) - minutes(window.open) + DAY_MINUTES) % DAY_MINUTES) / DAY_MINUTES;
}
