// The way of a verification through the set: slices of directories, in the order of positions, from a position on. What moves meanwhile to
// where it has been already is gone through again.

import { type BytePath, baseName, isBelow, joinPath, parentPath, ROOT_PATH } from "../model/byte-path.js";
import type { CompareChange, RootIndex } from "../model/change.js";
import type { MirrorEntry, MirrorTree, ShippedRename } from "../model/mirror-port.js";
import type { MirrorPlace } from "../model/mirror-wish.js";
import { comparePlaces, comparePositions, positionOf, type VerifyPlace, type VerifyPosition } from "../model/verify-position.js";
import { slicesOf } from "./compare-slices.js";
import { type DirectoryWork, worksOfPlace } from "./directory-work.js";
import { follow } from "./follow-renames.js";
import { nextName } from "./name-slice.js";

/** Names of a directory from `from` up to `until`, and the entries it has there. */
export interface WalkSlice extends VerifyPlace {
  readonly entries: readonly MirrorEntry[];
  readonly from: string;
  readonly until: string;
  readonly withDirectory: boolean;
  /** The first slice of the directory. */
  readonly isFirst: boolean;
  readonly extras: CompareChange["extras"];
}

export interface VerifyWalkOptions {
  readonly tree: MirrorTree;
  readonly readsContent: boolean;
  /** What alone is gone through; null = everything. */
  readonly places: readonly MirrorPlace[] | null;
  readonly extras: CompareChange["extras"];
  readonly start: VerifyPosition | null;
  /** Something at the place, or below it, is still being judged. */
  readonly isOpen: (place: VerifyPlace) => boolean;
}

/** What is still to be gone through. */
interface WalkPlace extends Pick<DirectoryWork, "root" | "path" | "only" | "descend"> {
  /** To where it is: nothing of it was compared before the start. */
  readonly isMoved: boolean;
  /** At which it was known, and could not be listed. */
  readonly tries?: number;
}

/** A set whose names change all the time is not followed for ever. */
const FOLLOWED_MAX = 10_000;
const TRIES_MAX = 20;

export class VerifyWalk {
  readonly #options: VerifyWalkOptions;
  readonly #directories: WalkPlace[] = [];
  readonly #slices: WalkSlice[] = [];
  /** Entries that moved to where the walk has been. */
  readonly #moved: WalkPlace[] = [];
  #followed = 0;
  #renamesSeen: number;
  /** False: so much moved that not all of it was followed, or some of it could not be listed. */
  isWhole = true;

  constructor(options: VerifyWalkOptions) {
    this.#options = options;
    const { tree, start, places } = options;
    this.#renamesSeen = tree.renamePosition;
    const all = places ?? Array.from({ length: tree.rootCount }, (_, root) => ({ root, path: ROOT_PATH })).slice(start?.root ?? 0);
    const works = all.flatMap(({ root, path }) => worksOfPlace(root, path, "none").reverse());
    for (const { root, path, only, descend } of works.reverse()) this.#directories.push({ root, path, only, descend, isMoved: false });
  }

  get isOver(): boolean {
    return this.#directories.length + this.#slices.length + this.#moved.length === 0;
  }

