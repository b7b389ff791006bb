// What the control plane (command table) asks of a running agent. Implemented by the composition root.
// Every method returns or rejects with SmError within its deadline; none waits for ever.

import type { AuditControl } from "./audit.js";
import type { Peer, PeerAddress } from "./channel-port.js";
import type { ConfigControl } from "./config-control.js";
import type { ConnectionPatch, ConnectOptions, GuardChange, Mapping } from "./connection-spec.js";
import type { PathExplanation } from "./explanation.js";
import type { HookControl } from "./hook.js";
import type { JobControl, JobReport } from "./job.js";
import type { LogControl } from "./log-entry.js";
import type { MirrorWish } from "./mirror-wish.js";
import type { RulePlan } from "./plan.js";
import type { QueueLimitsChange, QueueReport } from "./queue.js";
import type { RestoreStart } from "./restore.js";
import type { RepsetData, Rule } from "./rule.js";
import type { SimulationControl } from "./simulation.js";
import type { ConnectionReport, MirrorReport, StatusReport, TargetConnectionReport } from "./status.js";
import type { TaskControl } from "./task.js";
import type { TransmissionControl } from "./transmission-report.js";
import type { UserControl } from "./user.js";
import type { VerificationControl } from "./verification-control.js";

export interface RepsetSize {
  readonly files: number;
  readonly directories: number;
  readonly bytes: number;
  readonly problems: number;
  /** False: it is still being counted. */
  readonly isComplete: boolean;
}

/** The longest that a size is waited for. */
export const SIZE_MS_MAX = 600_000;

/** The outcome of a save: the set as saved, and the rules that were dropped as redundant (HP guide p. 4-2). */
export interface RepsetSaved {
  readonly repset: RepsetData;
  readonly dropped: readonly { readonly rule: Rule; readonly reason: string }[];
}

export type RuleEdit =
  | { readonly kind: "add"; readonly rule: Rule }
  | { readonly kind: "remove"; readonly path: string; readonly mode?: Rule["mode"] | undefined };

export interface RepsetControl {
  list(): Promise<readonly RepsetData[]>;
  show(name: string): Promise<RepsetData>;
  create(name: string, rules: readonly Rule[]): Promise<RepsetSaved>;
  /** All rules at once; `generation` as with a rule. */
  save(name: string, rules: readonly Rule[], generation?: number): Promise<RepsetSaved>;
  remove(name: string): Promise<void>;
  rename(name: string, to: string): Promise<RepsetData>;
  copy(name: string, to: string): Promise<RepsetData>;
  /** `generation` undefined = on top of whatever is there now. */
  addRule(name: string, rule: Rule, generation?: number): Promise<RepsetSaved>;
  removeRule(name: string, path: string, mode: Rule["mode"] | undefined, generation?: number): Promise<RepsetSaved>;
  /** What the edit would do; nothing is saved. Rejects as the edit itself would. */
  planRules(name: string, edit: RuleEdit, options: { readonly generation: number | undefined; readonly namesMax: number }): Promise<RulePlan>;
  /** What is counted after `waitMs`; without it, the whole, or TIMEOUT. A walk that nobody asks for any more ends. */
  size(name: string, waitMs?: number): Promise<RepsetSize>;
}

export interface ConnectRequest {
  readonly repset: string;
  /** Peer name, "localhost" for this agent itself, or "tdu": a simulation, which stores nothing. */
  readonly target: string;
  /** How source paths map to the target: explicit pairs, the same paths, or all below one directory. */
  readonly map:
    | { readonly kind: "pairs"; readonly pairs: readonly Mapping[] }
    | { readonly kind: "exact" }
    /** There is no place: of a simulation. */
    | { readonly kind: "none" }
    | { readonly kind: "base"; readonly directory: string };
  readonly options: ConnectOptions;
}

