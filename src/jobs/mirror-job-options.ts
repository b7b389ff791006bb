import type { Clock } from "../base/clock.js";
import type { BytePath } from "../model/byte-path.js";
import type { MirrorEntry, MirrorTree } from "../model/mirror-port.js";
import type { MirrorOrder } from "../model/source-messages.js";
import type { DirectoryWork } from "./directory-work.js";

/** What is ordered; or a repair of single paths, which lives as long as the connection. */
export interface MirrorJobOptions extends Omit<MirrorOrder, "mirrorId" | "mode"> {
  readonly mode: MirrorOrder["mode"] | "repair";
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
