// The counters of an agent as figures: what they are, and what they grew by in a second. Pure.

import type { StatusReport } from "../../model/status.js";

export interface ConnectionStatistics {
  readonly id: number;
  readonly repset: string;
  readonly target: string;
  readonly state: string;
  readonly queuedOps: number;
  readonly queuedBytes: number;
  readonly lagMs: number;
  /** Since the connection began or its agent started; what went over the wire is less with compression. */
  readonly sentBytes: number;
  readonly sentWireBytes: number;
  readonly sentMirrorBytes: number;
  readonly skippedMirrorBytes: number;
  readonly appliedSets: number;
  /** Over the interval; null = there is none yet. */
  readonly sentBytesPerSecond: number | null;
  readonly wireBytesPerSecond: number | null;
  readonly setsPerSecond: number | null;
}

export interface TargetStatistics {
  readonly connectionId: number;
  readonly repset: string;
  readonly source: string;
  readonly receivedBytes: number;
  readonly appliedSets: number;
  readonly receivedBytesPerSecond: number | null;
}

export interface Statistics {
  /** ISO 8601, by the clock of who asked. */
  readonly at: string;
  /** Null = no interval: the figures are since the start. */
  readonly seconds: number | null;
  readonly agent: { readonly name: string; readonly memoryBytes: number };
  readonly connections: readonly ConnectionStatistics[];
  readonly targets: readonly TargetStatistics[];
}

/** A report and when it was taken. */
export interface Sample {
  readonly report: StatusReport;
  readonly atMs: number;
}

/** `id`: of one connection only, and then of no target. */
export function statisticsOf(now: Sample, before: Sample | null, id?: number): Statistics {
  const seconds = before === null ? null : (now.atMs - before.atMs) / 1000;
  const isSameAgent = before?.report.agent.startedAt === now.report.agent.startedAt;
  const rate = (value: number, old: number | undefined): number | null =>
    seconds === null || seconds <= 0 || !isSameAgent || old === undefined || value < old ? null : (value - old) / seconds;
  const { agent, connections, targets } = now.report;
  return {
    at: new Date(now.atMs).toISOString(),
    seconds,
    agent: { name: agent.name, memoryBytes: agent.memoryBytes },
    connections: connections
      .filter((connection) => id === undefined || connection.id === id)
      .map((connection) => {
        const old = before?.report.connections.find((candidate) => candidate.id === connection.id);
        const { repset, target, state, queuedOps, lagMs, sentBytes, sentMirrorBytes, skippedMirrorBytes } = connection;
        return {
          ...{ id: connection.id, repset, target, state, queuedOps, lagMs, sentBytes, sentMirrorBytes, skippedMirrorBytes },
          queuedBytes: connection.intermediateQueueBytes + connection.diskQueueBytes,
          sentWireBytes: connection.sentCompressedBytes,
          appliedSets: connection.appliedSeq,
          sentBytesPerSecond: rate(sentBytes, old?.sentBytes),
          wireBytesPerSecond: rate(connection.sentCompressedBytes, old?.sentCompressedBytes),
          setsPerSecond: rate(connection.appliedSeq, old?.appliedSeq),
        };
      }),
    targets: (id === undefined ? targets : []).map(({ connectionId, repset, source, receivedBytes, appliedSeq }) => {
      const old = before?.report.targets.find((candidate) => candidate.connectionId === connectionId && candidate.source === source);
      return { connectionId, repset, source, receivedBytes, appliedSets: appliedSeq, receivedBytesPerSecond: rate(receivedBytes, old?.receivedBytes) };
    }),
  };
}
