// The three forms of a line: text and JSON (sm.log), and the columns of the dtlog known from the field. docs/logs.md draws them.

import type { LogLevel } from "../base/log.js";
import { oneJsonLine } from "../base/one-line.js";
import { LOG_LEVELS, type LogEntry } from "../model/log-entry.js";
import type { LogRecord } from "./log-record.js";

export type LogFormat = "text" | "json";

/** A line whose fields take more has none of them. */
const FIELDS_CHARS_MAX = 256 * 1024;

/** The first line of a dtlog after a start, as the field knows it. */
export const DTLOG_START = "00/00/0000 00:00:00.0000 Application starting";

export function formatLine(record: LogRecord, format: LogFormat): string {
  return format === "json" ? jsonLine(record) : textLine(record);
}

/** The fields come last and are always there, so that no message can pass for fields. */
export function textLine({ timeMs, level, message, seq, fields, event, name, system }: LogRecord): string {
  const numbers = name === null ? {} : { event, name, ...(system === null ? {} : { system }) };
  return `${new Date(timeMs).toISOString()} ${level.toUpperCase().padEnd(5)} ${message} ${json(fields, { ...numbers, seq })}`;
}

function jsonLine({ timeMs, level, message, seq, fields, event, name, system }: LogRecord): string {
  const head = { timestamp: new Date(timeMs).toISOString(), level, message, seq };
  return json(fields, name === null ? head : { ...head, event, name, ...(system === null ? {} : { system }) });
}

function json(fields: Readonly<Record<string, unknown>>, own: Readonly<Record<string, unknown>>): string {
  const text = oneJsonLine(JSON.stringify("message" in own ? { ...own, ...fields } : { ...fields, ...own }));
  return text.length <= FIELDS_CHARS_MAX ? text : oneJsonLine(JSON.stringify({ ...own, cut: true }));
}

export interface ThreadIds {
  readonly pid: number;
  readonly tid: number;
}

/** Date, time, process, thread, sequence number, type (1 = warning or error, 2 = informational), number of the message, text. */
export function dtlogLine({ timeMs, level, seq, event, message }: LogRecord, { pid, tid }: ThreadIds): string {
  const at = new Date(timeMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${two(at.getMonth() + 1)}/${two(at.getDate())}/${at.getFullYear()}`;
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}0`;
  const type = level === "error" || level === "warn" ? 1 : 2;
  return `${day} ${time} ${pid} ${tid} ${seq} ${type} ${event} ${message}`;
}

const TEXT_LINE = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) (ERROR|WARN |INFO |DEBUG) /;

/** Of a line of sm.log in either form; undefined for what is none, and for what a crash tore. */
export function parseLine(line: string): LogEntry | undefined {
  if (line.startsWith("{")) {
    const { timestamp, level, message, ...rest } = parseObject(line) ?? {};
    return isLevel(level) && typeof timestamp === "string" ? entryOf({ time: timestamp, level, message: String(message ?? "") }, rest) : undefined;
  }
  const head = TEXT_LINE.exec(line);
  const level = head?.[2]?.trim().toLowerCase();
  if (head === null || !isLevel(level)) return undefined;
  const rest = line.slice(head[0].length);
  for (let at = rest.indexOf("{"); at >= 0; at = rest.indexOf("{", at + 1)) {
    const fields = parseObject(rest.slice(at));
    if (fields !== undefined) return entryOf({ time: head[1] ?? "", level, message: rest.slice(0, Math.max(0, at - 1)) }, fields);
  }
  return undefined;
}

function entryOf(head: Pick<LogEntry, "time" | "level" | "message">, fields: Readonly<Record<string, unknown>>): LogEntry {
  const { seq, event, name, system, ...others } = fields;
  return {
    ...head,
    seq: typeof seq === "number" ? seq : 0,
    event: typeof event === "number" ? event : 0,
    name: typeof name === "string" ? name : null,
    system: typeof system === "number" ? system : null,
    fields: others,
  };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isLevel(value: unknown): value is LogLevel {
  return LOG_LEVELS.some((level) => level === value);
}
