// The order in which a mirror goes through the set: root by root, each directory before what is in it, names in byte order.
// An entry is done with the directory that it is in; what is in a directory comes later than the directory as an entry.

import { type BytePath, baseName, isBelow, parentPath } from "../model/byte-path.js";
import type { MirrorPlace, MirrorPointer } from "../model/mirror-wish.js";

export type WalkPosition = Omit<MirrorPointer, "except">;

/** < 0: directory `a` is gone through before `b`. */
export function orderOf(a: MirrorPlace, b: MirrorPlace): number {
  if (a.root !== b.root) return a.root - b.root;
  if (a.path === b.path) return 0;
  const [mine, theirs] = [partsOf(a.path), partsOf(b.path)];
  for (const [index, part] of mine.entries()) {
    const other = theirs[index];
    if (other === undefined) return 1;
    if (part !== other) return part < other ? -1 : 1;
  }
  return -1;
}

export function isFurther(a: WalkPosition, b: WalkPosition): boolean {
  const order = orderOf(a, b);
  if (order !== 0 || b.name === null) return order > 0;
  return a.name === null || a.name > b.name;
}

/** The entry is done, or being done. */
export function isEntryBehind(position: WalkPosition, { root, path }: MirrorPlace): boolean {
  if (path === "") return root <= position.root;
  const order = orderOf({ root, path: parentPath(path) }, position);
  return order < 0 || (order === 0 && (position.name === null || baseName(path) <= position.name));
}

/** The entry is done, with all that is below it, if it is a directory. */
export function isAllBehind(position: WalkPosition, place: MirrorPlace): boolean {
  const { root, path } = place;
  const isPassed = root < position.root || (path !== "" && orderOf(place, position) < 0 && !isBelow(position.path, path));
  return isPassed && isEntryBehind(position, place) && !(position.name === baseName(path) && position.path === parentPath(path));
}

function partsOf(path: BytePath): string[] {
  return path === "" ? [] : path.split("/");
}
