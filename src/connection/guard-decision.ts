// What a person's word on a held connection does to it.

import { SmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import type { ConnectionOptions, GuardSetting } from "../model/connection-spec.js";
import type { Journal } from "../model/journal-port.js";
import type { ConnectionRecord, MirrorNeed } from "./connection-record.js";
import type { Fault } from "./connection-state.js";
import { numbersOf } from "./guard-limits.js";
import type { GuardRecord } from "./guard-record.js";
import { type GuardPolicy, MassChangeGuard } from "./mass-change-guard.js";
import { mergeNeeds } from "./resume-plan.js";

/** A connection as decisions about what it holds change it. */
export interface GuardedConnection {
  readonly id: number;
  readonly guard: MassChangeGuard;
  readonly repair: { readonly isThorough: boolean; drop(): void };
  readonly keeper: { readonly fault: { readonly message: string } | null };
  readonly options: { readonly journal: Journal; readonly log: Log };
  record: ConnectionRecord;
  appliedSeq: number;
  durableSeq: number;
  stopMirror(): unknown;
  halt(fault: Fault): void;
  nudge(): void;
  keep(part: Partial<ConnectionRecord>, isUrgent: boolean): void;
}

/** Where nothing is replicated as it happens there is nothing to hold. */
export function guardFor(connection: Omit<GuardedConnection, "guard">, policy: () => GuardPolicy | null): MassChangeGuard {
  const { id, record, options } = connection;
  return new MassChangeGuard({
    connectionId: id,
    record: record.guard,
    policy: () => (connection.record.options.replicate ? policy() : null),
    isMirrorOwed: () => connection.record.mirrorNeed?.extras === "remove" || connection.record.mirrorNeed?.again !== undefined,
    save: (guard, isUrgent) => {
      const before = connection.record.guard;
      connection.keep({ guard }, isUrgent);
      logDecision(connection, before, guard);
    },
    discard: (seq) => options.journal.advance(id, seq),
  });
}

/** What is held, and what a person decided on it. */
function logDecision({ id: connection, options }: Pick<GuardedConnection, "id" | "options">, before: GuardRecord, now: GuardRecord): void {
  const { log } = options;
  const [was, is] = [before.hold?.decision ?? null, now.hold?.decision ?? null];
  if (was === is) return;
  if (is === "open" && now.hold !== null) logEvent(log, "guardHeld", { connection, reason: numbersOf(now.hold) }, { fromSeq: now.hold.fromSeq });
  else if (is === "rejected") logEvent(log, "guardRejected", { connection });
  else if (was === "open") logEvent(log, "guardApproved", { connection });
}

/** What a connection asks for comes before what the agent is configured with. */
export function guardPolicyOf({ guard, guardChanged }: Pick<ConnectionOptions, "guard" | "guardChanged">, configured: GuardPolicy): GuardPolicy | null {
  const lostPercent = percentOf(guard, configured.lostPercent);
  const changedPercent = percentOf(guardChanged, configured.changedPercent);
  const lostFiles = guard === "off" ? null : configured.lostFiles;
  const isOff = lostPercent === null && lostFiles === null && changedPercent === null;
  return isOff ? null : { ...configured, lostPercent, lostFiles, changedPercent };
}

function percentOf(setting: GuardSetting, configured: number | null): number | null {
  return setting === "configured" ? configured : setting === "off" ? null : setting;
}

/** The target keeps what it has: the connection stops, and what is queued for it goes. */
export function rejectHeld(connection: GuardedConnection): void {
  const { guard, options } = connection;
  guard.reject(options.journal.stats().lastSeq);
  connection.stopMirror();
  connection.halt(guard.fault);
}

/**
 * Before a mirror by hand. Where something was rejected the stream goes on behind all of it: what it changed is compared
 * by the mirror, which removes nothing, for what the source lost is what the target was to keep.
 */
export function prepareMirror(connection: GuardedConnection): void {
  const { guard, id } = connection;
  const { journal } = connection.options;
  if (guard.isHeld) throw new SmError("GUARD_HELD", `connection ${id} is held: ${guard.reason()?.message ?? ""}`);
  if (!guard.isRejected) return;
  const { lastSeq } = journal.stats();
  connection.appliedSeq = lastSeq;
  connection.durableSeq = lastSeq;
  const { record, repair } = connection;
  const changedSinceMs = repair.isThorough ? 0 : record.cleanUntilMs;
  // An orphans job that waits would remove what the target was to keep.
  connection.keep({ durableSeq: lastSeq, mirrorNeed: mergeNeeds(record.mirrorNeed, needAfterRejection(changedSinceMs)), sweep: null }, true);
  const { fault } = connection.keeper;
  if (fault !== null) throw new SmError("STATE_CORRUPT", fault.message);
  // Repairs that wait, in the worker and in the dirty map, would remove: the mirror, on record by now, compares what they were for.
  repair.drop();
  guard.lift();
  connection.nudge();
}

function needAfterRejection(changedSinceMs: number): MirrorNeed {
  const since = new Date().toISOString();
  return { reason: "manual", message: "what was held was rejected", since, mode: "difference", extras: "report", changedSinceMs, isAutomatic: false };
}
