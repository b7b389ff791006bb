// What an engine tells of its work.

import type { BytePath } from "../model/byte-path.js";
import type { Answer } from "../model/change.js";
import type { DurableState } from "./durable-file.js";
import type { SyncRound } from "./written-disks.js";

export interface Begun {
  readonly appliedSeq: number;
  readonly durableSeq: number;
  readonly resumed: boolean;
  readonly suspect: boolean;
  /** The stream that was given up for this one, and how far it was applied; null = there was none, or none is given up. */
  readonly before: { readonly epoch: string; readonly appliedSeq: number } | null;
  readonly empty: boolean;
  readonly limits: readonly string[];
}

export interface Blocked {
  readonly path: BytePath;
  /** Name of the errno, e.g. "ENOSPC". */
  readonly code: string;
  readonly message: string;
}

export type SetOutcome =
  | { readonly kind: "applied"; readonly seq: number; readonly answers: readonly Answer[] }
  /** Applied before: nothing was done. */
  | { readonly kind: "skipped"; readonly seq: number }
  /** Cannot go on now: call `retry` later; it goes on at the very change that failed. */
  | { readonly kind: "blocked"; readonly seq: number; readonly blocked: Blocked };

/** Everything the durability worker needs to make what is applied now survive a crash of the machine. */
export interface DurablePoint extends SyncRound {
  readonly state: DurableState;
  /** The durable point before it: what remains true when the sync fails. */
  readonly last: DurableState;
  readonly durablePath: string;
  /** When it was made (uptimeMs). */
  readonly madeMs: number;
  /** Directories (bytes) on the file systems that an earlier process may have written to. */
  readonly paths: readonly string[];
}
