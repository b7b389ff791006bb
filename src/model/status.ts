// The one report type about connections: what the CLI prints, what the API answers, what tests wait on.
// Words of the HP guide pp. 9-2 to 9-4. Every state that is not fine carries a Reason.

import type { AuditFigures, CaptureCoverage } from "./capture-port.js";
import type { Compression } from "./compression.js";
import type { ConfigStatus } from "./config-control.js";
import type { Mapping } from "./connection-spec.js";
import type { DirtyFigures } from "./dirty-place.js";
import type { MirrorContent } from "./mirror-wish.js";
import type { OrphanAction } from "./orphans.js";
import type { ScrubReport } from "./scrub.js";
import type { SocketsReport } from "./sockets.js";
import type { VerifyPlanReport } from "./verify-schedule.js";

/** Why something is not fine: what, since when, what happens next and when, which command helps. */
export interface Reason {
  readonly code: string;
  readonly message: string;
  /** Path, peer or file concerned. */
  readonly object: string;
  /** ISO 8601. */
  readonly since: string;
  readonly next: string;
  /** ISO 8601, or null when nothing is scheduled. */
  readonly nextAt: string | null;
  readonly command: string | null;
}

/** "Simulated": there is no target, and no data. */
export type TargetDataState = "OK" | "Mirroring" | "Mirror Required" | "Repairing" | "Restore Required" | "Simulated";
export type TargetStatus = "OK" | "Not Loaded" | "Pause Pending" | "Paused" | "Retrying" | "Not Connected" | "Unreachable";
export type TransmitMode = "Started" | "Paused" | "Scheduled" | "Stopped" | "Error";
export type MirrorStatus = "Idle" | "Calculating" | "Mirroring" | "Paused" | "Waiting";
export type ReplicationStatus = "Replicating" | "Ready" | "Stopped" | "Pending";

/** The orphans job behind a mirror; "dropped": the mirror did not come to its end. */
export interface SweepReport {
  readonly action: OrphanAction;
  readonly state: "waiting" | "begun" | "dropped";
  readonly job: number | null;
}

export interface MirrorReport {
  readonly status: MirrorStatus;
  readonly mode: "full" | "difference" | null;
  readonly content: MirrorContent;
  readonly newerOnly: boolean;
  /** Nothing that the target has is overwritten. */
  readonly missingOnly: boolean;
  /** Files without content are left out. */
  readonly skipsEmpty: boolean;
  /** The paths that alone are mirrored; null = the whole set. */
  readonly paths: readonly string[] | null;
  readonly id: number;
  /** 0…100; null when the size was not calculated. Reaches 100 when done; of a paused one, where it was when it was paused. */
  readonly percent: number | null;
  readonly bytesTotal: number;
  readonly bytesDone: number;
  readonly bytesSkipped: number;
  readonly filesTotal: number;
  readonly filesDone: number;
  /** Null = it does not run, or its size was not calculated. */
  readonly filesRemaining: number | null;
  readonly bytesRemaining: number | null;
  /** Of what is sent, just now. Null = it does not run. */
  readonly bytesPerSecond: number | null;
  /** Until it is done, as it goes. Null = not known: it does not run or is paused, too little is done, or its size was not calculated. */
  readonly secondsLeft: number | null;
  readonly orphans: number;
  readonly orphanNames: readonly string[];
  /** Files that the mirror let be, as it was asked to, and the first of their paths. */
  readonly leftAlone: number;
  /** How many of them for being empty. */
  readonly leftEmpty: number;
  readonly leftAloneNames: readonly string[];
  /** The hook that must end before it begins; null = none. */
  readonly waitsForHook: string | null;
  /** Null = it has none. */
  readonly sweep: SweepReport | null;
  readonly problems: readonly ProblemReport[];
  readonly problemCount: number;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly outcome: "running" | "done" | "stopped" | "failed" | null;
}

export interface ProblemReport {
  readonly path: string;
  readonly code: string;
  readonly message: string;
  readonly at: string;
}

/** The last state that the source had and the target was brought to. */
export interface ConsistencyReport {
  /** The change set that completed it; 0 = there was none. */
  readonly seq: number;
  /** ISO 8601, by the source's clock: when the source had it. Null = there was none. */
  readonly at: string | null;
  /** Age of the oldest change that is not part of it, in ms; 0 when there is none. */
  readonly lagMs: number;
  /** Why the target is not at that state, or at none; null = it is, or is on its way to the next. */
  readonly reason: Reason | null;
}

