// What a change set does to a dirty map. One that is given up marks all it would have changed. One that is kept moves what was
// wrong: a name that is dirty is dirty by its next name, too, and a link to it is as well.
// Sets pass in order of sequence, given up or kept: a renaming is seen behind every mark that it concerns.

import { unreachable } from "../base/assert.js";
import type { BytePath } from "../model/byte-path.js";
import type { Change } from "../model/change.js";
import { decodeChangeSet } from "../model/change-set.js";
import type { DirtyLevel } from "../model/dirty-place.js";
import type { DirtyMap } from "./dirty-map.js";

/** The bytes are those of a set that its receiver will not get. */
export function enterSet(map: DirtyMap, bytes: Buffer): void {
  for (const change of decodeChangeSet(bytes).changes) {
    move(map, change);
    enter(map, change);
  }
}

/** The bytes are those of a set that its receiver gets. */
export function followSet(map: DirtyMap, bytes: Buffer): void {
  for (const change of decodeChangeSet(bytes).changes) move(map, change);
}

function move(map: DirtyMap, change: Change): void {
  if (change.op === "rename") map.follow(change.root, change.path, change.to);
  else if (change.op === "link" && map.covers(change.root, change.to)) mark(map, change, change.path, "entry");
}

function enter(map: DirtyMap, change: Change): void {
  switch (change.op) {
    case "compare":
    case "sums":
    case "orphans":
    case "index":
    case "task":
      // A question: it is asked again by whoever asked it.
      return;
    case "remove":
      // What it was is not known: by now another directory may have its name, with what was below the first on the target.
      mark(map, change, change.path, "tree");
      break;
    case "rename":
      mark(map, change, change.path, "tree");
      // The times of what is below a directory that moved say nothing: what the target has there may be another directory of old.
      mark(map, change, change.to, change.type === "dir" ? "tree" : "entry", { thorough: change.type === "dir" });
      break;
    case "file":
    case "rebuild":
      mark(map, change, change.path, "entry", { files: 1, bytes: change.payload.length });
      break;
    case "dir":
    case "symlink":
    case "special":
    case "link":
    case "attr":
      mark(map, change, change.path, "entry");
      break;
    default:
      unreachable(change);
  }
  map.markLinks();
}

interface MarkDetails {
  readonly thorough?: boolean;
  readonly files?: number;
  readonly bytes?: number;
}

function mark(map: DirtyMap, { root }: Change, path: BytePath, level: DirtyLevel, { thorough = false, files = 0, bytes = 0 }: MarkDetails = {}): void {
  map.mark({ root, path, level, thorough, files, bytes });
}
