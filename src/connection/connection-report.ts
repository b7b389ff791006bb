// The connection in the words of the HP guide pp. 9-2 to 9-4, each state that is not fine with its reason.

import { displayPath } from "../model/byte-path.js";
import type { SourceChannel } from "../model/channel-port.js";
import type { DirtyFigures } from "../model/dirty-place.js";
import type { Journal } from "../model/journal-port.js";
import { NO_SCRUB, reportScrub } from "../model/scrub.js";
import type { ConsistencyPoint, Retrying } from "../model/session.js";
import type { ConnectionReport, Reason, ReplicationStatus, TargetDataState, TargetStatus } from "../model/status.js";
import { reportPlan } from "../model/verify-plan.js";
import { NO_VERIFY_PLAN } from "../model/verify-schedule.js";
import type { ConnectionRecord, MirrorNeed } from "./connection-record.js";
import type { ConnectionState } from "./connection-state.js";
import { reportConsistency } from "./consistency-report.js";
import type { CopyWatch } from "./copy-watch.js";
import type { HookWait } from "./hook-duty.js";
import { hookReason } from "./hook-reason.js";
import type { MassChangeGuard } from "./mass-change-guard.js";
import type { MirrorTracker } from "./mirror-tracker.js";
import type { ProblemBook } from "./problem-book.js";
import { quarantineReason } from "./quarantine-reason.js";
import type { QuarantineWatch } from "./quarantine-watch.js";
import { replicationReason } from "./replication-reason.js";
import type { ReplicationSwitch } from "./replication-switch.js";
import { isToBeRestored } from "./restore-hold.js";
import { retryReason } from "./retry-reason.js";
import type { SentCounts } from "./set-sender.js";
import { simulatedConsistency, simulatedState, simulationReason } from "./simulated-report.js";
import type { Transmission } from "./transmission.js";
import { commitMode, transmissionReasons, transmitMode } from "./transmission-report.js";

/** What a connection shows of itself. */
export interface ConnectionView {
  readonly record: ConnectionRecord;
  readonly state: ConnectionState;
  readonly stateSince: string;
  readonly retryAt: string | null;
  readonly channel: SourceChannel | null;
  readonly retrying: Retrying | null;
  /** A source directory is missing or another one, or the source worker ended. */
  readonly isSourceHalted: boolean;
  readonly stall: { readonly reason: Reason | null };
  readonly transmission: Transmission;
  readonly mirror: MirrorTracker;
  readonly duty: { readonly hooks: { readonly wait: HookWait | null } };
  readonly problems: ProblemBook;
  readonly quarantine: QuarantineWatch;
  readonly counts: SentCounts;
  /** Those of the dirty map among them. */
  readonly pendingRepairs: number;
  readonly restart: { readonly sinceMs: number | null };
  readonly keeper: { readonly fault: { readonly message: string; readonly since: string } | null };
  readonly lastFile: string;
  readonly sentSeq: number;
  readonly appliedSeq: number;
  readonly durableSeq: number;
  readonly oldestPendingMs: number | null;
  readonly point: ConsistencyPoint;
  readonly openSinceMs: number | null;
  readonly claim: CopyWatch["claim"];
  readonly guard: MassChangeGuard;
  readonly replication: Pick<ReplicationSwitch, "isOn" | "isEnding" | "isNothingWanted">;
  readonly options: { readonly journal: Journal; readonly places: { readonly figures: DirtyFigures } };
}