export interface ConnectionControl {
  connect(request: ConnectRequest): Promise<ConnectionReport>;
  /** Resolves with whether the target knows already; else it is told as soon as it can be. */
  disconnect(id: number): Promise<{ readonly isTargetTold: boolean }>;
  list(): Promise<readonly ConnectionReport[]>;
  show(id: number): Promise<ConnectionReport>;
  /** In effect when it resolves, without a mirror; kept over restarts. */
  setOptions(id: number, patch: ConnectionPatch): Promise<ConnectionReport>;
  /** Resolves when all that was on the source at the call is on the target; rejects with TIMEOUT. */
  /** `endsWhenStuck`: rejects, too, when the connection needs a person first (model/stuck-connection). */
  sync(id: number, timeoutMs: number, endsWhenStuck: boolean): Promise<ConnectionReport>;
  /** Sends what a held connection holds back. */
  approve(id: number): Promise<ConnectionReport>;
  /** Never sends it: the target stays as it is until a mirror is started. */
  reject(id: number): Promise<ConnectionReport>;
  setGuard(id: number, guards: GuardChange): Promise<ConnectionReport>;
  /** Starts a mirror; resolves at once with its first report. */
  startMirror(id: number, wish: MirrorWish): Promise<MirrorReport>;
  pauseMirror(id: number, isPaused: boolean): Promise<MirrorReport>;
  stopMirror(id: number): Promise<MirrorReport>;
  /** Resolves when mirror `mirrorId` of the connection has ended, or after `timeoutMs` with the report of then. */
  waitMirror(id: number, mirrorId: number, timeoutMs: number): Promise<MirrorReport>;
}

export interface ReplicationControl {
  /** On record when it resolves. What was on the source at the call is still sent; what changes from then on is not, and not queued. */
  stop(id: number): Promise<ConnectionReport>;
  /** Replicates again, and owes a mirror of what changed meanwhile; `mirrors`: it begins by itself. */
  start(id: number, mirrors: boolean): Promise<ConnectionReport>;
}

export interface BootstrapToken {
  /** One line of base64. */
  readonly token: string;
  /** ISO 8601. */
  readonly expiresAt: string;
}

export interface PeerReport extends Peer {
  /** Result of the last contact. */
  readonly reachable: boolean | null;
}

/** What this agent shows its peers. They pin it by its fingerprint, so that its dates end nothing. */
export interface IdentityReport {
  readonly fingerprint: string;
  /** ISO 8601. */
  readonly validFrom: string;
  readonly validTo: string;
  /** A new key that is to take the place of this one; null while there is none. */
  readonly rotation: KeyRotationReport | null;
}

/** A peer that has not taken the new certificate, and what came of the last attempt; null: none was made yet. */
export interface WaitingPeer {
  readonly name: string;
  readonly why: string | null;
}

export interface KeyRotationReport {
  /** Of the new certificate. */
  readonly fingerprint: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** When the old key goes, whoever waits then. */
  readonly until: string;
  readonly waiting: readonly WaitingPeer[];
}

export interface KeyRotated {
  /** What this agent is known by: from now on, or as soon as a rotation that goes on has ended. */
  readonly fingerprint: string;
  readonly former: string;
  /** Null: the old key is gone. */
  readonly rotation: KeyRotationReport | null;
  /** Peers that the old key was taken from too early: they are to be paired anew. */
  readonly pairAnew: readonly string[];
}

export interface PeerControl {
  identity(): IdentityReport;
  list(): Promise<readonly PeerReport[]>;
  /** Makes a single-use token that names this agent `siteName`. */
  bootstrapCreate(request: {
    readonly siteName: string | undefined;
    readonly addresses: readonly PeerAddress[];
    readonly ttlSeconds: number;
  }): Promise<BootstrapToken>;
  /** Redeems a token made on the peer, pins both ways, and proves the link by a round trip (ms). */
  bootstrapImport(request: {
    readonly token: string;
    readonly siteName: string | undefined;
  }): Promise<{ readonly peer: PeerReport; readonly roundTripMs: number }>;
  /**
   * Makes a new key, or goes on with the one that is announced: tells the peers at once, and removes the old key when all have confirmed
   * the new one, or when `overlapSeconds` are over. With `isForced` it is removed before this resolves.
   */
  rotate(request: { readonly isForced: boolean; readonly overlapSeconds: number | undefined }): Promise<KeyRotated>;
  /** Revokes a peer: its channels are closed at once, so many sockets, and it is refused from now on. */
  remove(name: string): Promise<{ readonly closedChannels: number }>;
}

