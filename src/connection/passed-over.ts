// Which live sets are not for a connection, because its replication is, or was, stopped. Pure.
//   live sets … ─ stop ─ to the end of the state that is being sent │ passed over … ─ start │ sent again, and a mirror

import { SmError } from "../base/errors.js";
import type { ConnectionRecord, PassedSpan } from "./connection-record.js";

type Replicating = Pick<ConnectionRecord, "id" | "options" | "passedOver">;

/** A target that takes nothing would have its source remember each stop and start. */
export const SPANS_MAX = 64;

/** Set `seq`, if it is live, is not for the target. */
export function isPassedOver({ options, passedOver }: Omit<Replicating, "id">, seq: number): boolean {
  if (passedOver === undefined) return !options.replicate;
  return passedOver.some(({ afterSeq, untilSeq }) => afterSeq !== null && seq > afterSeq && (untilSeq === null || seq <= untilSeq));
}

/** It is stopped, and what the target holds of a state is still being sent to its end. */
export function isEnding({ passedOver }: Pick<ConnectionRecord, "passedOver">): boolean {
  return passedOver?.at(-1)?.afterSeq === null;
}

/** Stopped from the next end of a state on. */
export function stoppedSpans({ id, passedOver = [] }: Replicating, nowIso: string): readonly PassedSpan[] {
  if (passedOver.length >= SPANS_MAX)
    throw new SmError("JOB_CONFLICT", `replication of connection ${id} was stopped ${SPANS_MAX} times, and its target has heard of none: connect it first`);
  return [...passedOver, { afterSeq: null, untilSeq: null, since: nowIso }];
}

/** Live set `seq` completes what the target holds. */
export function endedSpans(passedOver: readonly PassedSpan[], seq: number): readonly PassedSpan[] {
  return passedOver.map((span) => (span.afterSeq === null ? { ...span, afterSeq: seq } : span));
}

/** While it is stopped: directories moved, or may have. The same object when that is known. */
export function movedSpans(passedOver: readonly PassedSpan[]): readonly PassedSpan[] {
  const last = passedOver.at(-1);
  return last === undefined || last.moves === true ? passedOver : [...passedOver.slice(0, -1), { ...last, moves: true }];
}

/** Under other directories there may be other files of the same names, sizes and times. Of one that never replicated nothing is known. */
export function mayHaveMoved({ passedOver }: Pick<Replicating, "passedOver">): boolean {
  return passedOver === undefined || passedOver.at(-1)?.moves === true;
}

/** Live sets behind `lastSeq` are sent again. */
export function startedSpans({ passedOver }: Pick<Replicating, "passedOver">, lastSeq: number): readonly PassedSpan[] {
  const spans = passedOver ?? [{ afterSeq: 0, untilSeq: null, since: "", moves: true }];
  const closed = spans.map((span) => (span.untilSeq === null ? { ...span, untilSeq: lastSeq } : span));
  return closed.filter(({ afterSeq, untilSeq }) => afterSeq !== null && afterSeq < (untilSeq ?? 0));
}

/** The target has all up to `durableSeq` that is for it. The same object when nothing is different. */
export function remainingSpans(passedOver: readonly PassedSpan[], durableSeq: number): readonly PassedSpan[] {
  const remaining = passedOver.filter(({ untilSeq }) => untilSeq === null || untilSeq > durableSeq);
  return remaining.length === passedOver.length ? passedOver : remaining;
}

/** In another stream nothing is queued of what was before a stop. */
export function spansAtStart({ passedOver, options }: Omit<Replicating, "id">, isSameStream: boolean): Pick<ConnectionRecord, "passedOver"> {
  if (passedOver === undefined) return {};
  if (isSameStream) return { passedOver };
  return { passedOver: options.replicate ? [] : passedOver.slice(-1).map((span) => ({ ...span, afterSeq: 0 })) };
}

/** Since when (ISO 8601) nothing is replicated. */
export function stoppedSince({ passedOver, createdAt }: Pick<ConnectionRecord, "passedOver" | "createdAt">): string {
  return passedOver?.at(-1)?.since ?? createdAt;
}
