// How a connection's target stands by what is kept of it, with nobody connected.

import type { ConsistencyPoint, QuarantineNews } from "../model/session.js";
import { ApplyState } from "./apply-state.js";
import { pointOf } from "./consistency.js";
import { newsOf } from "./quarantine-news.js";
import { Stage } from "./stage.js";

export interface Standing {
  readonly appliedSeq: number;
  readonly durableSeq: number;
  readonly point: ConsistencyPoint;
  /** Something was staged that is not applied wholly. */
  readonly hasLeftovers: boolean;
  readonly quarantine: QuarantineNews;
}

export function readStanding(stateDirectory: string, nowMs: number, retryLimitMs: number | null): Standing {
  const state = ApplyState.open(stateDirectory, nowMs);
  const { epoch, appliedSeq, consistency } = state.cursor.state;
  const stage = Stage.open({ stateDirectory, bytesMax: 0, isSynced: false, applied: { epoch, seq: appliedSeq } });
  try {
    const hasLeftovers = stage.leftovers(epoch, appliedSeq).length > 0;
    const point = pointOf(consistency, state.quarantine.claimOver(state.claim));
    const quarantine = newsOf(state.quarantine, retryLimitMs, nowMs);
    return { appliedSeq, durableSeq: state.durable.durableSeq, point, hasLeftovers, quarantine };
  } finally {
    stage.close();
    state.close();
  }
}
