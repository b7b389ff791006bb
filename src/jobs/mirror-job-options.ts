import type { Clock } from "../base/clock.js";
import type { BytePath } from "../model/byte-path.js";
import type { CompareChange } from "../model/change.js";
import type { CompareRequest, MirrorEntry, MirrorTree } from "../model/mirror-port.js";
import type { MirrorContent, MirrorPlace, MirrorPointer } from "../model/mirror-wish.js";
import type { DirectoryWork } from "./directory-work.js";

export interface MirrorJobOptions {
  readonly connectionId: number;
  readonly mode: "full" | "difference" | "repair";
  readonly extras: CompareChange["extras"];
  readonly suspect: CompareRequest["suspect"];
  readonly content: MirrorContent;
  readonly newerOnly: boolean;
  /** What the target has stays as it is; absent = it does not. */
  readonly missingOnly?: boolean;
  /** What alone is gone through; null = everything. */
  readonly places: readonly MirrorPlace[] | null;
  /** An earlier part of this mirror came so far: up to there it goes on as a difference mirror by size and time. Null = it begins. */
  readonly doneThrough: MirrorPointer | null;
  /** False: how much there is to do is not calculated. */
  readonly isSized: boolean;
  readonly clock?: Clock;
  readonly tree: MirrorTree;
}

/** A compare that waits for its answer. */
export interface PendingCompare {
  readonly work: DirectoryWork;
  /** All is sent anyway: only what the target has beyond the source is asked for. */
  readonly isFull: boolean;
  readonly entries: ReadonlyMap<string, MirrorEntry>;
  readonly linkTo: ReadonlyMap<string, BytePath>;
}
