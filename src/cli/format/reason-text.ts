import type { ProblemReport, Reason } from "../../model/status.js";
import { oneLine } from "./printable.js";
import { formatCount, formatTime } from "./quantities.js";

export function formatReason(reason: Reason): string[] {
  const next = reason.nextAt === null ? reason.next : `${reason.next} (at ${formatTime(reason.nextAt)})`;
  const lines = [`! ${reason.code}: ${oneLine(reason.message)}`, `  since ${formatTime(reason.since)}; next: ${next}`];
  return reason.command === null ? lines : [...lines, `  command: ${reason.command}`];
}

export function formatProblems(problems: readonly ProblemReport[], count: number): string[] {
  if (count === 0) return [];
  const more = count - problems.length;
  return [
    `${formatCount(count)} problem${count === 1 ? "" : "s"}:`,
    ...problems.map(({ path, code, message }) => oneLine(`  ${path}: ${code}: ${message}`)),
    ...(more > 0 ? [`  and ${formatCount(more)} more`] : []),
  ];
}

export function indent(lines: readonly string[], spaces: number): string[] {
  return lines.map((line) => " ".repeat(spaces) + line);
}
