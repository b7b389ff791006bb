// The next time of a calendar event. Local time has days of 23 and 25 hours:
//   an event at every hour happens as often as there are hours; one at named hours happens once on each of its days. A time that
//   the clocks skip is the moment at which they do; of a time that comes twice the first counts.

import type { CalendarEvent } from "./calendar-event.js";

interface LocalTime {
  readonly year: number;
  /** 1…12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** Readings of the clock in the zone that counts. */
interface Zone {
  read(ms: number): LocalTime;
  /** The first moment at which the clocks show that time or a later one. */
  momentOf(time: LocalTime): number;
}

const HOUR_MS = 3_600_000;
const DAY_SECONDS = 86_400;

/** In ms since 1970, strictly after `afterMs`; null = never. */
export function nextOccurrence(event: CalendarEvent, afterMs: number): number | null {
  const zone = event.isUtc ? UTC : LOCAL;
  const start = zone.read(afterMs);
  for (const day of daysFrom(event, start)) {
    const found = event.hours.length === 24 ? inRealHours(event, zone, day, afterMs) : onTheClock(event, zone, day, afterMs);
    if (found !== null) return found;
  }
  return null;
}

/** The next `count` times, as far as there are any. */
export function nextOccurrences(event: CalendarEvent, afterMs: number, count: number): number[] {
  const times: number[] = [];
  for (let at = afterMs; times.length < count; ) {
    const next = nextOccurrence(event, at);
    if (next === null) break;
    times.push(next);
    at = next;
  }
  return times;
}

type Day = Pick<LocalTime, "year" | "month" | "day">;

/** The days of the event from that of `start` on. */
function* daysFrom({ years, months, days, weekdays }: CalendarEvent, start: LocalTime): Generator<Day> {
  for (const year of years) {
    if (year < start.year) continue;
    for (const month of months) {
      if (year === start.year && month < start.month) continue;
      for (const day of days) {
        if (year === start.year && month === start.month && day < start.day) continue;
        const date = utcOf({ year, month, day, hour: 0, minute: 0, second: 0 });
        if (date.getUTCDate() !== day) continue;
        if (weekdays.has(date.getUTCDay())) yield { year, month, day };
      }
    }
  }
}

/** The times of the day as the clocks show them: the moments rise with them. */
function onTheClock({ hours, minutes, seconds }: CalendarEvent, zone: Zone, day: Day, afterMs: number): number | null {
  const earliest = zone.read(afterMs);
  const isFirstDay = earliest.year === day.year && earliest.month === day.month && earliest.day === day.day;
  for (const hour of hours) {
    if (isFirstDay && hour < earliest.hour) continue;
    // The last moment of the hour tells whether any of it comes after.
    if (zone.momentOf({ ...day, hour, minute: 59, second: 59 }) <= afterMs) continue;
    for (const minute of minutes) {
      for (const second of seconds) {
        const moment = zone.momentOf({ ...day, hour, minute, second });
        if (moment > afterMs) return moment;
      }
    }
  }
  return null;
}

/** Hour by hour in real time, as many as the day has. */
function inRealHours({ minutes, seconds }: CalendarEvent, zone: Zone, day: Day, afterMs: number): number | null {
  const isIn = (time: LocalTime): boolean => time.year === day.year && time.month === day.month && time.day === day.day;
  let at = Math.max(zone.momentOf({ ...day, hour: 0, minute: 0, second: 0 }), (Math.floor(afterMs / 1000) + 1) * 1000);
  for (let hours = 0; hours < 30; hours++) {
    const time = zone.read(at);
    if (!isIn(time)) return null;
    for (const minute of minutes) {
      if (minute < time.minute) continue;
      for (const second of seconds) {
        const moment = at + ((minute - time.minute) * 60 + second - time.second) * 1000;
        if (moment < at) continue;
        const found = zone.read(moment);
        // The clocks may have been changed within the hour.
        if (isIn(found) && found.minute === minute && found.second === second) return moment;
      }
    }
    at += HOUR_MS - (time.minute * 60 + time.second) * 1000;
  }
  return null;
}

/** Years below 100 are meant as they are. */
function utcOf({ year, month, day, hour, minute, second }: LocalTime): Date {
  const date = new Date(Date.UTC(2000, month - 1, 1, hour, minute, second));
  date.setUTCFullYear(year, month - 1, day);
  return date;
}

const UTC: Zone = {
  read: (ms) => {
    const date = new Date(ms);
    return {
      year: date.getUTCFullYear(),
      month: date.getUTCMonth() + 1,
      day: date.getUTCDate(),
      hour: date.getUTCHours(),
      minute: date.getUTCMinutes(),
      second: date.getUTCSeconds(),
    };
  },
  momentOf: (time) => utcOf(time).getTime(),
};

const LOCAL: Zone = {
  read: (ms) => {
    const date = new Date(ms);
    return {
      year: date.getFullYear(),
      month: date.getMonth() + 1,
      day: date.getDate(),
      hour: date.getHours(),
      minute: date.getMinutes(),
      second: date.getSeconds(),
    };
  },
  momentOf: (time) => {
    const { year, month, day, hour, minute, second } = time;
    const date = new Date(2000, 0, 1, 12);
    date.setFullYear(year, month - 1, day);
    date.setHours(hour, minute, second, 0);
    const isShown = date.getHours() === hour && date.getMinutes() === minute;
    return isShown ? date.getTime() : endOfGap(date.getTime(), utcOf(time).getTime());
  },
};

/** The clocks never show the time `wallMs` (as if it were UTC): the moment near `nearMs` from which they show a later one. */
function endOfGap(nearMs: number, wallMs: number): number {
  const isLater = (ms: number): boolean => utcOf(LOCAL.read(ms)).getTime() > wallMs;
  let [before, after] = [Math.floor(nearMs / 1000) - DAY_SECONDS, Math.floor(nearMs / 1000) + DAY_SECONDS];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (isLater(middle * 1000)) after = middle;
    else before = middle;
  }
  return after * 1000;
}
