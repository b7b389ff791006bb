// The way of a verification through the set: slices of directories, in the order of positions, from a position on. What moves meanwhile to
// where it has been already is gone through again.

import { type BytePath, baseName, isBelow, parentPath, ROOT_PATH } from "../model/byte-path.js";
import type { RootIndex } from "../model/change.js";
import type { MirrorEntry, MirrorTree } from "../model/mirror-port.js";
import { comparePlaces, comparePositions, positionOf, type VerifyPlace, type VerifyPosition } from "../model/verify-position.js";
import { slicesOf } from "./compare-slices.js";

/** Names of a directory from `from` up to `until`, and the entries it has there. */
export interface WalkSlice extends VerifyPlace {
  readonly entries: readonly MirrorEntry[];
  readonly from: string;
  readonly until: string;
  readonly withDirectory: boolean;
  /** The first slice of the directory. */
  readonly isFirst: boolean;
  /** It is told what else is there. */
  readonly tellsExtras: boolean;
}

export interface VerifyWalkOptions {
  readonly tree: MirrorTree;
  readonly readsContent: boolean;
  readonly start: VerifyPosition | null;
}

export class VerifyWalk {
  readonly #options: VerifyWalkOptions;
  readonly #directories: VerifyPlace[] = [];
  readonly #slices: WalkSlice[] = [];
  /** Entries that moved to where the walk has been. */
  readonly #moved: { readonly root: RootIndex; readonly path: BytePath }[] = [];
  /** The last of the directories that were listed. */
  #reached: VerifyPlace | null = null;
  #renamesSeen: number;
  /** False: so much moved that not all of it was followed. */
  isWhole = true;

  constructor(options: VerifyWalkOptions) {
    this.#options = options;
    const { tree, start } = options;
    this.#renamesSeen = tree.renamePosition;
    for (let root = tree.rootCount - 1; root >= (start?.root ?? 0); root--) this.#directories.push({ root, path: ROOT_PATH });
  }

  get isOver(): boolean {
    return this.#directories.length + this.#slices.length + this.#moved.length === 0;
  }

  /** Where it is to go on; those that are waited for are in front of it. */
  *positions(): Generator<VerifyPosition> {
    const top = this.#directories.at(-1);
    if (top !== undefined) yield this.#notBefore(positionOf(top.root, top.path, ""));
    for (const { root, path, from } of this.#slices) yield positionOf(root, path, from);
    for (const { root, path } of this.#moved) yield positionOf(root, parentPath(path), baseName(path));
  }

  /** On the way to its start a walk passes directories that need no comparison. */
  #notBefore(position: VerifyPosition): VerifyPosition {
    const { start } = this.#options;
    return start !== null && comparePositions(position, start) < 0 ? start : position;
  }

  /** Null = only directories were passed, or nothing is left. */
  async next(): Promise<WalkSlice | null> {
    const moved = this.#moved.pop();
    if (moved !== undefined) return this.#sliceOf(moved.root, moved.path);
    if (this.#slices.length === 0) await this.#list();
    return this.#slices.shift() ?? null;
  }

  async #list(): Promise<void> {
    const place = this.#directories.pop();
    if (place === undefined) return;
    const { root, path } = place;
    const { tree, start, readsContent } = this.#options;
    const listed = await tree.list(root, path, true);
    if (listed === null) return;
    if (this.#reached === null || comparePlaces(place, this.#reached) > 0) this.#reached = place;
    const side = start === null || start.root !== root ? "behind" : sideOf(path, start.path);
    const below = start !== null && side === "above" ? listed.filter((entry) => isNotBefore(entry.path, start.path)) : listed;
    for (let i = below.length - 1; i >= 0; i--) if (below[i]?.type === "dir") this.#directories.push({ root, path: (below[i] as MirrorEntry).path });
    if (side === "above") return;
    const from = start !== null && side === "there" ? start.name : "";
    const slices = slicesOf(
      listed.filter(({ name }) => name >= from),
      readsContent,
    );
    slices.forEach((entries, index) => {
      const isFirst = index === 0;
      this.#slices.push({
        root,
        path,
        entries,
        from: isFirst ? from : (entries[0] as MirrorEntry).name,
        until: slices[index + 1]?.[0]?.name ?? "",
        withDirectory: isFirst && path === ROOT_PATH && from === "",
        isFirst,
        tellsExtras: true,
      });
    });
  }

  async #sliceOf(root: RootIndex, path: BytePath): Promise<WalkSlice | null> {
    const directory = parentPath(path);
    const entry = (await this.#options.tree.list(root, directory, true))?.find(({ name }) => name === baseName(path));
    if (entry === undefined) return null;
    if (entry.type === "dir") this.#directories.push({ root, path });
    return { root, path: directory, entries: [entry], from: "", until: "", withDirectory: false, isFirst: false, tellsExtras: false };
  }

  get hasRenames(): boolean {
    return this.#options.tree.renamePosition !== this.#renamesSeen;
  }

  /** `frontier`: in front of it all is compared. */
  followRenames(frontier: VerifyPosition | null): void {
    const { tree } = this.#options;
    if (!this.hasRenames) return;
    const renames = tree.renamesSince(this.#renamesSeen);
    this.#renamesSeen = tree.renamePosition;
    if (renames === null) this.isWhole = false;
    for (const { root, path, to } of renames ?? []) {
      const isPassed = this.#reached !== null && comparePlaces({ root, path: parentPath(to) }, this.#reached) <= 0;
      if (isPassed && frontier !== null && !isInFrontOf(root, path, frontier)) this.#moved.push({ root, path: to });
    }
  }
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

/** The entry, and all below it, are. */
function isInFrontOf(root: RootIndex, path: BytePath, frontier: VerifyPosition): boolean {
  if (comparePositions(positionOf(root, parentPath(path), baseName(path)), frontier) >= 0) return false;
  const isAround = frontier.root === root && isBelow(frontier.path, path);
  return !isAround && comparePlaces({ root, path }, frontier) < 0;
}
