// What a schedule of transmission says at a moment: which starts there are, whether the window is open, when a session begins and
// ends. Pure: time and queue come in, decisions go out.

import { SmError } from "../base/errors.js";
import { parseCalendarEvent } from "./calendar-event.js";
import { nextOccurrence } from "./calendar-event-next.js";
import type { BandwidthLimit, LimitRate, ScheduleChange, TransmissionSchedule, TransmissionSession } from "./transmission.js";
import { NO_SCHEDULE } from "./transmission.js";

/** What waits to be sent. */
export interface QueueLook {
  readonly bytes: number;
  /** Of what the queue may hold, 0…1; 0 where that is not known. */
  readonly share: number;
  /** A mirror is to be done: as good as a full queue. */
  readonly owesMirror: boolean;
  /** Nothing waits, nothing is on its way. */
  readonly isEmpty: boolean;
}

/** Why nothing is sent, and from when on something may be. */
export interface Closed {
  readonly why: "window" | "start" | "waiting" | "over";
  readonly nextAtMs: number | null;
}

/** Starts that lie outside of the window are none: so many are looked at to find the next that is one. */
const STARTS_LOOKED_AT = 1000;

export function hasStart({ startAt, calendar, queueBytes, queuePercent }: TransmissionSchedule): boolean {
  return startAt !== null || calendar !== null || queueBytes !== null || queuePercent !== null;
}

/** The schedule with the change; null when nothing is left of it. TRANSMISSION_SETTING when its parts do not go together. */
export function changeSchedule(before: TransmissionSchedule | null, change: ScheduleChange): TransmissionSchedule | null {
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as Partial<TransmissionSchedule>;
  const after: TransmissionSchedule = { ...(before ?? NO_SCHEDULE), ...given };
  const { enabled: _, ...criteria } = after;
  if (Object.values(criteria).every((value) => value === null)) {
    if (given.enabled !== undefined) refuse("there is no schedule to enable or to disable");
    return null;
  }
  if (after.calendar !== null) parseCalendarEvent(after.calendar);
  if (after.everyMs !== null && after.startAt === null) refuse("an interval needs the start from which it counts");
  if (!hasStart(after) && (after.stopAfterMs !== null || after.stopAfterBytes !== null)) {
    refuse("what ends a session needs something that begins one: a start, a calendar event, or a queue threshold");
  }
  if (after.window !== null && after.window.open === after.window.close) refuse(`the window from ${after.window.open} to ${after.window.close} has no length`);
  return after;
}

function refuse(why: string): never {
  throw new SmError("TRANSMISSION_SETTING", why);
}

export function isInWindow({ window }: Pick<TransmissionSchedule, "window">, nowMs: number): boolean {
  if (window === null) return true;
  const now = new Date(nowMs);
  const minutes = now.getHours() * 60 + now.getMinutes();
  const [open, close] = [minutesOf(window.open), minutesOf(window.close)];
  return open < close ? minutes >= open && minutes < close : minutes >= open || minutes < close;
}

function minutesOf(timeOfDay: string): number {
  return Number(timeOfDay.slice(0, 2)) * 60 + Number(timeOfDay.slice(3));
}

/** The next start strictly after that time, in the window or not. */
export function nextStart({ startAt, everyMs, calendar }: Pick<TransmissionSchedule, "startAt" | "everyMs" | "calendar">, afterMs: number): number | null {
  const first = startAt === null ? Number.NEGATIVE_INFINITY : Date.parse(startAt);
  const starts: number[] = [];
  if (startAt !== null && first > afterMs) starts.push(first);
  else if (startAt !== null && everyMs !== null) starts.push(first + (Math.floor((afterMs - first) / everyMs) + 1) * everyMs);
  if (calendar !== null) {
    const next = nextOccurrence(parseCalendarEvent(calendar), Math.max(afterMs, first - 1));
    if (next !== null) starts.push(next);
  }
  return starts.length === 0 ? null : Math.min(...starts);
}

