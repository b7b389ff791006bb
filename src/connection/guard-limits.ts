// The limits of a guard, and what is said when one of them is crossed.

import type { GuardHold } from "./guard-record.js";

/** `percent` null = there is no limit. */
export function isOver(percent: number | null, filesMin: number, count: number, files: number): boolean {
  return percent !== null && count >= filesMin && count * 100 >= percent * files;
}

export function numbersOf(hold: GuardHold): string {
  const { lost, changed, files, limit, limitPercent, windowSeconds } = hold;
  const when = windowSeconds === null ? "while they were not watched" : `within ${windowSeconds} s`;
  const most = limitPercent === null ? "" : `, where ${limitPercent} % may be`;
  const lostShare = `${lost} of ${files} files (${shareOf(lost, files)} %) were removed or emptied on the source`;
  const changedShare = `${changed} of ${files} files (${shareOf(changed, files)} %) were overwritten or replaced on the source`;
  if (limit === "changed") return `${changedShare} ${when}${most}${lost > 0 ? `, and ${lost} were removed or emptied` : ""}`;
  return `${lostShare} ${when}${most}${changed > 0 ? `, and ${changed} were overwritten or replaced` : ""}`;
}

function shareOf(count: number, files: number): number {
  return files === 0 ? 100 : Math.min(100, Math.round((count * 100) / files));
}
