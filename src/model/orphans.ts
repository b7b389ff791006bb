// Orphans: what the target has below a mapped root and the source does not (HP guide ch. 10), and what becomes of them.

import { z } from "zod";
import { type BytePath, bytesFromText, isBytePath, PATH_BYTES_MAX } from "./byte-path.js";
import type { RootIndex } from "./change.js";
import { NO_ORPHANS, type OrphanSums } from "./orphan-sums.js";

/** Of each name that goes, or of totals only. */
export type OrphanLogging = "names" | "totals";

export const orphanOptionsSchema = z.strictObject({
  action: z.enum(["report", "delete", "move"]).default("report"),
  /** Absolute directory on the target; null unless they are moved. */
  to: z.string().max(PATH_BYTES_MAX).nullable().default(null),
  /** Files modified later than so long ago stay; null = of any age. */
  olderThanMs: z.number().int().nonnegative().nullable().default(null),
  /** Names that the replication set excludes are orphans, too. */
  includesExcluded: z.boolean().default(false),
  /** However many they are. */
  isConfirmed: z.boolean().default(false),
  /** Nothing is changed. */
  isDryRun: z.boolean().default(false),
});

export type OrphanOptions = Readonly<z.output<typeof orphanOptionsSchema>>;

export type OrphanAction = OrphanOptions["action"];

/** Why no job can do that; null = it can. */
export function contradictionInOrphans({ action, to }: OrphanOptions): string | null {
  if ((action === "move") !== (to !== null)) return "a directory of the target is given to move orphans to, and for nothing else";
  if (to !== null && !isAbsolutePath(to)) return `${JSON.stringify(to)} is not an absolute path without "..", "." and a trailing slash`;
  return null;
}

function isAbsolutePath(path: string): boolean {
  return path.startsWith("/") && path !== "/" && isBytePath(bytesFromText(path.slice(1)));
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
