// Where a target may differ from its source because changes were not kept for it.

import type { BytePath } from "./byte-path.js";
import type { RootIndex } from "./change.js";

/**
 * How much lies at a place:
 * "entry"  the name itself, its content always compared;
 * "names"  the directory and the names in it, not what is below them;
 * "tree"   the entry and everything below it.
 */
export type DirtyLevel = "entry" | "names" | "tree";

export interface DirtyPlace {
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly level: DirtyLevel;
  /** Of a tree: contents are compared whatever the times of the files say; otherwise only of files that changed lately. */
  readonly thorough: boolean;
}

/** What waits for repair, for people. `files` and `bytes`: of the changes that were not kept; a file that changed often counts more than once. */
export interface DirtyFigures {
  readonly places: number;
  readonly files: number;
  readonly bytes: number;
  /** ISO 8601; null = nothing waits. */
  readonly since: string | null;
}

/** Places that are repaired together. */
export interface DirtyBatch {
  readonly id: number;
  readonly places: readonly DirtyPlace[];
  /** Nothing else waits: files that have or had several names are looked at. */
  readonly withLinks: boolean;
}
