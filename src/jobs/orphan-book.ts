// Orphans of a job: those that are looked at again, and those that were judged, by directory.

import type { BytePath } from "../model/byte-path.js";
import type { RootIndex } from "../model/change.js";
import type { OrphanSums } from "../model/orphan-sums.js";

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
  readonly #judged = new Map<string, Orphan[]>();
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

  /** It is one: then it is given back. */
  judge(named: Named, isOrphan: boolean): Orphan | null {
    const key = keyOf(named);
    const orphan = this.#considered.get(key);
    this.#considered.delete(key);
    if (orphan === undefined || !isOrphan) return null;
    this.#add(orphan);
    return orphan;
  }

  all(): readonly Orphan[] {
    return [...this.#judged.values()].flat();
  }

  /** Of one directory; null = none is left. */
  take(): OrphanGroup | null {
    for (const [key, orphans] of this.#judged) {
      const taken = orphans.splice(0, GROUP_MAX);
      if (orphans.length === 0) this.#judged.delete(key);
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

  #add(orphan: Orphan): void {
    const key = `${orphan.root}\0${orphan.directory}`;
    const orphans = this.#judged.get(key);
    if (orphans === undefined) this.#judged.set(key, [orphan]);
    else orphans.push(orphan);
    this.#size += 1;
  }
}

function keyOf({ root, directory, name }: Named): string {
  return `${root}\0${directory}\0${name}`;
}
