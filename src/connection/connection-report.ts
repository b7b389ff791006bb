// The connection in the words of the HP guide pp. 9-2 to 9-4, each state that is not fine with its reason.

import { displayPath } from "../model/byte-path.js";
import type { ConnectionReport, Reason, ReplicationStatus, TargetDataState, TargetStatus, TransmitMode } from "../model/status.js";
import type { SourceConnection } from "./source-connection.js";

export function reportConnection(c: SourceConnection): ConnectionReport {
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
    mappings: record.mappings,
    state: c.state.kind,
    targetDataState: dataState(c),
    targetStatus: targetStatus(c),
    commitMode: "Real-time",
    transmitMode: transmitMode(c),
    mirror: mirrorReport,
    replicationStatus: replicationStatus(c, backlog.records),
    queuedOps: backlog.records,
    sentBytes: counts.bytes,
    sentCompressedBytes: counts.wireBytes,
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
    lastFileTouched: displayPath(c.lastFile),
    connectedSince: c.channel === null ? null : new Date(c.channel.stats().connectedAtMs).toISOString(),
    appliedSeq: c.appliedSeq,
    durableSeq: c.durableSeq,
    lastSeq: stats.lastSeq,
    lagMs,
    problems: c.problems.list(),
    problemCount: c.problems.count,
    reasons: reasonsOf(c),
  };
}

function dataState(c: SourceConnection): TargetDataState {
  if (c.mirror.isRunning) return "Mirroring";
  return c.record.mirrorNeed !== null || c.pendingRepairs > 0 || !c.record.options.replicate || c.problems.count > 0 ? "Mirror Required" : "OK";
}

function targetStatus(c: SourceConnection): TargetStatus {
  if (c.state.kind !== "streaming") return "Unreachable";
  return c.retrying === null ? "OK" : "Retrying";
}

function transmitMode(c: SourceConnection): TransmitMode {
  switch (c.state.kind) {
    case "streaming":
      return "Started";
    case "stopped":
      return "Stopped";
    default:
      return "Error";
  }
}

function replicationStatus(c: SourceConnection, queued: number): ReplicationStatus {
  if (!c.record.options.replicate || c.state.kind === "stopped") return "Stopped";
  if (c.state.kind !== "streaming") return "Pending";
  return queued > 0 || c.appliedSeq < c.sentSeq ? "Replicating" : "Ready";
}

function reasonsOf(c: SourceConnection): readonly Reason[] {
  const out: Reason[] = [];
  const { id, peer } = c.record;
  if (c.state.kind === "backingOff" || c.state.kind === "halted") {
    const isHalted = c.state.kind === "halted";
    out.push({
      code: c.state.fault.code,
      message: c.state.fault.message,
      object: `peer ${peer}`,
      since: c.stateSince,
      next: isHalted ? "waits for a person; changes are logged meanwhile" : "connects again by itself; changes are logged meanwhile",
      nextAt: c.retryAt,
      command: isHalted ? `sm mirror start ${id}` : "sm peer list",
    });
  }
  if (c.stateFault !== null) {
    out.push({
      code: "STATE_NOT_SAVED",
      message: c.stateFault.message,
      object: `connection ${id}`,
      since: c.stateFault.since,
      next: "tried again every second; replication goes on",
      nextAt: null,
      command: null,
    });
  }
  const need = c.record.mirrorNeed;
  if (need !== null && !c.mirror.isRunning) {
    out.push({
      code: "MIRROR_REQUIRED",
      message: need.message,
      object: `connection ${id}`,
      since: need.since,
      next: need.isAutomatic ? "a mirror starts as soon as the target is connected" : "a mirror must be started by hand",
      nextAt: null,
      command: `sm mirror start ${id}`,
    });
  }
  if (c.pendingRepairs > 0) {
    out.push({
      code: "REPAIRING",
      message: `${c.pendingRepairs} places differ from what was replicated and are being compared`,
      object: `connection ${id}`,
      since: c.stateSince,
      next: "they are repaired in the background",
      nextAt: null,
      command: `sm connection show ${id}`,
    });
  }
  if (c.retrying !== null) {
    out.push({
      code: c.retrying.code,
      message: c.retrying.message,
      object: displayPath(c.retrying.path),
      since: new Date(c.retrying.sinceMs).toISOString(),
      next: `the target tries again (attempt ${c.retrying.attempts}); everything after it waits in order`,
      nextAt: null,
      command: null,
    });
  }
  if (c.problems.count > 0) {
    const last = c.problems.list().at(-1);
    out.push({
      code: "PROBLEMS",
      message: `${c.problems.count} files could not be carried over; last: ${last?.path ?? ""}: ${last?.message ?? ""}`,
      object: last?.path ?? "",
      since: last?.at ?? c.stateSince,
      next: "a mirror tries them again",
      nextAt: null,
      command: `sm connection show ${id}`,
    });
  }
  return out;
}
