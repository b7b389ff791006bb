import { isJobOver, type OrphansJobReport } from "../../model/job.js";
import type { OrphanSums } from "../../model/orphan-sums.js";
import type { OrphansReport, ShownOrphan } from "../../model/orphans.js";
import { deletionText } from "./plan-text.js";
import { formatBytes, formatCount, formatPercent } from "./quantities.js";
import { indent } from "./reason-text.js";

const OUTCOMES: Readonly<Record<ShownOrphan["outcome"], string>> = {
  found: "",
  deleted: "deleted",
  moved: "moved",
  partly: "removed in part",
  failed: "not removed",
  gone: "gone, or on the source again",
};

export function formatOrphans({ id, status, percent, message, repset, target, orphans }: OrphansJobReport): string {
  const { counts, findings } = orphans;
  const lines = [
    `${formatCount(counts.names)} names looked at: ${sumsText(counts.found)} are not on the source`,
    ...doneText(orphans, target),
    ...(counts.kept > 0 ? [`${formatCount(counts.kept)} stay: excluded, younger, or a directory that holds such`] : []),
    ...(counts.failed > 0 ? [`${formatCount(counts.failed)} could not be removed`] : []),
    ...findings.map(orphanText),
    ...(isJobOver({ status }) ? moreText(orphans) : []),
  ];
  const head = `job ${id}: orphans of ${repset} on ${target}: ${status} ${formatPercent(percent)}${message === null ? "" : ` (${message})`}`;
  return [head, ...indent(lines, 2)].join("\n");
}

function sumsText({ files, directories, bytes }: OrphanSums): string {
  return `${formatCount(files)} files (${formatBytes(bytes)}) and ${formatCount(directories)} directories`;
}

function doneText({ action, isDryRun, to, counts }: OrphansReport, target: string): readonly string[] {
  if (action === "report") return [];
  const how = action === "move" ? `moved to ${to ?? ""}` : "deleted";
  if (!isDryRun) return [`${sumsText(counts.done)} ${how}`];
  return action === "move"
    ? [`dry run: this will move ${sumsText(counts.found)} to ${to ?? ""} on ${target}`]
    : [`dry run: ${deletionText(counts.found, target)}`];
}

function orphanText({ path, isDirectory, files, directories, bytes, outcome, message }: ShownOrphan): string {
  const size = isDirectory ? `${formatCount(files)} files, ${formatCount(directories)} directories, ${formatBytes(bytes)}` : formatBytes(bytes);
  const what = [size, OUTCOMES[outcome], message ?? ""].filter((part) => part !== "").join("; ");
  return `${path}${isDirectory ? "/" : ""}: ${what}`;
}

/** The report has the first names only; a directory is one of them with all that is below it. */
function moreText({ findings, counts }: OrphansReport): readonly string[] {
  const told = findings.reduce((sum, { files, directories }) => sum + files + directories, 0);
  const left = counts.found.files + counts.found.directories - told;
  return left > 0 ? [`and ${formatCount(left)} more`] : [];
}
