import type { RestoreJobReport } from "../../model/job.js";
import { oneLine } from "./printable.js";
import { formatBytes, formatCount, formatPercent } from "./quantities.js";
import { indent } from "./reason-text.js";

const NAMES_SHOWN = 20;

export function formatRestore({ id, status, percent, message, repset, target, restore }: RestoreJobReport): string {
  const { counts, from, mappings, doubt, orphans, bytesPerSecond } = restore;
  const lines = [
    ...mappings.map((mapping) => oneLine(`${mapping.source} → ${mapping.target}`)),
    `${formatCount(counts.filesDone)} of ${formatCount(counts.filesTotal)} files looked at; ${formatBytes(counts.bytesDone)} brought, ${formatBytes(counts.bytesSkipped)} found equal`,
    ...(bytesPerSecond === null ? [] : [`${formatBytes(bytesPerSecond)} a second are sent at most`]),
    ...(doubt === null ? [] : [doubt]),
    ...(counts.leftAlone > 0 ? withNames(`${formatCount(counts.leftAlone)} files were there and stay as they are`, counts.leftAloneNames) : []),
    ...(counts.removed > 0 ? [`${formatCount(counts.removed)} names that the copy does not have were removed`] : []),
    ...(orphans === "report" && counts.orphans > 0 ? withNames(`${formatCount(counts.orphans)} names are not in the copy`, counts.orphanNames) : []),
    ...(counts.problems > 0 ? withNames(`${formatCount(counts.problems)} could not be restored`, counts.problemNames) : []),
  ];
  const head = `job ${id}: restore of ${repset} from ${from} to ${target}: ${status} ${formatPercent(percent)}${message === null ? "" : ` (${message})`}`;
  return [head, ...indent(lines, 2)].join("\n");
}

function withNames(line: string, names: readonly string[]): readonly string[] {
  return [`${line}:`, ...names.slice(0, NAMES_SHOWN).map((name) => `  ${oneLine(name)}`), ...(names.length > NAMES_SHOWN ? ["  …"] : [])];
}
