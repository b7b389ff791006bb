import type { MirrorReport } from "../../model/status.js";
import { formatBytes, formatCount, formatPercent } from "./quantities.js";
import { formatProblems, indent } from "./reason-text.js";

/** One line: what the mirror does, or what the last one did. */
export function formatMirrorLine(mirror: MirrorReport): string {
  if (mirror.status !== "Idle" || mirror.outcome === "running") {
    return `${mirror.status} (${mirror.mode ?? "difference"}) ${formatPercent(mirror.percent)}, ${formatMirrorCounts(mirror)}`;
  }
  if (mirror.outcome === null) return "Idle";
  return `Idle (last: ${mirror.mode ?? "difference"}, ${mirror.outcome}, ${formatMirrorCounts(mirror)})`;
}

export function formatMirrorCounts(mirror: MirrorReport): string {
  const files = mirror.filesTotal > 0 ? `${formatCount(mirror.filesDone)}/${formatCount(mirror.filesTotal)}` : formatCount(mirror.filesDone);
  const bytes = mirror.bytesTotal > 0 ? `${formatBytes(mirror.bytesDone)} of ${formatBytes(mirror.bytesTotal)}` : formatBytes(mirror.bytesDone);
  return `${files} files, ${bytes}`;
}

export function formatMirror(mirror: MirrorReport): string {
  const skipped = mirror.bytesSkipped > 0 ? [`  skipped as equal: ${formatBytes(mirror.bytesSkipped)}`] : [];
  const orphans = mirror.orphans > 0 ? [`  orphans on the target: ${formatCount(mirror.orphans)}`] : [];
  return [`mirror ${mirror.id}: ${formatMirrorLine(mirror)}`, ...skipped, ...orphans, ...indent(formatProblems(mirror.problems, mirror.problemCount), 2)].join(
    "\n",
  );
}
