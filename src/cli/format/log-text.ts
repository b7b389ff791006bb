import type { LogEntry, LogPage } from "../../model/log-entry.js";

/** One line for each; what the fields add to the message is in --json. */
export function formatLogEntry({ time, level, event, message }: LogEntry): string {
  return `${time} ${level.toUpperCase().padEnd(5)} ${event === 0 ? "     -" : String(event).padStart(6)}  ${message.replaceAll("\n", " ")}`;
}

export function formatLogPage({ entries }: Pick<LogPage, "entries">): string {
  return entries.length === 0 ? "nothing of that is in the log" : entries.map(formatLogEntry).join("\n");
}