/** The next start that is within the window. */
export function nextStartInWindow(schedule: TransmissionSchedule, afterMs: number): number | null {
  let at: number | null = afterMs;
  for (let looked = 0; looked < STARTS_LOOKED_AT && at !== null; looked++) {
    at = nextStart(schedule, at);
    if (at !== null && isInWindow(schedule, at)) return at;
  }
  return null;
}

export interface StartInput {
  readonly schedule: TransmissionSchedule;
  /** Starts up to here are over. */
  readonly seenMs: number;
  readonly nowMs: number;
  readonly queue: QueueLook;
}

/** What begins a session now; null = nothing does. */
export function startNow({ schedule, seenMs, nowMs, queue }: StartInput): string | null {
  if (!isInWindow(schedule, nowMs)) return null;
  const due = nextStartInWindow(schedule, Math.min(seenMs, nowMs));
  if (due !== null && due <= nowMs) return `the start of ${new Date(due).toISOString()}`;
  if (schedule.startAt !== null && Date.parse(schedule.startAt) > nowMs) return null;
  if (schedule.queueBytes === null && schedule.queuePercent === null) return null;
  if (queue.owesMirror) return "a mirror is to be done";
  if (schedule.queueBytes !== null && queue.bytes >= schedule.queueBytes) return `${queue.bytes} bytes waited in the queue`;
  if (schedule.queuePercent !== null && queue.share * 100 >= schedule.queuePercent) return `${Math.floor(queue.share * 100)} % of the queue were in use`;
  return null;
}

/** What ends the session now; null = nothing does. */
export function endNow(schedule: TransmissionSchedule, session: TransmissionSession, nowMs: number, isEmpty: boolean): string | null {
  if (!isInWindow(schedule, nowMs)) return "the window closed";
  if (schedule.stopAfterMs !== null && session.elapsedMs >= schedule.stopAfterMs) return "its time is over";
  if (schedule.stopAfterBytes !== null && session.bytes >= schedule.stopAfterBytes) return "its bytes are sent";
  return isEmpty ? "the queue is empty" : null;
}

/** Why a schedule lets nothing pass while no session runs. */
export function closedWhy(schedule: TransmissionSchedule, nowMs: number): Closed {
  const next = hasStart(schedule) ? nextStartInWindow(schedule, nowMs) : null;
  if (!isInWindow(schedule, nowMs)) {
    const opens = schedule.window === null ? null : nextOccurrence(parseCalendarEvent(schedule.window.open), nowMs);
    return {
      why: "window",
      nextAtMs: next !== null && opens !== null && schedule.queueBytes === null && schedule.queuePercent === null ? Math.max(next, opens) : opens,
    };
  }
  if (schedule.startAt !== null && Date.parse(schedule.startAt) > nowMs) return { why: "start", nextAtMs: next };
  const waits = next !== null || schedule.queueBytes !== null || schedule.queuePercent !== null;
  return { why: waits ? "waiting" : "over", nextAtMs: next };
}

/** The limit that holds now. Of several times that overlap the lowest counts. */
export function rateAt({ standing, times }: BandwidthLimit, nowMs: number, automaticBytesPerSecond: number | null): LimitRate | null {
  const now = times.filter(({ calendar, lastingMs }) => {
    const begun = nextOccurrence(parseCalendarEvent(calendar), nowMs - lastingMs);
    return begun !== null && begun <= nowMs;
  });
  if (now.length === 0) return standing;
  const rates = now.map(({ rate }) => rate).filter((rate) => rate !== null);
  const bytesOf = (rate: LimitRate): number => ("automatic" in rate ? (automaticBytesPerSecond ?? Number.POSITIVE_INFINITY) : rate.bytesPerSecond);
  return rates.length === 0 ? null : rates.reduce((lowest, rate) => (bytesOf(rate) < bytesOf(lowest) ? rate : lowest));
}
