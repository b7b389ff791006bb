// Orphans of a job: those that are looked at again, and those that were judged, by directory.

import { type BytePath, isBelow } from "../model/byte-path.js";
import type { RootIndex } from "../model/change.js";
import type { ShippedRename } from "../model/mirror-port.js";
import type { OrphanSums } from "../model/orphan-sums.js";
import { follow } from "./follow-renames.js";

/** A name of a directory that the source has; the sums are of all that is below it, too. */
export interface Orphan extends OrphanSums {
  readonly root: RootIndex;
  readonly directory: BytePath;
  readonly name: string;
  readonly isDirectory: boolean;
  readonly kept: number;
  readonly failed: number;
}

export interface OrphanGroup {
  readonly root: RootIndex;
  readonly directory: BytePath;
  readonly orphans: readonly Orphan[];
}

/** Memory for so many: what is beyond them is found by another job. */
const ORPHANS_MAX = 200_000;
/** Carried out as one. */
const GROUP_MAX = 100;

type Named = Pick<Orphan, "root" | "directory" | "name">;

export class OrphanBook {
  readonly #considered = new Map<string, Orphan>();
  /** By directory. */
  readonly #judged = new Map<string, Map<string, Orphan>>();
  #size = 0;

  get isFull(): boolean {
    return this.#size + this.#considered.size >= ORPHANS_MAX;
  }

  get hasGroup(): boolean {
    return this.#judged.size > 0;
  }

  consider(orphan: Orphan): void {
    this.#considered.set(keyOf(orphan), orphan);
  }

  /** It is one that was not known: then it is given back. */
  judge(named: Named, isOrphan: boolean): Orphan | null {
    const key = keyOf(named);
    const orphan = this.#considered.get(key);
    this.#considered.delete(key);
    if (orphan === undefined || !isOrphan) return null;
    return this.#add(orphan) ? orphan : null;
  }

  all(): readonly Orphan[] {
    return [...this.#judged.values()].flatMap((orphans) => [...orphans.values()]);
  }

  /** Of one directory; null = none is left. */
  take(): OrphanGroup | null {
    for (const [key, orphans] of this.#judged) {
      const taken = [...orphans.values()].slice(0, GROUP_MAX);
      for (const { name } of taken) orphans.delete(name);
      if (orphans.size === 0) this.#judged.delete(key);
      const [first] = taken;
      if (first === undefined) continue;
      this.#size -= taken.length;
      return { root: first.root, directory: first.directory, orphans: taken };
    }
    return null;
  }

  putBack({ orphans }: OrphanGroup): void {
    for (const orphan of orphans) this.#add(orphan);
  }

  /** Where they are by now, whose directory moved. */
  follow(rename: ShippedRename): void {
    const moved: Orphan[] = [];
    for (const [key, orphans] of this.#judged) {
      const [first] = orphans.values();
      if (first === undefined || !isMoved(first, rename)) continue;
      this.#judged.delete(key);
      this.#size -= orphans.size;
      moved.push(...orphans.values());
    }
    for (const orphan of moved) this.#add(movedOrphan(orphan, rename));
    for (const [key, orphan] of [...this.#considered]) {
      if (!isMoved(orphan, rename)) continue;
      this.#considered.delete(key);
      this.consider(movedOrphan(orphan, rename));
    }
  }

  /** False: it is in the book already. */
  #add(orphan: Orphan): boolean {
    const key = `${orphan.root}\0${orphan.directory}`;
    const orphans = this.#judged.get(key) ?? new Map<string, Orphan>();
    this.#judged.set(key, orphans);
    if (orphans.has(orphan.name)) return false;
    orphans.set(orphan.name, orphan);
    this.#size += 1;
    return true;
  }
}

function isMoved({ root, directory }: Named, rename: ShippedRename): boolean {
  return root === rename.root && isBelow(directory, rename.path);
}

export function movedOrphan(orphan: Orphan, rename: ShippedRename): Orphan {
  return { ...orphan, directory: follow(orphan.root, orphan.directory, [rename]) };
}

function keyOf({ root, directory, name }: Named): string {
  return `${root}\0${directory}\0${name}`;
}
