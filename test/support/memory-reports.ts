// Reports as an agent in memory begins with them.

import type { ReloadReport, SettingReport } from "../../src/model/config-control.js";
import type { SimulationRow } from "../../src/model/simulation-row.js";
import type { CaptureReport, ConnectionReport, MirrorReport } from "../../src/model/status.js";
import type { TransmissionReport } from "../../src/model/transmission-report.js";

export const SINCE = "2026-01-02T03:04:05.000Z";

export function idleMirror(overrides: Partial<MirrorReport> = {}): MirrorReport {
  return {
    status: "Idle",
    mode: null,
    content: "times",
    newerOnly: false,
    missingOnly: false,
    skipsEmpty: false,
    paths: null,
    id: 0,
    percent: null,
    bytesTotal: 0,
    bytesDone: 0,
    bytesSkipped: 0,
    filesTotal: 0,
    filesDone: 0,
    filesRemaining: null,
    bytesRemaining: null,
    bytesPerSecond: null,
    secondsLeft: null,
    orphans: 0,
    orphanNames: [],
    leftAlone: 0,
    leftEmpty: 0,
    waitsForHook: null,
    leftAloneNames: [],
    sweep: null,
    problems: [],
    problemCount: 0,
    startedAt: null,
    finishedAt: null,
    outcome: null,
    ...overrides,
  };
}

export function connectionReport(overrides: Partial<ConnectionReport> = {}): ConnectionReport {
  return {
    id: 1,
    repset: "home",
    target: "beta",
    targetAddress: "10.0.0.2:1500",
    isSimulated: false,
    mappings: [{ source: "/home", target: "/backup/home" }],
    state: "replicating",
    targetDataState: "OK",
    targetStatus: "OK",
    commitMode: "Real-time",
    transmitMode: "Started",
    mirror: idleMirror(),
    replicationStatus: "Replicating",
    queuedOps: 0,
    sentBytes: 0,
    sentCompressedBytes: 0,
    compression: "off",
    compressionInUse: "off",
    sockets: { open: 1, why: "automatic: a round trip takes 1 ms, one is enough for that" },
    intermediateQueueBytes: 0,
    diskQueueBytes: 0,
    queuedReplicationBytes: 0,
    queuedReplicationOps: 0,
    sentReplicationBytes: 0,
    sentCompressedReplicationBytes: 0,
    queuedMirrorOps: 0,
    sentMirrorBytes: 0,
    sentCompressedMirrorBytes: 0,
    skippedMirrorBytes: 0,
    remainingMirrorBytes: 0,
    repair: { pending: 0, places: 0, files: 0, bytes: 0, since: null },
    lastFileTouched: "",
    connectedSince: SINCE,
    appliedSeq: 0,
    durableSeq: 0,
    lastSeq: 0,
    lagMs: 0,
    consistency: { seq: 0, at: null, lagMs: 0, reason: null },
    scrub: { settings: null, state: "off", waitsFor: null, verifiedSince: null, lastRound: null, round: null, nextRoundAt: null },
    verifyPlan: { schedule: null, due: null, lastRun: null, skipped: 0, lastSkip: null, nextRuns: [] },
    guard: {
      state: "off",
      lostPercent: null,
      lostFiles: null,
      changedPercent: null,
      crossed: null,
      lost: 0,
      changed: 0,
      files: null,
      fromSeq: null,
      since: null,
    },
    problems: [],
    problemCount: 0,
    reasons: [],
    ...overrides,
  };
}

/** Ten seconds in which 1 MiB changed, of a set of 100 MiB; text, by the samples. */
export function simulationRow(overrides: Partial<SimulationRow> = {}): SimulationRow {
  const sample = { bytes: 1000, levels: { lz4: { bytes: 500, cpuUs: 10 }, brotli: { bytes: 200, cpuUs: 100 } } };
  return {
    ...{ endMs: Date.parse(SINCE), seconds: 10, changes: 12, bytes: 1_048_576, sentBytes: 1_048_576, wireBytes: 1_048_576 },
    ...{ mirrorBytes: 0, mirrorWireBytes: 0, queueBytes: 4096, lagMs: 20, setFiles: 40, setBytes: 104_857_600 },
    ...{ live: sample, mirror: sample },
    ...overrides,
  };
}

export function captureReport(repset: string, overrides: Partial<CaptureReport> = {}): CaptureReport {
  return {
    repset,
    state: "Watching",
    files: 12,
    bytes: 3_500_000,
    coverage: {
      tier: 4,
      source: "chokidar",
      why: "The account is not root.",
      blindSpots: ["Writes through mmap are seen when the file is closed."],
      directoriesWatched: 3,
      directoriesTotal: 3,
      walkSeconds: 0,
      advice: null,
      events: 0,
      losses: 0,
    },
    audit: null,
    reasons: [],
    ...overrides,
  };
}

export function transmissionReport(connectionId: number, overrides: Partial<TransmissionReport> = {}): TransmissionReport {
  return {
    connectionId,
    mode: "Started",
    commitMode: "Real-time",
    manual: "started",
    manualSince: "",
    schedule: null,
    isWindowOpen: true,
    session: null,
    nextStart: null,
    limit: { standing: null, times: [] },
    bytesPerSecondNow: null,
    measured: null,
    isMeasuring: false,
    rateNow: null,
    queuedBytes: 0,
    queuedOps: 0,
    reasons: [],
    ...overrides,
  };
}

export function settingReport(key: string): SettingReport {
  return {
    ...{ key, value: 64, preset: 128, from: "file", place: "/etc/sm/sm.yaml:3:14", variable: "SM_QUEUE_MEMORY_MIB", effect: "now", next: null },
    ...{ pending: null, expected: "a whole number from 1 to 16777216", reason: "holds seconds of a busy server's changes" },
  };
}

export function reloadReport(overrides: Partial<ReloadReport> = {}): ReloadReport {
  return { isDryRun: false, settings: [], repsets: [], connections: [], needsRestart: [], warnings: [], ...overrides };
}
