// Which state of the source the target was last brought to, and why it is at none now. Pure; the cursor keeps it together
// with how far was applied, so that both are always of one moment.

import type { ConsistencyPoint, CopyClaim, Doubt } from "../model/session.js";

/** What let the target go on without a state that the source had. */
export const STRAYS = ["forced", "limit", "failed"] as const;
export type Stray = (typeof STRAYS)[number];

/** What a set is to the group it ends, if it ends one. */
export type SetEnding = "none" | "closed" | Stray;

export interface Consistency {
  readonly seq: number;
  readonly timeMs: number;
  /** Last set of which something could not be applied; 0 = none. */
  readonly misfitSeq: number;
  readonly misfitMs: number;
  readonly stray: Stray | null;
  readonly strayMs: number;
}

export const NO_CONSISTENCY: Consistency = { seq: 0, timeMs: 0, misfitSeq: 0, misfitMs: 0, stray: null, strayMs: 0 };

/** What the source said last, and when (clock of the target). */
export interface HeardClaim extends CopyClaim {
  readonly sinceMs: number;
}

export interface AppliedSet {
  readonly seq: number;
  readonly sourceTimeMs: number;
  readonly ending: SetEnding;
}

/** A state is complete when its last set is applied, everything before it did fit, and what it was built on was a copy. */
export function afterSet(before: Consistency, { seq, sourceTimeMs, ending }: AppliedSet, claim: HeardClaim, nowMs: number): Consistency {
  switch (ending) {
    case "none":
      return before;
    case "closed": {
      const level = { ...before, stray: null, strayMs: 0 };
      return isCopyAt(before, seq, claim) ? { ...level, seq, timeMs: sourceTimeMs } : level;
    }
    case "forced":
    case "limit":
    case "failed":
      return { ...before, stray: ending, strayMs: before.stray === null ? nowMs : before.strayMs };
  }
}

export function afterMisfit(before: Consistency, seq: number, nowMs: number): Consistency {
  return { ...before, misfitSeq: seq, misfitMs: before.misfitSeq > 0 ? before.misfitMs : nowMs };
}

/** A claim about a later set than the last misfit says that it was made good. */
export function afterClaim(before: Consistency, claim: CopyClaim): Consistency {
  return claim.fromSeq !== null && claim.fromSeq >= before.misfitSeq ? { ...before, misfitSeq: 0, misfitMs: 0 } : before;
}

function isCopyAt({ misfitSeq }: Consistency, seq: number, { fromSeq }: HeardClaim): boolean {
  return misfitSeq === 0 && fromSeq !== null && seq >= fromSeq;
}

/** Why a copy would not be one behind a set of that ending, whatever its source knows; null = nothing is known that did not fit. */
export function misfitOf({ misfitSeq }: Consistency, ending: SetEnding, quarantine: { readonly size: number }): string | null {
  if (ending !== "closed") return "what is before it is no complete state of the source";
  if (misfitSeq > 0) return `change set ${misfitSeq} did not fit in part, and is not made good yet`;
  return quarantine.size > 0 ? "some paths are in quarantine" : null;
}

const STRAY_DOUBTS: Readonly<Record<Stray, Pick<Doubt, "code" | "message">>> = {
  forced: { code: "FORCED", message: "the source did not pause long enough for a complete state: what had come was applied" },
  limit: { code: "STAGE_LIMIT", message: "one state was larger than the stage (target.stageMiB): it was applied in parts" },
  failed: { code: "STAGE_FAILED", message: "the stage in the state directory could not be written: a state was applied in parts" },
};

export function pointOf(consistency: Consistency, claim: HeardClaim): ConsistencyPoint {
  const { seq, timeMs } = consistency;
  return { consistentSeq: seq, consistentTimeMs: timeMs, doubt: doubtOf(consistency, claim) };
}

function doubtOf({ seq, misfitSeq, misfitMs, stray, strayMs }: Consistency, { fromSeq, why, sinceMs }: HeardClaim): Doubt | null {
  if (fromSeq === null) return { code: "NOT_A_COPY", message: why, sinceMs };
  if (misfitSeq > 0) return { code: "REPAIRS_PENDING", message: `change set ${misfitSeq} did not fit in part, and is not made good yet`, sinceMs: misfitMs };
  if (stray !== null) return { ...STRAY_DOUBTS[stray], sinceMs: strayMs };
  if (seq === 0 || seq < fromSeq) return { code: "NO_CUT_YET", message: "no complete state has come since the target is a copy", sinceMs };
  return null;
}
