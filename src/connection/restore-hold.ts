// A connection whose source is to be restored from the target's copy: it stands still, for what the source has now, or lacks, must
// not reach the copy. What happens on the source meanwhile is not kept: a mirror compares when it goes on.
//   restore begins ─ hold, on record first ─▶ running ─ all is back ─▶ released, a difference mirror
//                                                └─ failed, stopped ─▶ owed ─ another restore, or a mirror by hand

import { SmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { ConnectionRecord, MirrorNeed, RestoreHold } from "./connection-record.js";
import { type ConnectionEvent, type ConnectionState, type Fault, INITIAL_STATE } from "./connection-state.js";
import { type GuardedConnection, prepareMirror } from "./guard-decision.js";
import type { LiveSets } from "./live-sets.js";
import type { GuardedSet, MassChangeGuard } from "./mass-change-guard.js";
import { mergeNeeds } from "./resume-plan.js";

export interface RestorableConnection extends GuardedConnection {
  readonly state: ConnectionState;
  readonly isSourceHalted: boolean;
  readonly restart: { forget(): void };
  readonly repair: GuardedConnection["repair"] & { readonly pending: number };
}

interface Blocked {
  readonly record: Pick<ConnectionRecord, "restore">;
  readonly guard: Pick<MassChangeGuard, "isRejected" | "fault">;
}

/** Nothing may be sent before the source has its data back. */
export function isHeldForRestore({ restore }: Pick<ConnectionRecord, "restore">): boolean {
  return restore != null && restore.state !== "discarded";
}

/** The target is not to become as the source is, by the word of either side. */
export function isToBeRestored({ record, state }: Pick<RestorableConnection, "record" | "state">): boolean {
  return isHeldForRestore(record) || (state.kind === "halted" && state.fault.code === "RESTORE_REQUIRED");
}

/** Why the connection stands still whatever else would let it go on; null = it does not. */
function blockOf({ record, guard }: Blocked): Fault | null {
  if (isHeldForRestore(record)) return { code: "RESTORE_REQUIRED", message: record.restore?.message ?? "" };
  return guard.isRejected ? guard.fault : null;
}

export function firstState(connection: Blocked): ConnectionState {
  const fault = blockOf(connection);
  return fault === null ? INITIAL_STATE : { kind: "halted", fault };
}

/** What lifting a halt comes to. */
export function liftEvent(connection: Blocked): ConnectionEvent {
  const fault = blockOf(connection);
  return fault === null ? { kind: "resume" } : { kind: "halt", fault };
}

/** A live set, before it can be sent. `live` null: it will not be. */
export function takeLiveSet({ id, guard, record, options }: Omit<GuardedConnection, "nudge" | "repair">, set: GuardedSet, live: LiveSets | null): void {
  if (isHeldForRestore(record)) {
    options.journal.advance(id, set.seq);
    return;
  }
  guard.takeSet(set);
  live?.add(set.seq);
}

/** Nothing of it is at risk: some paths may be restored without the rest. What was whole may be lost behind an attempt that failed. */
function isWhole({ guard, record, isSourceHalted }: RestorableConnection): boolean {
  if (isHeldForRestore(record)) return record.restore?.isPart === true && !isSourceHalted;
  return !(guard.isHeld || guard.isRejected || isSourceHalted || record.restore != null) && record.mirrorNeed?.extras !== "report";
}

/** What comes back needs the connection that it was lost from. */
export function refuseWhileRestored(connection: Pick<RestorableConnection, "id" | "record"> | undefined): void {
  if (connection?.record.restore?.state === "running") throw new SmError("JOB_CONFLICT", `the source of connection ${connection.id} is being restored`);
}

/** On record when it returns. `isOfPaths`: not the whole set is asked for. */
export function holdForRestore(connection: RestorableConnection, hold: { readonly key: string; readonly isOfPaths: boolean; readonly message: string }): void {
  const { guard, options, record } = connection;
  const isPart = hold.isOfPaths && isWhole(connection);
  // What an attempt before this one restored changed after that one began.
  const since = isHeldForRestore(record) ? record.restore?.since : undefined;
  const restore: RestoreHold = { state: "running", key: hold.key, isPart, message: hold.message, since: since ?? new Date().toISOString() };
  connection.keep({ restore }, true);
  // What it held back is not to be sent: it is what is made good.
  if (guard.isHeld) guard.reject(options.journal.stats().lastSeq);
  connection.stopMirror();
  connection.halt({ code: "RESTORE_REQUIRED", message: hold.message });
}

/** The restore ended before its time: the connection goes on standing still. */
export function oweRestore(connection: RestorableConnection, message: string): void {
  const { restore } = connection.record;
  if (restore == null || restore.state === "discarded") return;
  connection.keep({ restore: { ...restore, state: "owed", message } }, true);
  const { id, repset } = connection.record;
  logEvent(connection.options.log, "restoreRequired", { connection: id, repset, reason: message });
  connection.halt({ code: "RESTORE_REQUIRED", message });
}

/**
 * All is back, as far as was asked: what differs since goes to the target again, and what was removed since is removed there. What changed
 * before it began, and was not restored, is compared by content: it may never have been sent. `adopts`: its directories, where they had to
 * be made anew; on record with the end of the restore, for without them the connection would take them for others.
 */
export function releaseRestored(connection: RestorableConnection, adopts: ConnectionRecord["roots"] | null = null): void {
  const { restore } = connection.record;
  const untilMs = Date.now();
  const restored = { fromMs: restore == null ? untilMs : Date.parse(restore.since), untilMs };
  goOn(connection, { restore: null, adopts }, { ...needOf("the source was restored: what changed since is compared", "remove", connection), restored });
}

/** Another connection of the set: its target may have what the copy lacked that came back, and is not to lose that. */
export function besideRestored(record: ConnectionRecord): ConnectionRecord {
  const message = "the source was restored from another target's copy: nothing is removed";
  const need: MirrorNeed = {
    ...{ reason: "restore", message, since: new Date().toISOString(), mode: "difference", extras: "report" },
    ...{ changedSinceMs: record.cleanUntilMs, isAutomatic: true },
  };
  return { ...record, mirrorNeed: mergeNeeds(record.mirrorNeed, need), checkpoint: null, sweep: null };
}

/**
 * Before a mirror by hand. A person decides that the target is to become as the source is now; nothing is removed there, for what the
 * source lacks may be what it lost.
 */
export function prepareByHand(connection: RestorableConnection): void {
  if (connection.record.restore?.state === "running")
    throw new SmError("JOB_CONFLICT", `the source of connection ${connection.id} is being restored: \`sm restore stop\` ends that`);
  if (isToBeRestored(connection)) {
    const message = "a mirror was started by hand instead of a restore";
    const discarded: RestoreHold = { state: "discarded", key: "", isPart: false, message, since: new Date().toISOString() };
    goOn(connection, { restore: discarded }, needOf(message, "report", connection));
  }
  prepareMirror(connection);
}

/** The stream goes on behind all that came meanwhile: the mirror, on record before anything is let go, compares what it changed. */
function goOn(connection: RestorableConnection, end: Pick<ConnectionRecord, "restore" | "adopts">, mirrorNeed: MirrorNeed): void {
  const { guard, options, id, keeper, record: before } = connection;
  const { lastSeq } = options.journal.stats();
  // What was to become of orphans was said of a source that had lost nothing.
  connection.keep({ ...end, mirrorNeed, partMirror: null, sweep: null, durableSeq: lastSeq, cleanUntilMs: Date.now() }, true);
  if (keeper.fault !== null) {
    const { message } = keeper.fault;
    connection.keep({ ...before, adopts: before.adopts ?? null }, true);
    throw new SmError("STATE_CORRUPT", message);
  }
  connection.appliedSeq = lastSeq;
  connection.durableSeq = lastSeq;
  options.journal.advance(id, lastSeq);
  connection.repair.drop();
  connection.restart.forget();
  guard.lift();
  connection.nudge();
}

function needOf(message: string, extras: MirrorNeed["extras"], { record, repair }: RestorableConnection): MirrorNeed {
  const isThorough = repair.isThorough || repair.pending > 0;
  const { changedSinceMs: owedMs, again } = record.mirrorNeed ?? {};
  const changedSinceMs = isThorough ? 0 : Math.min(record.cleanUntilMs, owedMs ?? record.cleanUntilMs, again?.changedSinceMs ?? record.cleanUntilMs);
  const settling = again?.isSettling === true ? { isSettling: true } : {};
  return { reason: "restore", message, since: new Date().toISOString(), mode: "difference", extras, changedSinceMs, ...settling, isAutomatic: true };
}
