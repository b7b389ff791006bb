// One directory, or a part of it, to be compared: what a mirror goes through, and what dirty places become.

import { type BytePath, baseName, parentPath } from "../model/byte-path.js";
import type { RootIndex } from "../model/change.js";
import type { DirtyPlace } from "../model/dirty-place.js";
import type { CompareRequest } from "../model/mirror-port.js";
import type { SecondLook } from "./link-groups.js";

export interface DirectoryWork {
  readonly root: RootIndex;
  readonly path: BytePath;
  /** A slice of one name (repair), or null for the whole directory. */
  readonly only: string | null;
  /** Slices of one name each, all of which are looked up in one listing. */
  readonly names?: readonly string[];
  /** Names that are compared once more, on account of their links. */
  readonly again: SecondLook | null;
  readonly suspect: CompareRequest["suspect"];
  readonly descend: boolean;
  /** Of what is below a slice of one name; absent = as the slice, but for contents that only it is suspected of. */
  readonly below?: CompareRequest["suspect"];
}

/** Of one of its names. */
export function sliceOf({ root, path, suspect }: DirectoryWork, name: string): DirectoryWork {
  return { root, path, only: name, again: null, suspect, descend: false };
}

/** The place with all below, and that what it lies in is there. */
export function worksOfPlace(root: RootIndex, path: BytePath, suspect: CompareRequest["suspect"]): DirectoryWork[] {
  if (path === "") return [{ root, path, only: null, again: null, suspect: suspect === "all" ? "none" : suspect, descend: true }];
  const works: DirectoryWork[] = [];
  for (let at = path; at !== ""; at = parentPath(at)) {
    works.push({ root, path: parentPath(at), only: baseName(at), again: null, suspect: at === path ? suspect : "none", descend: at === path });
  }
  return works;
}

/** What is to be compared to make the places good. The root itself, as an entry, is not among it: it has attributes only. */
export function worksOf(places: readonly DirtyPlace[], changedSinceMs: number): DirectoryWork[] {
  const works: DirectoryWork[] = [];
  const entries = new Map<string, DirectoryWork & { readonly names: string[] }>();
  for (const { root, path, level, thorough } of places) {
    const below = thorough ? "all" : { changedSinceMs };
    const slice = { root, path: parentPath(path), only: baseName(path), again: null, suspect: "all" } as const;
    const whole = { root, path, only: null, again: null, suspect: below } as const;
    if (level === "tree") works.push(path === "" ? { ...whole, descend: true } : { ...slice, descend: true, below });
    else if (level === "names") works.push({ ...whole, descend: false });
    // A directory is listed once for all names in it, those of directories among them.
    if (level !== "tree" && path !== "") {
      const key = `${root}:${slice.path}`;
      const work = entries.get(key) ?? { ...slice, only: null, names: [], descend: false };
      entries.set(key, work);
      work.names.push(slice.only);
    }
  }
  return [...works, ...entries.values()];
}
