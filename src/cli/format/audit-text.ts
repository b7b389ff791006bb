import type { AuditEntry } from "../../model/audit.js";
import { formatTime } from "./quantities.js";

/** Two lines for each: who and what, then with which input. Nothing is cut: it is evidence. */
export function formatAudit(entries: readonly AuditEntry[]): string {
  if (entries.length === 0) return "no entries";
  return entries.flatMap(entryLines).join("\n");
}

function entryLines(entry: AuditEntry): string[] {
  const { at, who, uid, from, command, input, result, durationMs, leftOut } = entry;
  const account = uid === null || who === `uid ${uid}` ? who : `${who} (uid ${uid})`;
  const left = leftOut === 0 ? [] : [`   before it, ${leftOut} refused calls that are not listed`];
  const given = input === null ? [] : [`   ${JSON.stringify(input)}`];
  return [`${formatTime(at)}  ${result}  ${command}  by ${account} at ${from}, ${durationMs} ms`, ...given, ...left];
}
