// The limits of a guard, and what is said when one of them is crossed.

import type { GuardHold } from "./guard-record.js";

/** What of the policy of a guard is about losses. */
export interface LossLimits {
  readonly lostPercent: number | null;
  readonly lostFiles: number | null;
  readonly lostFilesMin: number;
}

/** `percent` null = there is no limit. */
export function isOver(percent: number | null, filesMin: number, count: number, files: number): boolean {
  return percent !== null && count >= filesMin && count * 100 >= percent * files;
}

/** The limit that is crossed when `lost` of `files` files are lost; null = none is. */
export function lossLimitOf(
  { lostPercent, lostFiles, lostFilesMin }: LossLimits,
  lost: number,
  files: number,
): Pick<GuardHold, "limitPercent" | "limitFiles"> | null {
  if (isOver(lostPercent, lostFilesMin, lost, files)) return { limitPercent: lostPercent, limitFiles: null };
  return lostFiles !== null && lost > lostFiles ? { limitPercent: null, limitFiles: lostFiles } : null;
}

export function numbersOf(hold: GuardHold): string {
  const { lost, changed, files, limit, limitPercent, limitFiles, windowSeconds } = hold;
  const when = windowSeconds === null ? "while they were not watched" : `within ${windowSeconds} s`;
  const allowed = limitFiles === null ? (limitPercent === null ? null : `${limitPercent} %`) : `${limitFiles} files`;
  const most = allowed === null ? "" : `, where ${allowed} may be`;
  const lostShare = `${lost} of ${files} files (${shareOf(lost, files)} %) were removed or emptied on the source`;
  const changedShare = `${changed} of ${files} files (${shareOf(changed, files)} %) were overwritten or replaced on the source`;
  if (limit === "changed") return `${changedShare} ${when}${most}${lost > 0 ? `, and ${lost} were removed or emptied` : ""}`;
  return `${lostShare} ${when}${most}${changed > 0 ? `, and ${changed} were overwritten or replaced` : ""}`;
}

function shareOf(count: number, files: number): number {
  return files === 0 ? 100 : Math.min(100, Math.round((count * 100) / files));
}
