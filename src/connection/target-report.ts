// The target's half of a connection as `sm status` shows it, with its source or without.

import type { ApplyAck } from "../apply/apply-service.js";
import type { RestoreMark } from "../apply/restore-marks.js";
import type { TargetTerms } from "../apply/target-terms.js";
import type { SmError } from "../base/errors.js";
import type { ConsistencyPoint, QuarantineNews } from "../model/session.js";
import type { Reason, TargetConnectionReport } from "../model/status.js";
import { reportConsistency } from "./consistency-report.js";
import { quarantineReason } from "./quarantine-reason.js";
import { retryReason } from "./retry-reason.js";

export interface TargetView {
  readonly terms: TargetTerms;
  /** Clock of the target minus clock of the source. */
  readonly clockAheadMs: number;
  readonly online: boolean;
  readonly last: Pick<ApplyAck, "appliedSeq" | "durableSeq" | "openSinceMs" | "stageFault" | "retrying" | keyof ConsistencyPoint>;
  readonly stageFaultSince: string | null;
  /** What refused changes; null = the worker has not said. */
  readonly quarantine: QuarantineNews | null;
  readonly receivedBytes: number;
  readonly failure: { readonly error: SmError; readonly since: string } | null;
}

/** A connection that is served now, with its worker. */
type ServedView = Omit<TargetView, "online" | "quarantine"> & { readonly channel: object | null; readonly service: Pick<TargetView, "quarantine"> };

export function viewOf({ channel, service, ...view }: ServedView): TargetView {
  const { terms, clockAheadMs, last, receivedBytes, failure, stageFaultSince } = view;
  return { terms, clockAheadMs, online: channel !== null, last, receivedBytes, failure, stageFaultSince, quarantine: service.quarantine };
}

/** Since when a person lets nothing be applied; pending while something is in progress. */
export interface PauseView {
  readonly sinceMs: number;
  readonly isPending: boolean;
}

export function reportTarget(view: TargetView, pause: PauseView | null, nowMs: number, restore: RestoreMark | null = null): TargetConnectionReport {
  const { terms, last, online, receivedBytes } = view;
  const { appliedSeq, durableSeq, openSinceMs } = last;
  const sinceMs = openSinceMs === null ? null : openSinceMs + view.clockAheadMs;
  return {
    connectionId: terms.connectionId,
    source: terms.peer,
    repset: terms.repset,
    mappings: terms.mappings,
    online,
    appliedSeq,
    durableSeq,
    receivedBytes,
    pause: pause === null ? "no" : pause.isPending ? "pending" : "paused",
    consistency: reportConsistency({ point: last, openSinceMs: sinceMs, object: targetsOf(terms) }, nowMs),
    reasons: [
      failureReason(view),
      restoreReason(view, restore),
      pauseReason(view, pause),
      retryReason(view.last.retrying, targetsOf(terms)),
      stageReason(view),
      quarantineReason(view.quarantine, { object: targetsOf(terms), where: "" }),
    ].filter((reason) => reason !== null),
  };
}

function targetsOf({ mappings }: TargetTerms): string {
  return mappings.map(({ target }) => target).join(", ");
}

function failureReason({ failure, terms }: TargetView): Reason | null {
  if (failure === null) return null;
  const { code, message } = failure.error;
  const next = "the source connects again by itself";
  return { code, message, object: targetsOf(terms), since: failure.since, next, nextAt: null, command: "sm status" };
}

function restoreReason({ terms }: TargetView, mark: RestoreMark | null): Reason | null {
  if (mark === null) return null;
  return {
    code: "RESTORE_REQUIRED",
    message: mark.why,
    object: targetsOf(terms),
    since: mark.since,
    next: `nothing is taken from ${terms.peer} before it has its data back, or a person there starts a mirror all the same`,
    nextAt: null,
    command: `sm restore start ${terms.repset} --from PEER (on ${terms.peer})`,
  };
}

function pauseReason({ terms }: TargetView, pause: PauseView | null): Reason | null {
  if (pause === null) return null;
  return {
    code: "TARGET_PAUSED",
    message: pause.isPending ? "pause pending: what is being applied is completed first" : "paused by hand: nothing is applied, the source queues",
    object: targetsOf(terms),
    since: new Date(pause.sinceMs).toISOString(),
    next: "goes on when it is resumed",
    nextAt: null,
    command: `sm target resume ${terms.connectionId}`,
  };
}

function stageReason({ last, stageFaultSince, terms }: TargetView): Reason | null {
  if (last.stageFault === null || stageFaultSince === null) return null;
  return {
    code: "STAGE_FAILED",
    message: `the stage in the state directory cannot be written: ${last.stageFault}`,
    object: targetsOf(terms),
    since: stageFaultSince,
    next: "tried with every change set; meanwhile states are applied as they come, and a kill of the agent can leave one half applied",
    nextAt: null,
    command: null,
  };
}