export function reportConnection(c: ConnectionView): ConnectionReport {
  const { record, counts, mirror } = c;
  const { journal } = c.options;
  const backlog = journal.backlog(record.id);
  const stats = journal.stats();
  const mirrorReport = mirror.report();
  const lagMs = c.oldestPendingMs === null ? 0 : Math.max(0, Date.now() - c.oldestPendingMs);
  return {
    id: record.id,
    repset: record.repset,
    target: record.peer,
    targetAddress: c.channel?.remoteAddress ?? "",
    isSimulated: record.isSimulated === true,
    mappings: record.mappings,
    state: c.guard.isHeld ? "held" : c.state.kind,
    targetDataState: simulatedState(record, dataState(c)),
    targetStatus: targetStatus(c),
    commitMode: commitMode(c),
    transmitMode: c.guard.isHeld && c.state.kind === "streaming" ? "Paused" : transmitMode(c),
    mirror: mirrorReport,
    replicationStatus: replicationStatus(c, backlog.records),
    queuedOps: backlog.records,
    sentBytes: counts.bytes,
    sentCompressedBytes: counts.wireBytes,
    compression: record.options.compression,
    compressionInUse: c.channel?.compression ?? null,
    sockets: c.channel?.sockets() ?? null,
    intermediateQueueBytes: stats.memoryBytes,
    diskQueueBytes: stats.diskBytes,
    queuedReplicationBytes: backlog.bytes,
    queuedReplicationOps: backlog.records,
    sentReplicationBytes: counts.bytes - counts.mirrorBytes,
    sentCompressedReplicationBytes: counts.wireBytes - counts.mirrorWireBytes,
    queuedMirrorOps: mirror.isRunning ? Math.max(0, mirrorReport.filesTotal - mirrorReport.filesDone) : 0,
    sentMirrorBytes: counts.mirrorBytes,
    sentCompressedMirrorBytes: counts.mirrorWireBytes,
    skippedMirrorBytes: mirror.skippedBytes,
    remainingMirrorBytes: mirror.remainingBytes,
    repair: { pending: c.pendingRepairs, ...c.options.places.figures },
    lastFileTouched: displayPath(c.lastFile),
    connectedSince: c.channel === null ? null : new Date(c.channel.stats().connectedAtMs).toISOString(),
    appliedSeq: c.appliedSeq,
    durableSeq: c.durableSeq,
    lastSeq: stats.lastSeq,
    lagMs,
    consistency: simulatedConsistency(
      record,
      reportConsistency({ point: knownPoint(c), openSinceMs: c.openSinceMs, object: `connection ${record.id}` }, Date.now()),
    ),
    guard: c.guard.report(),
    scrub: reportScrub(record.scrub ?? NO_SCRUB, Date.now()),
    verifyPlan: reportPlan(record.verifyPlan ?? NO_VERIFY_PLAN, Date.now(), 1),
    problems: c.problems.list(),
    problemCount: c.problems.count,
    reasons: reasonsOf(c),
  };
}

/** What the source knows comes first: the target may not have heard of it yet. */
function knownPoint({ point, claim }: ConnectionView): ConsistencyPoint {
  return claim.fromSeq === null ? { ...point, doubt: { code: "NOT_A_COPY", message: claim.why, sinceMs: claim.sinceMs } } : point;
}

function dataState(c: ConnectionView): TargetDataState {
  // A mirror whose source is away makes no progress: it is still to be done.
  if (isToBeRestored(c)) return "Restore Required";
  if (c.mirror.isRunning && !c.mirror.isPaused) return c.state.kind === "halted" ? "Mirror Required" : "Mirroring";
  const { mirrorNeed } = c.record;
  const isOwed = (mirrorNeed !== null && mirrorNeed.isScan !== true) || c.mirror.isRunning;
  const isLacking = c.guard.isRejected || isOwed || !c.record.options.replicate;
  if (isLacking || c.problems.count > 0 || c.quarantine.count > 0) return "Mirror Required";
  return c.pendingRepairs > 0 || mirrorNeed !== null ? "Repairing" : "OK";
}

function targetStatus(c: ConnectionView): TargetStatus {
  if (c.record.isSimulated === true) return "Not Loaded";
  if (c.state.kind === "held") return "Not Connected";
  if (c.state.kind !== "streaming") return "Unreachable";
  const { targetPause } = c.transmission;
  if (targetPause !== "no") return targetPause === "pending" ? "Pause Pending" : "Paused";
  return c.retrying === null && c.quarantine.count === 0 ? "OK" : "Retrying";
}

