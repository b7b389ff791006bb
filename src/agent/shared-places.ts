import type { SourceTree } from "../capture/source-tree.js";
import { ROOT_PATH } from "../model/byte-path.js";
import type { DirtyPlace } from "../model/dirty-place.js";

const SHARED_NAMES_MAX = 20_000;

/** Where the files with several names are that changed since then (ms). Too many to name them: the whole tree, by the times of its files. */
export function sharedPlaces(tree: SourceTree, sinceMs: number): DirtyPlace[] {
  const places: DirtyPlace[] = [];
  for (let root = 0; root < tree.rootCount; root++) {
    const names = tree.sharedNamesSince(root, sinceMs, SHARED_NAMES_MAX);
    if (names === null) places.push({ root, path: ROOT_PATH, level: "tree", thorough: false });
    else for (const path of names) places.push({ root, path, level: "entry", thorough: false });
  }
  return places;
}
