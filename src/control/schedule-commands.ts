import { z } from "zod";
import { EVENT_LENGTH_MAX, parseCalendarEvent } from "../model/calendar-event.js";
import { nextOccurrences } from "../model/calendar-event-next.js";
import { parseMoment } from "../model/moment.js";
import { defineCommand, quick } from "./command.js";

const COUNT_MAX = 100;

/** As the clocks of this agent show it: "Fri 2026-11-20 22:00:00 +01:00". */
function localTime(ms: number): string {
  const date = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][date.getDay()];
  const aheadMinutes = -date.getTimezoneOffset();
  const zone = `${aheadMinutes < 0 ? "-" : "+"}${two(Math.floor(Math.abs(aheadMinutes) / 60))}:${two(Math.abs(aheadMinutes) % 60)}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time} ${zone}`;
}

export const SCHEDULE_COMMANDS = [
  defineCommand({
    name: "schedule.preview",
    role: "monitor",
    summary: "The next times of a calendar event, by the clock of this agent. Fewer than asked for where there are no more.",
    input: z.strictObject({
      event: z.string().max(2 * EVENT_LENGTH_MAX),
      count: z.number().int().min(1).max(COUNT_MAX).default(5),
      /** Strictly after this time; default: now. */
      from: z.string().max(64).optional(),
    }),
    output: z.object({
      event: z.string(),
      isUtc: z.boolean(),
      from: z.string(),
      times: z.array(z.object({ at: z.string(), local: z.string() })),
    }),
    deadlineMs: quick,
    handler: async (_agent, { event: text, count, from }) => {
      const event = parseCalendarEvent(text);
      const fromMs = from === undefined ? Date.now() : parseMoment(from);
      const times = nextOccurrences(event, fromMs, count).map((ms) => ({ at: new Date(ms).toISOString(), local: localTime(ms) }));
      return { event: text, isUtc: event.isUtc, from: new Date(fromMs).toISOString(), times };
    },
  }),
] as const;