function replicationStatus(c: ConnectionView, queued: number): ReplicationStatus {
  if (!c.record.options.replicate || c.state.kind === "stopped") return "Stopped";
  if (c.guard.isHeld) return "Pending";
  if (c.state.kind === "held" || (!c.transmission.isOpen && queued > 0)) return queued > 0 ? "Pending" : "Ready";
  if (c.state.kind !== "streaming") return "Pending";
  return queued > 0 || c.appliedSeq < c.sentSeq ? "Replicating" : "Ready";
}

function reasonsOf(c: ConnectionView): readonly Reason[] {
  const { record } = c;
  const others = [
    replicationReason(c),
    stateReason(c),
    c.mirror.isRunning ? hookReason(c.duty.hooks.wait, record.id) : null,
    mirrorReason(c),
    repairReason(c),
    retryReason(c.retrying, `peer ${record.peer}`),
    heldReason(c),
    problemReason(c),
    sweepReason(record),
  ];
  if (isToBeRestored(c)) return [restoreReason(c), linkReason(c), stateReason(c)].filter((reason) => reason !== null);
  return [simulationReason(record), c.guard.reason(), linkReason(c), c.stall.reason, ...transmissionReasons(c, Date.now()), ...others].filter(
    (reason) => reason !== null,
  );
}

function restoreReason({ record, state, stateSince }: ConnectionView): Reason {
  const { id, repset, peer, restore } = record;
  const common = { code: "RESTORE_REQUIRED", object: `connection ${id}`, since: restore?.since ?? stateSince, nextAt: null };
  if (restore?.state === "running") {
    const next = "nothing is sent to the target meanwhile; then a mirror compares what changed since, and replication goes on";
    return { ...common, message: restore.message, next, command: "sm job list" };
  }
  const message = restore?.message ?? ("fault" in state ? state.fault.message : "");
  const next = `nothing is sent, and nothing removed on the target, until the data is back; \`sm mirror start ${id}\` sends what is here instead`;
  return { ...common, message, next, command: `sm restore start ${repset} --from ${peer}` };
}

function linkReason(c: ConnectionView): Reason | null {
  if (c.state.kind !== "backingOff" && c.state.kind !== "halted") return null;
  if (c.state.fault.code === "GUARD_REJECTED" || c.state.fault.code === "RESTORE_REQUIRED") return null;
  const { code, message } = c.state.fault;
  const fault = { code, message, since: c.stateSince };
  const peer = `peer ${c.record.peer}`;
  if (c.state.kind === "backingOff") {
    return { ...fault, object: peer, next: "connects again by itself; changes are logged meanwhile", nextAt: c.retryAt, command: "sm peer list" };
  }
  if (!c.isSourceHalted) {
    return { ...fault, object: peer, next: "waits for a person; changes are logged meanwhile", nextAt: null, command: `sm mirror start ${c.record.id}` };
  }
  const object = c.record.mappings.map((mapping) => mapping.source).join(", ");
  const next = "looked at again every second, and goes on by itself with a mirror; nothing is replicated as deleted";
  return { ...fault, object, next, nextAt: null, command: `sm disconnect ${c.record.id}` };
}

function stateReason({ keeper, record }: ConnectionView): Reason | null {
  if (keeper.fault === null) return null;
  const next = "tried again every second; replication goes on";
  return {
    code: "STATE_NOT_SAVED",
    message: keeper.fault.message,
    object: `connection ${record.id}`,
    since: keeper.fault.since,
    next,
    nextAt: null,
    command: null,
  };
}

