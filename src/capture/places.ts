// Where names are looked for: directories move between the event that told of a name and the look at it.

import { type BytePath, joinPath } from "../model/byte-path.js";
import type { NodeIdentity } from "../model/capture-port.js";
import { isAttached, type Unplaced } from "./observation.js";
import type { RootTree } from "./root-tree.js";

/** Where they are now; those in directories that are no more are gone with them. */
export function pathsOf(unplaced: readonly Unplaced[]): BytePath[] {
  return unplaced.filter(({ parent, name }) => name !== "" && isAttached(parent)).map(({ parent, name }) => joinPath(parent.path, name));
}

/** Where a directory is told to be, and where it is known to be. Its number may be one that was used again: either may be true. */
export function placesOf(tree: RootTree, directory: NodeIdentity | null, told: BytePath): BytePath[] {
  const known = directory === null ? undefined : tree.table.inodeOf(directory.dev, directory.ino)?.nodes[0];
  return known?.children && known.path !== told ? [told, known.path] : [told];
}
