// Where times alone do not tell that a content is the one that the receiver has: in a directory whose own time of change is young. Something
// in it may have been renamed, or all of it may have come from elsewhere, with names, sizes and times as they were there before.

import type { BytePath } from "../model/byte-path.js";
import type { RootIndex } from "../model/change.js";
import type { CompareRequest, MirrorTree } from "../model/mirror-port.js";
import { isInSpan } from "../model/suspect-span.js";
import type { DirectoryWork } from "./directory-work.js";

/** Of what lies in the directory itself: not every file system changes the times of a file that another one trades names with. */
export function suspectWithin(tree: MirrorTree, { root, path, suspect }: DirectoryWork): CompareRequest["suspect"] {
  return isYoung(tree, root, path, suspect) ? "all" : suspect;
}

/** The work below a directory of `work`. Moved, it is another one than the receiver has there, with all below. */
export function belowYoung(tree: MirrorTree, below: DirectoryWork): DirectoryWork {
  return isYoung(tree, below.root, below.path, below.suspect) ? { ...below, suspect: "all" } : below;
}

function isYoung(tree: MirrorTree, root: RootIndex, path: BytePath, suspect: CompareRequest["suspect"]): boolean {
  if (typeof suspect === "string") return false;
  const stamp = tree.stampOf(root, path);
  return stamp === null || isInSpan(suspect, stamp);
}
