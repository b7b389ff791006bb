import type { ScrubReport, ScrubSettings } from "../../model/scrub.js";
import { formatBytes, formatCount, formatDuration, formatPercent, formatTime } from "./quantities.js";

function formatSettings({ bytesPerSecond, window, everyMs, repair }: ScrubSettings): string {
  const times = window === null ? "" : ` from ${window.open} to ${window.close}`;
  return `${formatBytes(bytesPerSecond)}/s on either side${times}, a round every ${formatDuration(everyMs)} at most, differences ${repair === "no" ? "only told" : "repaired"}`;
}

function formatCoverage({ startedAt, job, differences, unjudged }: NonNullable<ScrubReport["lastRound"]>): string {
  const but = unjudged === 0 ? "" : `, but for ${formatCount(unjudged)} files that changed each time they were looked at`;
  return `everything was compared since ${formatTime(startedAt)}${but} (job ${job}: ${formatCount(differences)} differences)`;
}

/** What is worth a look: lines of a label and a text. */
export function formatScrub({ settings, state, waitsFor, lastRound, round, nextRoundAt }: ScrubReport): string[] {
  const since = lastRound === null ? "not everything was compared yet" : formatCoverage(lastRound);
  if (settings === null) return [`scrub           off${lastRound === null ? "" : `; ${since}`}`];
  const ends = round === null || round.endsAt === null ? "" : `; ends about ${formatTime(round.endsAt)}`;
  return [
    `scrub           ${state}${state === "waiting" && waitsFor !== null ? `: ${waitsFor}` : ""}`,
    `  how           ${formatSettings(settings)}`,
    `  coverage      ${since}`,
    ...(round === null
      ? []
      : [`  round         ${formatPercent(round.percent)} of ${formatBytes(round.bytesTotal)} since ${formatTime(round.startedAt)}${ends}; job ${round.job}`]),
    ...(nextRoundAt === null ? [] : [`  next round    ${formatTime(nextRoundAt)}`]),
  ];
}
