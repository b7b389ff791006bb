// What a verification is told, and what it tells.

import type { Clock } from "../base/clock.js";
import type { BytePath } from "../model/byte-path.js";
import type { CompareChange, EntryType, FoundEntry, RootIndex } from "../model/change.js";
import type { CompareRequest, EntryStamp, MirrorEntry, MirrorTree } from "../model/mirror-port.js";
import type { MirrorPlace } from "../model/mirror-wish.js";
import type { VerifyContent, VerifyFinding } from "../model/verify.js";
import type { VerifyPosition } from "../model/verify-position.js";

export interface VerifyJobOptions {
  readonly connectionId: number;
  readonly content: VerifyContent;
  readonly tree: MirrorTree;
  /** What alone is compared; null (default) = everything. */
  readonly places?: readonly MirrorPlace[] | null;
  /** Contents that are flagged whatever their times say; default: none. */
  readonly suspect?: CompareRequest["suspect"];
  /** Names of the target beyond the source that are told: all of the set (default), those that a mirror that removes would remove, or none. */
  readonly extras?: CompareChange["extras"];
  /** Whether the blocks of a flagged file are compared; default: of every one, where contents are compared at all. */
  readonly isToRead?: (flagged: VerifyFlagged) => boolean;
  /** Returns whether it is repaired. */
  readonly onFinding: (finding: VerifyVerdict) => boolean;
  readonly onEqual?: (seen: VerifySeen) => void;
  readonly clock?: Clock;
  /** Where it begins: what is in front of it counts as compared. Null or absent = at the beginning. */
  readonly start?: VerifyPosition | null;
  /** The most that is read in a second; null or absent = as fast as it goes. */
  readonly bytesPerSecond?: number | null;
}

/** A finding, and the name of the same file that was met before; null = none was. */
export interface VerifyVerdict extends Omit<VerifyFinding, "isRepaired"> {
  readonly first: BytePath | null;
}

/** What is as it should be. */
export interface VerifySeen extends Pick<MirrorEntry, "path" | "size"> {
  readonly root: RootIndex;
  readonly type: EntryType | null;
  readonly isFurther: boolean;
}

/** A file whose content seems to differ. */
export interface VerifyFlagged {
  readonly type: EntryType;
  readonly source: EntryStamp;
  readonly target: FoundEntry | null;
}
