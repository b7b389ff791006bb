// What the main thread and the apply worker say to each other.

import type { Answer } from "../model/change.js";
import type { Mapping } from "../model/connection-spec.js";
import type { Rule } from "../model/rule.js";
import type { Retrying } from "../model/session.js";
import type { Begun, DurablePoint } from "./apply-engine.js";
import type { DurableState } from "./durable-file.js";

export interface ApplyWorkerData {
  readonly stateDirectory: string;
  readonly epoch: string;
  readonly mappings: readonly Mapping[];
  readonly rules: readonly Rule[];
  readonly remapLinks: boolean;
  readonly retryInitialMs: number;
  readonly retryMaxMs: number;
  readonly failpoint: string | null;
}

export type ToApplyWorker =
  | { readonly kind: "set"; readonly frame: Uint8Array }
  | { readonly kind: "durable"; readonly state: DurableState }
  /** What was received is applied first; a set that is blocked stays where it is. */
  | { readonly kind: "close" };

export interface ErrorData {
  readonly code: string;
  readonly message: string;
}

export type FromApplyWorker =
  | { readonly kind: "opened"; readonly begun: Begun }
  | {
      readonly kind: "progress";
      readonly appliedSeq: number;
      /** Of the frames finished since the last message. */
      readonly bytes: number;
      readonly answers: readonly Answer[];
      readonly retrying: Retrying | null;
      readonly point: DurablePoint;
    }
  | { readonly kind: "failed"; readonly error: ErrorData }
  | { readonly kind: "closed"; readonly point: DurablePoint | null };

export type ToDurabilityWorker = { readonly kind: "sync"; readonly point: DurablePoint };

export type FromDurabilityWorker = { readonly kind: "synced"; readonly state: DurableState } | { readonly kind: "failed"; readonly error: ErrorData };
