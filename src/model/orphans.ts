// Orphans: what the target has below a mapped root and the source does not (HP guide ch. 10), and what becomes of them.

import type { BytePath } from "./byte-path.js";
import type { RootIndex } from "./change.js";
import { NO_ORPHANS, type OrphanSums } from "./orphan-sums.js";

export type OrphanAction = "report" | "delete" | "move";

/** Of each name that goes, or of totals only. */
export type OrphanLogging = "names" | "totals";

export interface OrphanOptions {
  readonly action: OrphanAction;
  /** Absolute directory on the target; null unless they are moved. */
  readonly to: string | null;
  /** Files modified later than so long ago stay; null = of any age. */
  readonly olderThanMs: number | null;
  /** Names that the replication set excludes are orphans, too. */
  readonly includesExcluded: boolean;
  /** However many they are. */
  readonly isConfirmed: boolean;
  /** Nothing is changed. */
  readonly isDryRun: boolean;
}

export interface OrphanCounts {
  /** Directories of the source, and those of them that were looked through. */
  readonly directoriesTotal: number;
  readonly directoriesDone: number;
  /** Names on the target that were looked at, those below orphans included. */
  readonly names: number;
  /** What is to go. */
  readonly found: OrphanSums;
  /** What went. */
  readonly done: OrphanSums;
  /** Stays on purpose: excluded, younger, or with such a one below it. */
  readonly kept: number;
  /** Could not be deleted or moved. */
  readonly failed: number;
  /** There were too many to know them all: another job finds the rest. */
  readonly isPartial: boolean;
}

export const NOTHING_SWEPT: OrphanCounts = {
  directoriesTotal: 0,
  directoriesDone: 0,
  names: 0,
  found: NO_ORPHANS,
  done: NO_ORPHANS,
  kept: 0,
  failed: 0,
  isPartial: false,
};

/** "gone": somebody else removed it, or the source has the name again. */
export type OrphanOutcome = "found" | "deleted" | "moved" | "partly" | "failed" | "gone";

/** An orphan, with all that is below it. */
export interface OrphanFinding extends OrphanSums {
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly isDirectory: boolean;
  readonly outcome: OrphanOutcome;
  /** Why it could not be removed; null = it could, or it was not tried. */
  readonly message: string | null;
}

/** A finding for people: its path as text, of the target. */
export interface ShownOrphan extends Omit<OrphanFinding, "root" | "path"> {
  readonly path: string;
}

export interface OrphansReport extends OrphanOptions {
  readonly counts: OrphanCounts;
  /** The first of them; the log of the target has all that went. */
  readonly findings: readonly ShownOrphan[];
}

/** So many that a person must have meant it; null = go on. */
export function guardOf({ names, found }: OrphanCounts, confirmFiles: number): string | null {
  const count = found.files + found.directories;
  const what = `${count} orphans (${found.files} files and ${found.directories} directories, ${found.bytes} bytes) of ${names} names on the target`;
  if (found.files > confirmFiles) return `${what} are more than orphans.confirmFiles, ${confirmFiles}`;
  if (count * 2 > names) return `${what} are more than half of them`;
  return null;
}

/** What is left to be done, or to be looked at by a person; a dry run only tells. */
export function orphansLeft({ action, isDryRun, counts }: Pick<OrphansReport, "action" | "isDryRun" | "counts">): number {
  if (isDryRun) return 0;
  const { found, failed, isPartial } = counts;
  const left = action === "report" ? found.files + found.directories : failed;
  return isPartial ? Math.max(1, left) : left;
}
