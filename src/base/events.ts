// The one door of the events of the log: what has a number, a severity and fields of its own. The tables hold them; docs/logs.md
// is generated from them. Whoever logs one names it, and its fields:
//   logEvent(log, "mirrorPaused", { connection, repset, target })
// Free text (log.info and the like) is for what nobody counts, filters or is woken by.

import { CONNECTION_EVENTS } from "./event-table/connection-events.js";
import type { EventEntry } from "./event-table/entry.js";
import { JOB_EVENTS } from "./event-table/job-events.js";
import { SERVICE_EVENTS } from "./event-table/service-events.js";
import { TARGET_EVENTS } from "./event-table/target-events.js";
import type { Log, LogFields } from "./log.js";

export type { EventEntry, EventLevel } from "./event-table/entry.js";

export const EVENTS = { ...SERVICE_EVENTS, ...CONNECTION_EVENTS, ...JOB_EVENTS, ...TARGET_EVENTS } as const;

export type EventName = keyof typeof EVENTS;

type NamesIn<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never;

/** Fields that are numbers; all others are text. */
type Numeric = "connection" | "job" | "pid" | "generation" | "count" | "percent" | "differences" | "missing" | "files" | "directories" | "bytes";

export type EventFields<Name extends EventName> = {
  readonly [Field in NamesIn<(typeof EVENTS)[Name]["text"]>]: Field extends Numeric ? number : string;
};

/** `more`: what is logged beside the fields of the event, where there is room. */
export function logEvent<Name extends EventName>(log: Log, name: Name, fields: EventFields<Name>, more: LogFields = {}): void {
  const { level, text } = EVENTS[name];
  log[level](renderEvent(text, fields), { ...more, ...fields, event: name });
}

export function renderEvent(text: string, fields: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (_, field: string) => String(fields[field] ?? ""));
}

/** The event that was logged with these fields; undefined for free text. */
export function eventIn({ event }: LogFields): { readonly name: EventName; readonly entry: EventEntry } | undefined {
  if (typeof event !== "string" || !Object.hasOwn(EVENTS, event)) return undefined;
  const name = event as EventName;
  return { name, entry: EVENTS[name] };
}
