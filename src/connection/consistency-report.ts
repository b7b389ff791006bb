// The consistency point in words: when the target last was at a state that the source had, and why it is at none now.

import type { ConsistencyPoint, Doubt } from "../model/session.js";
import type { ConsistencyReport, Reason } from "../model/status.js";

const NEXT: Readonly<Record<Doubt["code"], string>> = {
  NOT_A_COPY: "the point is set when the mirror and the repairs are done and a complete state has come",
  REPAIRS_PENDING: "the source repairs it; the point moves with the next complete state after that",
  FORCED: "the point moves as soon as the source finds a moment of rest",
  STAGE_LIMIT: "the point moves with the next complete state",
  STAGE_FAILED: "the point moves with the next complete state",
  NO_CUT_YET: "the point is set with the next complete state",
};

export interface ConsistencyView {
  readonly point: ConsistencyPoint;
  /** When the oldest change was made that is part of no complete state there; null = there is none. */
  readonly openSinceMs: number | null;
  readonly object: string;
}

export function reportConsistency({ point, openSinceMs, object }: ConsistencyView, nowMs: number): ConsistencyReport {
  const { consistentSeq: seq, consistentTimeMs, doubt } = point;
  return {
    seq,
    at: seq === 0 ? null : new Date(consistentTimeMs).toISOString(),
    lagMs: openSinceMs === null ? 0 : Math.max(0, nowMs - openSinceMs),
    reason: doubt === null ? null : reasonOf(doubt, object),
  };
}

function reasonOf({ code, message, sinceMs }: Doubt, object: string): Reason {
  return { code, message, object, since: new Date(sinceMs).toISOString(), next: NEXT[code], nextAt: null, command: null };
}
