// The directories that an orphans job has still to list. What moves meanwhile is listed where it is by then, and once.

import { type BytePath, isBelow, parentPath, ROOT_PATH } from "../model/byte-path.js";
import type { RootIndex } from "../model/change.js";
import type { MirrorEntry, MirrorTree, ShippedRename } from "../model/mirror-port.js";
import { follow } from "./follow-renames.js";

export interface OrphanPlace {
  readonly root: RootIndex;
  readonly path: BytePath;
}

interface WaitingPlace extends OrphanPlace {
  /** At which it could not be listed. */
  readonly tries?: number;
}

const TRIES_MAX = 20;
/** A set whose directories move all the time is not followed for ever. */
const FOLLOWED_MAX = 10_000;

export class OrphanWalk {
  /** False: so much moved that not all of it was followed. */
  isWhole = true;
  /** The next one is the last. */
  #waiting: WaitingPlace[] = [];
  /** Directories that moved to where others are still to be listed, and were themselves listed before. */
  #listed: OrphanPlace[] = [];
  #followed = 0;

  constructor(rootCount: number) {
    for (let root = rootCount - 1; root >= 0; root--) this.#waiting.push({ root, path: ROOT_PATH });
  }

  get isOver(): boolean {
    return this.#waiting.length === 0;
  }

  /** Nothing more is listed. */
  end(): void {
    this.#waiting = [];
  }

  /** Null = it moved while it was brought up to date, or is not there any more. `followRenames` is the caller's, who follows them as well. */
  async next(tree: MirrorTree, followRenames: () => void): Promise<{ readonly place: OrphanPlace; readonly listed: readonly MirrorEntry[] } | null> {
    const place = this.#waiting.at(-1);
    if (place === undefined) return null;
    const listed = await tree.list(place.root, place.path, true);
    // Until here what they took out of it was still to be listed.
    followRenames();
    if (this.#waiting.at(-1) !== place) return null;
    this.#waiting.pop();
    if (listed === null) {
      // It moved, and nobody told yet to where: when the others are listed, somebody has.
      const isMoved = tree.inodeAt(place.root, place.path) !== null;
      const tries = (place.tries ?? 0) + 1;
      if (isMoved && tries < TRIES_MAX) this.#waiting.unshift({ ...place, tries });
      else if (isMoved) this.isWhole = false;
      return null;
    }
    for (const { path, type } of [...listed].reverse())
      if (type === "dir" && !this.#dropListed(place.root, path)) this.#waiting.push({ root: place.root, path });
    return { place, listed };
  }

  #dropListed(root: RootIndex, path: BytePath): boolean {
    const index = this.#listed.findIndex((place) => place.root === root && place.path === path);
    if (index >= 0) this.#listed.splice(index, 1);
    return index >= 0;
  }

  follow(rename: ShippedRename): void {
    const { root, path, to } = rename;
    // A directory is met when the one above it is listed, unless it moved there.
    const wasMet = this.#isListed(root, parentPath(path)) || this.#listed.some((place) => place.root === root && place.path === path);
    const isToBeMet = !this.#isListed(root, parentPath(to));
    const moved = (place: OrphanPlace): OrphanPlace =>
      place.root === root && isBelow(place.path, path) ? { root, path: follow(root, place.path, [rename]) } : place;
    this.#waiting = this.#waiting.map(moved);
    this.#listed = this.#listed.map(moved).filter((place) => isToBeMet || place.root !== root || place.path !== to);
    if (wasMet === isToBeMet) this.#note(wasMet ? this.#listed : this.#waiting, { root, path: to });
  }

  #note(places: OrphanPlace[], place: OrphanPlace): void {
    if (places.some(({ root, path }) => root === place.root && path === place.path)) return;
    if (this.#followed < FOLLOWED_MAX) places.push(place);
    // One that is listed twice costs time; one that is not listed is missed.
    else if (places === this.#waiting) this.isWhole = false;
    this.#followed += 1;
  }

  /** Whatever is nearer above it decides: a directory that is still to be listed, or one that was. */
  #isListed(root: RootIndex, directory: BytePath): boolean {
    const nearest = (places: readonly OrphanPlace[]): number =>
      places.reduce((length, place) => (place.root === root && isBelow(directory, place.path) ? Math.max(length, place.path.length) : length), -1);
    const waiting = nearest(this.#waiting);
    return waiting < 0 || nearest(this.#listed) > waiting;
  }
}