function mirrorReason({ record, mirror, guard }: ConnectionView): Reason | null {
  const need = record.mirrorNeed;
  if (mirror.isPaused) return pausedReason(record);
  if (need === null || mirror.isRunning || guard.isRejected) return null;
  if (need.isScan === true) return scanReason(record, need);
  const byHand = record.options.replicate ? "a mirror must be started by hand" : "a mirror starts with replication, or by hand";
  return {
    code: "MIRROR_REQUIRED",
    message: need.message,
    object: `connection ${record.id}`,
    since: need.since,
    next: need.isAutomatic ? "a mirror starts as soon as the target is connected" : byHand,
    nextAt: null,
    command: `sm mirror start ${record.id}`,
  };
}

function scanReason({ id, checkpoint }: ConnectionRecord, { message, since }: MirrorNeed): Reason {
  const from = checkpoint === null ? "before" : new Date(checkpoint.mark.untilMs).toISOString();
  const next = "it is looked for when the target is connected; only that is compared";
  const object = `connection ${id}`;
  return { code: "REPAIRING", message: `${message}: what changed since ${from}`, object, since, next, nextAt: null, command: `sm connection show ${id}` };
}

function pausedReason({ id, mirrorNeed, partMirror }: ConnectionRecord): Reason {
  const { since = "", percent = null } = (mirrorNeed ?? partMirror)?.paused ?? {};
  return {
    code: "MIRROR_PAUSED",
    message: `the mirror was paused by hand${percent === null ? "" : ` at ${percent} %`}; replication goes on`,
    object: `connection ${id}`,
    since,
    next: "it goes on where it was when it is resumed, also after restarts",
    nextAt: null,
    command: `sm mirror resume ${id}`,
  };
}

function repairReason({ pendingRepairs, record, stateSince, state, options, restart }: ConnectionView): Reason | null {
  if (pendingRepairs === 0) return null;
  const { places, files, bytes, since } = options.places.figures;
  const what = `repairing ${pendingRepairs} places (${files} files, ${bytes} bytes of changes)`;
  const compared =
    places === 0
      ? `${pendingRepairs} places may differ from what was replicated and are being compared`
      : `${pendingRepairs} places that differ, or may, are being repaired`;
  const message = files === 0 ? compared : `${what}: the queue was full`;
  return {
    code: "REPAIRING",
    message:
      restart.sinceMs === null
        ? message
        : `the agent was restarted: ${pendingRepairs} places that changed since ${new Date(restart.sinceMs).toISOString()} are compared`,
    object: `connection ${record.id}`,
    since: since ?? stateSince,
    next:
      state.kind === "streaming"
        ? "they are repaired in the background, behind what is queued"
        : "they are repaired when the target is connected; nothing else is mirrored",
    nextAt: null,
    command: `sm connection show ${record.id}`,
  };
}

function heldReason({ quarantine, record }: ConnectionView): Reason | null {
  return quarantineReason(quarantine.news, { object: `connection ${record.id}`, where: ` on ${record.peer}` });
}

function sweepReason({ id, sweep }: ConnectionRecord): Reason | null {
  if (sweep == null) return null;
  return {
    code: "ORPHANS_WAITING",
    message: `orphans are still to be looked for, behind ${sweep.behind.kind === "mirror" ? "a mirror" : `verification ${sweep.behind.id}`}`,
    object: `connection ${id}`,
    since: sweep.since,
    next: "begins as soon as the target is connected and no mirror or job runs",
    nextAt: null,
    command: "sm job list",
  };
}

function problemReason({ problems, record, stateSince }: ConnectionView): Reason | null {
  if (problems.count === 0) return null;
  const last = problems.list().at(-1);
  return {
    code: "PROBLEMS",
    message: `${problems.count} files could not be carried over; last: ${last?.path ?? ""}: ${last?.message ?? ""}`,
    object: last?.path ?? "",
    since: last?.at ?? stateSince,
    next: "a mirror tries them again",
    nextAt: null,
    command: `sm connection show ${record.id}`,
  };
}
