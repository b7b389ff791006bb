// What is logged, made fit to be written: bounded, on one line, without secrets.

import { type EventName, eventIn, renderEvent } from "../base/events.js";
import type { LogFields, LogLevel } from "../base/log.js";
import { oneLine, shortened } from "../base/one-line.js";

export interface LogRecord {
  /** 0 = not in the files of the log. */
  readonly seq: number;
  readonly timeMs: number;
  readonly level: LogLevel;
  /** On one line. */
  readonly message: string;
  readonly name: EventName | null;
  /** 0 = free text. */
  readonly event: number;
  readonly system: number | null;
  /** Plain JSON; none is named as a part of the record. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A message that is longer is cut. */
const MESSAGE_CHARS_MAX = 16 * 1024;
const DEPTH_MAX = 4;
const ITEMS_MAX = 100;
const RESERVED = new Set(["timestamp", "level", "message", "seq", "event", "name", "system"]);
const SECRET = /passw|passphrase|secret|token|private|credential|authorization|cookie/i;
const PEM = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g;
const HIDDEN = "***";

export interface RecordFacts {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
  readonly seq: number;
  readonly timeMs: number;
  /** Longest text of one field. */
  readonly textCharsMax: number;
}

export function recordOf({ level, message, fields, seq, timeMs, textCharsMax }: RecordFacts): LogRecord {
  const event = eventIn(fields);
  const plain = plainFields(fields, textCharsMax, event !== undefined);
  const text = event === undefined ? message : renderEvent(event.entry.text, plain as Readonly<Record<string, string>>);
  const line = shortened(oneLine(text.replace(PEM, HIDDEN)), MESSAGE_CHARS_MAX);
  const { id = 0, system = null } = event?.entry ?? {};
  return { seq, timeMs, level, message: line, name: event?.name ?? null, event: id, system, fields: plain };
}

function plainFields(fields: LogFields, textCharsMax: number, isEvent: boolean): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || (isEvent && name === "event")) continue;
    plain[RESERVED.has(name) ? `${name}_` : name] = SECRET.test(name) ? HIDDEN : plainValue(value, textCharsMax, 0);
  }
  return plain;
}

/** Contents of files are no matter for a log: of bytes only their number is told. */
function plainValue(value: unknown, textCharsMax: number, depth: number): unknown {
  if (typeof value === "string") return shortened(value.replace(PEM, HIDDEN), textCharsMax);
  if (typeof value === "bigint" || typeof value === "symbol" || typeof value === "function") return String(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `<${value.byteLength} bytes>`;
  if (value instanceof Error) return shortened(value.stack ?? value.message, textCharsMax);
  if (depth >= DEPTH_MAX) return "…";
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "no date" : value.toISOString();
  const next = (item: unknown): unknown => plainValue(item, textCharsMax, depth + 1);
  if (value instanceof Map || value instanceof Set) return [...value].slice(0, ITEMS_MAX).map(next);
  if (Array.isArray(value)) return value.slice(0, ITEMS_MAX).map(next);
  const entries = Object.entries(value).slice(0, ITEMS_MAX);
  return Object.fromEntries(entries.map(([name, item]) => [name, SECRET.test(name) ? HIDDEN : next(item)]));
}
