// What a verification compares, and what it found (HP guide ch. 11).

import { z } from "zod";
import type { BytePath } from "./byte-path.js";
import type { EntryType, FoundEntry, RootIndex } from "./change.js";
import type { OrphanOptions } from "./orphans.js";

/**
 * "times"    contents are judged by size and time;
 * "flagged"  contents of files whose size or time differs are compared block by block;
 * "all"      contents of all files are compared.
 */
export const verifyContentSchema = z.enum(["times", "flagged", "all"]);

export type VerifyContent = z.infer<typeof verifyContentSchema>;

/** What differs is sent again. */
export const verifyRepairSchema = z.enum(["no", "all", "newer"]);

export interface VerifyOptions {
  readonly content: VerifyContent;
  readonly repair: z.infer<typeof verifyRepairSchema>;
  /** What becomes, at its end, of what only the target has; null = nothing is looked for. */
  readonly orphans: OrphanOptions | null;
}

/** "extra": the target has it and the source does not. */
export type VerifyWhy = "missing" | "type" | "content" | "attr" | "link" | "extra";

export interface VerifyFinding {
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly why: VerifyWhy;
  /** Null = not known: of an extra. */
  readonly type: EntryType | null;
  readonly source: FoundEntry | null;
  readonly target: FoundEntry | null;
  /** In blocks that differ; null = not compared. */
  readonly differingBytes: number | null;
  readonly isRepaired: boolean;
}

/** Files: all that is no directory. Bytes: of regular files. */
export interface VerifyCounts {
  readonly filesTotal: number;
  readonly bytesTotal: number;
  readonly directories: number;
  readonly directoriesMissing: number;
  readonly directoriesDifferent: number;
  readonly files: number;
  readonly filesMissing: number;
  readonly filesDifferent: number;
  readonly bytes: number;
  readonly bytesMissing: number;
  readonly bytesDifferent: number;
  readonly extras: number;
  /** Sent again, files and directories. */
  readonly repaired: number;
  /** Changed each time they were looked at: nothing is said of them. */
  readonly unjudged: number;
}

export const NOTHING_VERIFIED: VerifyCounts = {
  filesTotal: 0,
  bytesTotal: 0,
  directories: 0,
  directoriesMissing: 0,
  directoriesDifferent: 0,
  files: 0,
  filesMissing: 0,
  filesDifferent: 0,
  bytes: 0,
  bytesMissing: 0,
  bytesDifferent: 0,
  extras: 0,
  repaired: 0,
  unjudged: 0,
};

/** Of a verification that went on after a restart: totals are those of now. */
export function addCounts(before: VerifyCounts, since: VerifyCounts): VerifyCounts {
  const sums = Object.entries(since).map(([name, count]) => [name, count + before[name as keyof VerifyCounts]]);
  return { ...(Object.fromEntries(sums) as unknown as VerifyCounts), filesTotal: since.filesTotal, bytesTotal: since.bytesTotal };
}

/** What was found to be different, extras included. */
export function differencesIn(counts: VerifyCounts): number {
  const { directoriesMissing, directoriesDifferent, filesMissing, filesDifferent, extras } = counts;
  return directoriesMissing + directoriesDifferent + filesMissing + filesDifferent + extras;
}