  /** Where it is to go on; those that are waited for are in front of it. */
  *positions(): Generator<VerifyPosition> {
    for (const place of this.#directories) yield this.#goesOnAt(place);
    for (const { root, path, from } of this.#slices) yield positionOf(root, path, from);
    for (const { root, path } of this.#moved) yield positionOf(root, parentPath(path), baseName(path));
  }

  /** On the way to its start a walk passes directories that need no comparison. */
  #goesOnAt({ root, path, isMoved }: WalkPlace): VerifyPosition {
    const { start } = this.#options;
    const position = positionOf(root, path, "");
    return start !== null && !isMoved && comparePositions(position, start) < 0 ? start : position;
  }

  /** Null = only directories were passed, or nothing is left. */
  async next(): Promise<WalkSlice | null> {
    if (this.#moved.length > 0) return this.#sliceOfMoved();
    if (this.#slices.length === 0) await this.#list();
    return this.#slices.shift() ?? null;
  }

  async #list(): Promise<void> {
    const place = this.#directories.at(-1);
    if (place === undefined) return;
    const { root, path, only, descend, isMoved } = place;
    const { tree, readsContent, extras } = this.#options;
    const start = isMoved ? null : this.#options.start;
    const listed = await tree.list(root, path, true);
    // Bringing it up to date may have told of renames: until here what they took out of it was still to be compared.
    this.followRenames();
    if (this.#directories.at(-1) !== place) return;
    this.#directories.pop();
    if (listed === null) {
      this.#miss(this.#directories, place);
      return;
    }
    const side = start === null || start.root !== root ? "behind" : sideOf(path, start.path);
    const entries = only === null ? listed : listed.filter(({ name }) => name === only);
    const below = start !== null && side === "above" ? entries.filter((entry) => isNotBefore(entry.path, start.path)) : entries;
    for (const entry of descend ? [...below].reverse() : [])
      if (entry.type === "dir") this.#directories.push({ root, path: entry.path, only: null, descend, isMoved });
    if (side === "above") return;
    const from = only ?? (start !== null && side === "there" ? start.name : "");
    const slices = slicesOf(
      entries.filter(({ name }) => name >= from),
      readsContent,
    );
    slices.forEach((slice, index) => {
      const isFirst = index === 0;
      const next = slices[index + 1]?.[0];
      this.#slices.push({
        root,
        path,
        entries: slice,
        from: isFirst ? from : (slice[0] as MirrorEntry).name,
        until: next?.name ?? (only === null ? "" : nextName(only)),
        withDirectory: isFirst && only === null && path === ROOT_PATH && from === "",
        isFirst: isFirst && only === null,
        extras,
      });
    });
  }

  async #sliceOfMoved(): Promise<WalkSlice | null> {
    const index = this.#moved.length - 1;
    const place = this.#moved[index] as WalkPlace;
    const { root, path } = place;
    const directory = parentPath(path);
    const listed = await this.#options.tree.list(root, directory, true);
    this.followRenames();
    // It moved on meanwhile, and is looked for there.
    if (this.#moved[index] !== place) return null;
    this.#moved.splice(index, 1);
    if (listed === null) this.#miss(this.#moved, place);
    const entry = listed?.find(({ name }) => name === baseName(path));
    if (entry === undefined) return null;
    if (entry.type === "dir") this.#directories.push({ root, path, only: null, descend: true, isMoved: true });
    return { root, path: directory, entries: [entry], from: "", until: "", withDirectory: false, isFirst: false, extras: "keep" };
  }

  /** It moved, most likely, and nobody told yet to where: when the others are listed, somebody has. */
  #miss(places: WalkPlace[], place: WalkPlace): void {
    const { tree } = this.#options;
    const { root, path, tries = 1 } = place;
    if (tree.inodeAt(root, path) === null) return;
    tree.seek(root, path);
    if (tries < TRIES_MAX) places.unshift({ ...place, tries: tries + 1 });
    else this.isWhole = false;
  }

  /**
   * What was to be gone through is gone through where it is by now, and what was not compared where it was, and would not be where it is,
   * is compared by itself.
   */
  followRenames(): void {
    const { tree, isOpen } = this.#options;
    if (tree.renamePosition === this.#renamesSeen) return;
    const renames = tree.renamesSince(this.#renamesSeen);
    this.#renamesSeen = tree.renamePosition;
    if (renames === null) this.isWhole = false;
    for (const rename of renames ?? []) {
      const { root, path, to } = rename;
      const isDue = (!this.#isCompared(root, path) || isOpen({ root, path })) && this.#isListed(root, parentPath(to));
      for (const list of [this.#directories, this.#moved])
        list.forEach((place, index) => {
          if (place.root === root && isBelow(place.path, path)) list[index] = { ...place, path: follow(root, place.path, [rename]), isMoved: true };
        });
      this.#slices.forEach((slice, index) => {
        if (slice.root === root && isBelow(slice.path, path)) this.#slices[index] = movedSlice(slice, rename);
      });
      if (!isDue) continue;
      if (this.#followed < FOLLOWED_MAX) this.#moved.push({ root, path: to, only: null, descend: true, isMoved: true });
      else this.isWhole = false;
      this.#followed += 1;
    }
  }

  #isListed(root: RootIndex, directory: BytePath): boolean {
    return !this.#directories.some((place) => place.root === root && place.only === null && isBelow(directory, place.path));
  }

  #isCompared(root: RootIndex, path: BytePath): boolean {
    const [directory, name] = [parentPath(path), baseName(path)];
    return this.#isListed(root, directory) && !this.#slices.some((slice) => slice.root === root && slice.path === directory && name >= slice.from);
  }
}

/** Its names are compared where they are by now. */
function movedSlice(slice: WalkSlice, rename: ShippedRename): WalkSlice {
  const path = follow(slice.root, slice.path, [rename]);
  return { ...slice, path, entries: slice.entries.map((entry) => ({ ...entry, path: joinPath(path, entry.name) })) };
}

/** "above": it leads to the start, and its own names are in front of it. Directories in front of it are never listed. */
function sideOf(path: BytePath, start: BytePath): "above" | "there" | "behind" {
  if (path === start) return "there";
  return isBelow(start, path) ? "above" : "behind";
}

/** A directory that leads to the start, is it, or comes behind it. */
function isNotBefore(path: BytePath, start: BytePath): boolean {
  return isBelow(start, path) || comparePlaces({ root: 0, path }, { root: 0, path: start }) >= 0;
}
