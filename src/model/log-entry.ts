// One line of the agent's log as it is asked for.

import type { LogLevel } from "../base/log.js";
import type { Sharer } from "../base/shares.js";

export const LOG_LEVELS: readonly LogLevel[] = ["error", "warn", "info", "debug"];

export interface LogEntry {
  /** Grows by one with each line, over restarts, too. */
  readonly seq: number;
  /** ISO 8601. */
  readonly time: string;
  readonly level: LogLevel;
  /** Number of the event in the dtlog; 0 = free text. */
  readonly event: number;
  readonly name: string | null;
  /** Its number in the system's log. */
  readonly system: number | null;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface LogQuery {
  /** This severe at least. */
  readonly level?: LogLevel | undefined;
  readonly connection?: number | undefined;
  /** Number in the dtlog or in the system's log. */
  readonly event?: number | undefined;
  readonly sinceMs?: number | undefined;
  /** Only what was logged behind this number. */
  readonly after?: number | undefined;
  /** Newest ones, at most. */
  readonly limit: number;
}

export interface LogPage {
  /** Oldest first. */
  readonly entries: readonly LogEntry[];
  /** Number of the newest line there is, whether it is among these or not: what `after` takes. */
  readonly cursor: number;
  /** There are more than the limit. */
  readonly isCut: boolean;
}

export interface LogControl {
  read(query: LogQuery): Promise<LogPage>;
  /** As `read`, as soon as there is something behind `after`; else, after `timeoutMs`, an empty page. */
  wait(query: LogQuery, timeoutMs: number, by: Sharer): Promise<LogPage>;
}

export function isAsked(entry: LogEntry, { level, connection, event, sinceMs }: LogQuery): boolean {
  if (level !== undefined && LOG_LEVELS.indexOf(entry.level) > LOG_LEVELS.indexOf(level)) return false;
  if (connection !== undefined && entry.fields.connection !== connection) return false;
  if (event !== undefined && (event === 0 || (entry.event !== event && entry.system !== event))) return false;
  return sinceMs === undefined || Date.parse(entry.time) >= sinceMs;
}
