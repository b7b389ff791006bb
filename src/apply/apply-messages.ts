// What the main thread and the apply worker say to each other.

import type { Answer, TaskChange } from "../model/change.js";
import type { Mapping } from "../model/connection-spec.js";
import type { Rule } from "../model/rule.js";
import type { ConsistencyPoint, CopyClaim, Mended, QuarantineNews, Retrying } from "../model/session.js";
import type { TaskResult } from "../model/task.js";
import type { Begun, DurablePoint } from "./apply-outcome.js";
import type { DurableState } from "./durable-file.js";
import type { OrphanPolicy } from "./orphan-desk.js";
import type { OrphanNews } from "./orphan-log.js";

/** What the target does about changes that one file or directory refuses. */
export interface QuarantinePolicy {
  /** Names of the errors that hold up one path only; every other one holds up everything, for ever. */
  readonly refusals: readonly string[];
  /** How long a path is tried often; null = for ever. */
  readonly limitMs: number | null;
  /** Between later retries; 0 = by hand only. */
  readonly retryMs: number;
}

export interface ApplyWorkerData {
  readonly stateDirectory: string;
  /** Null: only what an earlier process staged is completed. */
  readonly epoch: string | null;
  readonly stageBytesMax: number;
  readonly isSynced: boolean;
  readonly mappings: readonly Mapping[];
  readonly rules: readonly Rule[];
  /** Where each mapped source lies in the sense of the rules. */
  readonly ruleRoots: readonly string[];
  readonly remapLinks: boolean;
  readonly retryInitialMs: number;
  readonly retryMaxMs: number;
  readonly quarantine: QuarantinePolicy;
  readonly orphans: OrphanPolicy;
  readonly failpoint: string | null;
  readonly pulse: SharedArrayBuffer;
  /** It begins paused. */
  readonly isPaused: boolean;
}

export type ToApplyWorker =
  | { readonly kind: "set"; readonly frame: Uint8Array }
  | { readonly kind: "durable"; readonly state: DurableState; readonly round: number }
  | { readonly kind: "claim"; readonly claim: CopyClaim }
  /** Nothing more is begun; a state that is being applied is completed. */
  | { readonly kind: "pause"; readonly isPaused: boolean }
  | { readonly kind: "mended"; readonly mended: Mended }
  /** By hand; no ids = all. */
  | { readonly kind: "quarantine"; readonly order: "retry" | "drop"; readonly ids: readonly number[] | null }
  /** What became of the task that was due. */
  | { readonly kind: "taskDone"; readonly result: TaskResult }
  /** What was received is applied first; a set that is blocked stays where it is. */
  | { readonly kind: "close" };

export interface ErrorData {
  readonly code: string;
  readonly message: string;
}

export type FromApplyWorker =
  | { readonly kind: "opened"; readonly begun: Begun; readonly consistency: ConsistencyPoint }
  | {
      readonly kind: "progress";
      readonly appliedSeq: number;
      readonly takenSeq: number;
      readonly consistency: ConsistencyPoint;
      /** Source time of the oldest live change that came and is part of no complete state yet. */
      readonly openSinceMs: number | null;
      /** Why the stage cannot be written. */
      readonly stageFault: string | null;
      /** The stage is full of what waits to be synced: nothing goes on before. */
      readonly isWaitingForSync: boolean;
      /** Paused, and nothing is in progress any more. */
      readonly isPaused: boolean;
      /** Claims taken since the last message. */
      readonly claims: number;
      /** Of the frames worked off since the last message: applied, or held in the stage. */
      readonly bytes: number;
      /** Sets of live replication were among those applied since the last message. */
      readonly hasLive: boolean;
      readonly answers: readonly Answer[];
      readonly retrying: Retrying | null;
      /** Null: all that was applied is durable. */
      readonly point: DurablePoint | null;
    }
  | { readonly kind: "quarantine"; readonly news: QuarantineNews }
  | ({ readonly kind: "orphans" } & OrphanNews)
  /** It came, or all that was before it is applied: then nothing goes on before it is answered. `doubt` as in DueTask. */
  | { readonly kind: "task"; readonly moment: "receive" | "due"; readonly task: TaskChange; readonly doubt: string | null }
  /** `disks`, here and below: descriptors to be closed when nothing is synced any more. */
  | { readonly kind: "failed"; readonly error: ErrorData; readonly disks: readonly number[] }
  | { readonly kind: "closed"; readonly point: DurablePoint | null; readonly disks: readonly number[] };

export type ToDurabilityWorker = { readonly kind: "sync"; readonly point: DurablePoint } | { readonly kind: "close" };

export type FromDurabilityWorker =
  | { readonly kind: "synced"; readonly state: DurableState; readonly round: number }
  | { readonly kind: "failed"; readonly error: ErrorData };