/** Which connections of this agent's target: undefined = all. `source` tells those of the same number apart. */
export interface TargetChoice {
  readonly connectionId?: number | undefined;
  readonly source?: string | undefined;
}

export interface TargetControl {
  /** What is being applied is completed: the report says when nothing is any more. */
  pause(choice: TargetChoice): Promise<readonly TargetConnectionReport[]>;
  resume(choice: TargetChoice): Promise<readonly TargetConnectionReport[]>;
  /** Forgets connections whose source is gone, as they are reported; their data stays. Rejects with SOURCE_CONNECTED while it is there. */
  forget(choice: TargetChoice & { readonly connectionId: number }): Promise<readonly TargetConnectionReport[]>;
}

export interface QueueControl {
  /** `connectionId`: only this one, and its set. */
  show(connectionId?: number): Promise<QueueReport>;
  /** Sets limits of every queue at once and for good; null = those of the configuration again. */
  set(change: QueueLimitsChange | null): Promise<QueueReport>;
}

/** Data that comes back from copies. */
export interface RestoreControl {
  /** Begins one; resolves with the first report of its job. */
  start(wish: RestoreStart): Promise<JobReport>;
  /** Ends those of a set, null = all. */
  stop(repset: string | null): Promise<readonly JobReport[]>;
}

/** One path of this target that refused a change. */
export interface QuarantineEntry {
  /** Of the source. */
  readonly connectionId: number;
  readonly source: string;
  readonly repset: string;
  /** On this target, absolute. */
  readonly path: string;
  readonly code: string;
  readonly message: string;
  /** ISO 8601. */
  readonly since: string;
  /** dropped = a mirror is owed for it, which a person starts on the source. */
  readonly state: "retrying" | "quarantined" | "dropped";
  /** ISO 8601; null = being compared, by hand only, or not known. */
  readonly nextAt: string | null;
  /** Its repair takes a mirror of the connection. */
  readonly needsMirror: boolean;
}

/** The quarantine of this agent as a target. */
export interface QuarantineControl {
  list(): Promise<readonly QuarantineEntry[]>;
  /** Tries again now, or gives up; `path` as listed, null = all. Resolves with what it concerns. */
  order(order: "retry" | "drop", path: string | null): Promise<readonly QuarantineEntry[]>;
}

export interface AgentControl {
  readonly repsets: RepsetControl;
  readonly connections: ConnectionControl;
  readonly replication: ReplicationControl;
  readonly transmission: TransmissionControl;
  readonly tasks: TaskControl;
  readonly hooks: HookControl;
  readonly targets: TargetControl;
  readonly peers: PeerControl;
  readonly users: UserControl;
  readonly queue: QueueControl;
  readonly config: ConfigControl;
  readonly quarantine: QuarantineControl;
  readonly jobs: JobControl;
  readonly verification: VerificationControl;
  readonly simulation: SimulationControl;
  readonly restores: RestoreControl;
  readonly log: LogControl;
  readonly audit: AuditControl;
  /** `path` absolute, as text. */
  explain(path: string): Promise<PathExplanation>;
  status(): StatusReport;
  /** Resolves with the report as soon as its index is above `since`, or after `timeoutMs` with the current one. */
  waitStatus(since: number, timeoutMs: number): Promise<StatusReport>;
  /** Orderly stop: drains within the deadline, then the process ends. */
  stop(): Promise<void>;
}
