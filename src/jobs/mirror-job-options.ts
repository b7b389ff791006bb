import type { BytePath } from "../model/byte-path.js";
import type { CompareChange } from "../model/change.js";
import type { CompareRequest, MirrorEntry, MirrorTree } from "../model/mirror-port.js";
import type { MirrorContent, MirrorPlace } from "../model/mirror-wish.js";
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
  readonly tree: MirrorTree;
}

/** A compare that waits for its answer. */
export interface PendingCompare {
  readonly work: DirectoryWork;
  readonly entries: ReadonlyMap<string, MirrorEntry>;
  readonly linkTo: ReadonlyMap<string, BytePath>;
}