/** Whether a connection is held back because its source lost or overwrote too many files at once. */
export interface GuardReport {
  readonly state: "off" | "watching" | "held" | "rejected";
  /** The thresholds; null = off. */
  readonly lostPercent: number | null;
  readonly lostFiles: number | null;
  readonly changedPercent: number | null;
  /** Which of them was crossed. */
  readonly crossed: "lost" | "changed" | null;
  /** What was lost, and overwritten, of how many files, from which set on, and when that was noticed; 0 and null = nothing is held. */
  readonly lost: number;
  readonly changed: number;
  readonly files: number | null;
  readonly fromSeq: number | null;
  /** ISO 8601. */
  readonly since: string | null;
}

/** Places that may differ from what was replicated. All but `pending` tell of those that a full queue left behind. */
export interface RepairReport extends DirtyFigures {
  readonly pending: number;
}

export interface ConnectionReport {
  readonly id: number;
  readonly repset: string;
  readonly target: string;
  readonly targetAddress: string;
  /** There is no target: nothing is stored anywhere. */
  readonly isSimulated: boolean;
  readonly mappings: readonly Mapping[];
  readonly state: string;
  readonly targetDataState: TargetDataState;
  readonly targetStatus: TargetStatus;
  readonly commitMode: "Real-time" | "Scheduled";
  readonly transmitMode: TransmitMode;
  readonly mirror: MirrorReport;
  readonly replicationStatus: ReplicationStatus;
  readonly queuedOps: number;
  readonly sentBytes: number;
  readonly sentCompressedBytes: number;
  /** The level wanted. */
  readonly compression: Compression;
  /** That level, or the highest below it that the target reads; null while no socket is there. */
  readonly compressionInUse: Compression | null;
  /** Null while no socket is there. */
  readonly sockets: SocketsReport | null;
  readonly intermediateQueueBytes: number;
  readonly diskQueueBytes: number;
  readonly queuedReplicationBytes: number;
  readonly queuedReplicationOps: number;
  readonly sentReplicationBytes: number;
  readonly sentCompressedReplicationBytes: number;
  readonly queuedMirrorOps: number;
  readonly sentMirrorBytes: number;
  readonly sentCompressedMirrorBytes: number;
  readonly skippedMirrorBytes: number;
  readonly remainingMirrorBytes: number;
  readonly repair: RepairReport;
  readonly lastFileTouched: string;
  /** ISO 8601; null while no socket is there. */
  readonly connectedSince: string | null;
  readonly appliedSeq: number;
  readonly durableSeq: number;
  readonly lastSeq: number;
  /** Age of the oldest change not yet applied, in ms; 0 when there is none. */
  readonly lagMs: number;
  readonly consistency: ConsistencyReport;
  readonly guard: GuardReport;
  /** Verifications that begin by themselves. */
  readonly verifyPlan: VerifyPlanReport;
  readonly scrub: ScrubReport;
  readonly problems: readonly ProblemReport[];
  readonly problemCount: number;
  readonly reasons: readonly Reason[];
}

export interface TargetConnectionReport {
  readonly connectionId: number;
  readonly source: string;
  readonly repset: string;
  readonly mappings: readonly Mapping[];
  readonly online: boolean;
  readonly appliedSeq: number;
  readonly durableSeq: number;
  readonly receivedBytes: number;
  /** Nothing is applied, by a person's word; pending while what was in progress is completed. */
  readonly pause: "no" | "pending" | "paused";
  readonly consistency: ConsistencyReport;
  readonly reasons: readonly Reason[];
}

export interface CaptureReport {
  readonly repset: string;
  readonly state: "Arming" | "Scanning" | "Watching" | "Halted";
  readonly files: number;
  readonly bytes: number;
  readonly coverage: CaptureCoverage;
  /** null where walks do that. */
  readonly audit: AuditFigures | null;
  readonly reasons: readonly Reason[];
}

/** A connection that was ended on this source, and whose target has not heard of it yet. */
export interface GoodbyeReport {
  readonly connectionId: number;
  readonly repset: string;
  readonly target: string;
  /** Where it wrote to. */
  readonly places: readonly string[];
  /** ISO 8601: when it was disconnected. */
  readonly since: string;
  readonly reason: Reason;
}

export interface StatusReport {
  readonly agent: {
    readonly pid: number;
    readonly version: string;
    readonly name: string;
    readonly startedAt: string;
    readonly listen: string;
    readonly memoryBytes: number;
    /** What concerns the agent as a whole. */
    readonly reasons: readonly Reason[];
  };
  /** Grows with every change of the report: pass it as `since` to wait for the next one. */
  readonly index: number;
  readonly connections: readonly ConnectionReport[];
  readonly targets: readonly TargetConnectionReport[];
  readonly captures: readonly CaptureReport[];
  readonly goodbyes: readonly GoodbyeReport[];
  readonly config: ConfigStatus;
}
