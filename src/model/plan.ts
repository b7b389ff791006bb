// What a mirror would do, and what other rules would: found without changing anything.

import type { BytePath } from "./byte-path.js";
import type { RootIndex } from "./change.js";
import type { MirrorWish } from "./mirror-wish.js";
import { NO_ORPHANS, type OrphanSums } from "./orphan-sums.js";
import type { RepsetData, Rule } from "./rule.js";

/**
 * "create"      the target lacks it;
 * "overwrite"   its content is sent, whole or in blocks;
 * "relink"      it becomes a further name of a file that is there;
 * "attributes"  only its attributes are set;
 * "leaveAlone"  it is not older on the target, and only newer files were wished for; or it is empty, and was to be left out;
 * "delete"      it goes from the target, with all below it;
 * "stay"        the target has it and the source does not, and it stays.
 */
export const PLAN_ACTIONS = ["create", "overwrite", "relink", "attributes", "leaveAlone", "delete", "stay"] as const;

export type PlanAction = (typeof PLAN_ACTIONS)[number];

/** Bytes: those of contents that would be sent; of "leaveAlone", "delete" and "stay" the sizes of the files. */
export interface PlanPart extends OrphanSums {
  /** The first of them: paths on the source, of what only the target has those there; a directory ends in "/". */
  readonly names: readonly string[];
}

/** As the source worker tells it. */
export interface PlannedPart extends OrphanSums {
  readonly names: readonly PlannedName[];
}

export interface PlannedName {
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly isDirectory: boolean;
}

/** Files: all that is no directory. */
export interface PlanCounts {
  readonly filesTotal: number;
  readonly bytesTotal: number;
  readonly files: number;
  readonly bytes: number;
  readonly directories: number;
  /** Changed each time they were looked at: nothing is said of them. */
  readonly unjudged: number;
  /** Names of the target that go or stay, and could not be looked into: they count as one. */
  readonly uncounted: number;
}

export const NOTHING_PLANNED: PlanCounts = { filesTotal: 0, bytesTotal: 0, files: 0, bytes: 0, directories: 0, unjudged: 0, uncounted: 0 };

export const NO_PARTS: Readonly<Record<PlanAction, PlanPart>> = partsOf(() => ({ ...NO_ORPHANS, names: [] }));

/** One value for each action. */
export function partsOf<T>(make: (action: PlanAction) => T): Record<PlanAction, T> {
  return Object.fromEntries(PLAN_ACTIONS.map((action) => [action, make(action)])) as Record<PlanAction, T>;
}

/** The plan of a mirror. It is about one moment for each directory, and not about one for all. */
export interface PlanReport {
  readonly wish: MirrorWish;
  /** Of each action at most so many are named. */
  readonly namesMax: number;
  readonly counts: PlanCounts;
  readonly parts: Readonly<Record<PlanAction, PlanPart>>;
}

/** What a change of rules would do. Nothing of it is on the target: it is a walk over the source. */
export interface RulePlan {
  /** As it would be saved, and the rules that would be dropped as redundant. */
  readonly repset: RepsetData;
  readonly dropped: readonly { readonly rule: Rule; readonly reason: string }[];
  /** What would belong to the set, and what would not any more; named are the outermost of them, all below counts. */
  readonly included: PlanPart;
  readonly excluded: PlanPart;
  /** Directories that could not be read. */
  readonly problems: number;
  readonly connections: readonly { readonly id: number; readonly target: string }[];
}
