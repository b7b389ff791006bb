import type { MirrorReport } from "../../model/status.js";
import { formatBytes, formatCount, formatDuration, formatPercent } from "./quantities.js";
import { formatProblems, indent } from "./reason-text.js";

const NAMES_SHOWN = 10;

/** One line: what the mirror does, or what the last one did. */
export function formatMirrorLine(mirror: MirrorReport): string {
  if (mirror.status === "Paused" && mirror.outcome !== "running") return `Paused ${formatPercent(mirror.percent)}`.replace(/ –$/, "");
  if (mirror.status !== "Idle" || mirror.outcome === "running") {
    const share = mirror.percent === null ? "" : ` ${formatPercent(mirror.percent)},`;
    const status = mirror.waitsForHook === null ? mirror.status : `Waiting for hook ${mirror.waitsForHook}`;
    return `${status} (${formatKind(mirror)})${share} ${[formatMirrorCounts(mirror), ...outlookOf(mirror)].join(", ")}`;
  }
  if (mirror.outcome === null) return "Idle";
  return `Idle (last: ${formatKind(mirror)}, ${mirror.outcome}, ${formatMirrorCounts(mirror)})`;
}

/** What is still to come: "1,204 files and 3.4 GiB to go, 34 MiB/s, 1 min 40 s left" */
export function outlookOf({ filesRemaining, bytesRemaining, bytesPerSecond, secondsLeft, status }: MirrorReport): string[] {
  if (status !== "Mirroring") return [];
  return [
    ...(filesRemaining === null || bytesRemaining === null ? [] : [`${formatCount(filesRemaining)} files and ${formatBytes(bytesRemaining)} to go`]),
    ...(bytesPerSecond === null ? [] : [`${formatBytes(bytesPerSecond)}/s`]),
    ...(secondsLeft === null ? [] : [`${formatDuration(secondsLeft * 1000)} left`]),
  ];
}

/** "difference, checksum-all" */
function formatKind({ mode, content, newerOnly, missingOnly, skipsEmpty, paths }: MirrorReport): string {
  return [
    mode ?? "difference",
    ...(content === "times" ? [] : [content]),
    ...(newerOnly ? ["newer"] : []),
    ...(missingOnly ? ["overwriting nothing"] : []),
    ...(skipsEmpty ? ["without empty files"] : []),
    ...(paths === null ? [] : [`${paths[0]}${paths.length > 1 ? " and more" : ""} only`]),
  ].join(", ");
}

function namesOf({ leftAlone, leftAloneNames }: MirrorReport): string[] {
  const shown = leftAloneNames.slice(0, NAMES_SHOWN).map((name) => `    ${name}`);
  return leftAlone > shown.length ? [...shown, "    ..."] : shown;
}

export function formatMirrorCounts(mirror: MirrorReport): string {
  const files = mirror.filesTotal > 0 ? `${formatCount(mirror.filesDone)}/${formatCount(mirror.filesTotal)}` : formatCount(mirror.filesDone);
  const bytes = mirror.bytesTotal > 0 ? `${formatBytes(mirror.bytesDone)} of ${formatBytes(mirror.bytesTotal)}` : formatBytes(mirror.bytesDone);
  return `${files} files, ${bytes}`;
}

function formatSweep({ sweep }: MirrorReport): string[] {
  if (sweep === null) return [];
  const job = { waiting: "begins when the mirror is done", begun: `job ${sweep.job ?? 0}`, dropped: "not begun: the mirror did not end" }[sweep.state];
  return [`  orphans (${sweep.action}): ${job}`];
}

export function formatMirror(mirror: MirrorReport): string {
  const skipped = mirror.bytesSkipped > 0 ? [`  skipped as equal: ${formatBytes(mirror.bytesSkipped)}`] : [];
  const orphans = mirror.orphans > 0 ? [`  orphans on the target: ${formatCount(mirror.orphans)}`] : [];
  const { leftEmpty } = mirror;
  const others = mirror.leftAlone - leftEmpty;
  const leftAlone = [
    ...(leftEmpty > 0 ? [`  left out, being empty: ${formatCount(leftEmpty)}`] : []),
    ...(others > 0 ? [`  left alone, not older on the target: ${formatCount(others)}`] : []),
    ...namesOf(mirror),
  ];
  return [
    `mirror ${mirror.id}: ${formatMirrorLine(mirror)}`,
    ...skipped,
    ...orphans,
    ...leftAlone,
    ...formatSweep(mirror),
    ...indent(formatProblems(mirror.problems, mirror.problemCount), 2),
  ].join("\n");
}
