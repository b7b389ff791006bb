// One directory, or a part of it, to be compared: what a mirror goes through, and what dirty places become.

import { type BytePath, baseName, parentPath } from "../model/byte-path.js";
import type { RootIndex } from "../model/change.js";
import type { DirtyPlace } from "../model/dirty-place.js";
import type { CompareRequest, MirrorEntry, MirrorTree, ShippedRename } from "../model/mirror-port.js";
import type { MirrorPlace } from "../model/mirror-wish.js";
import { follow } from "./follow-renames.js";
import type { SecondLook } from "./link-groups.js";
import { type Span, sliceOfName } from "./name-slice.js";

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
  /** Met as the whole tree is gone through, in order; absent = for another reason, such as a rename. */
  readonly isWalk?: true;
  /** Of the walk: it came there since an earlier part of the mirror went by. */
  readonly isMoved?: true;
  /** It could not be listed when its turn came. */
  readonly isLate?: true;
  /** Of what is below a slice of one name; absent = as the slice, but for contents that only it is suspected of. */
  readonly below?: CompareRequest["suspect"];
}

export interface Walk {
  readonly tree: MirrorTree;
  /** Null: the whole set. */
  readonly places: readonly MirrorPlace[] | null;
  readonly suspect: CompareRequest["suspect"];
}

/** In what is gone through, not in how closely. */
export function isSameWork(a: DirectoryWork, b: DirectoryWork): boolean {
  return a.root === b.root && a.path === b.path && a.only === b.only && a.descend === b.descend;
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

/** Names that are compared once more, or made anew. */
export function worksOfLooks(looks: Iterable<SecondLook>): DirectoryWork[] {
  return [...looks].map((again) => ({ root: again.root, path: again.path, only: null, again, suspect: "none", descend: false }));
}

/** All that a mirror goes through, the first last. */
export function worksOfWalk({ tree, places, suspect }: Walk): DirectoryWork[] {
  if (places !== null) return places.flatMap(({ root, path }) => worksOfPlace(root, path, suspect).reverse()).reverse();
  const whole = { path: "" as BytePath, only: null, again: null, suspect, descend: true, isWalk: true } as const;
  return Array.from({ length: tree.rootCount }, (_, root) => ({ ...whole, root })).reverse();
}

/** Where the renames, in order, took what they were about. */
export function worksOfRenames(renames: readonly ShippedRename[], suspect: CompareRequest["suspect"]): DirectoryWork[] {
  return renames.map(({ root, to }, index) => {
    const path = follow(root, to, renames.slice(index + 1));
    return { root, path: parentPath(path), only: baseName(path), again: null, suspect, descend: true };
  });
}

/** The place, and all that it was renamed to in set `sinceSeq` or behind it: contents are not trusted. */
export function worksOfRepair(tree: MirrorTree, root: RootIndex, path: BytePath, sinceSeq: number, descends: boolean): DirectoryWork[] {
  const [within, behind] = [tree.renamesFromSet(sinceSeq), tree.renamesFromSet(sinceSeq + 1)];
  const isLost = within === null || behind === null;
  const places = isLost ? [path, "" as BytePath] : [path, follow(root, path, within), follow(root, path, behind)];
  const works = [...new Set(places)].flatMap((place) => worksOfPlace(root, place, "all"));
  return descends || isLost ? works : works.map((work) => ({ ...work, descend: false }));
}

/** Of what is in `path`, which the work came by. `isMoved`: as `DirectoryWork.isMoved`. */
export function workBelow(work: DirectoryWork, path: BytePath, isMoved: boolean): DirectoryWork {
  const suspect = work.below ?? (work.suspect === "all" && work.only !== null ? "none" : work.suspect);
  const walk = work.isWalk === true ? ({ isWalk: true } as const) : {};
  const moved = isMoved ? ({ isMoved } as const) : {};
  return { root: work.root, path, only: null, again: null, suspect, descend: true, ...walk, ...moved };
}

/** The names that the work is about. */
export function spanOf({ only }: DirectoryWork): Span {
  return only === null ? { from: "", until: "" } : sliceOfName(only);
}

/** What of a listing the work is about. */
export function meantOf({ only, again }: DirectoryWork, listed: readonly MirrorEntry[]): readonly MirrorEntry[] {
  const isMeant = ({ name }: MirrorEntry): boolean => (only === null || name === only) && (again === null || again.names.has(name));
  return only === null && again === null ? listed : listed.filter(isMeant);
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
