// Totals of a plan, and the first names of each action.

import type { BytePath } from "../model/byte-path.js";
import type { EntryType, RootIndex } from "../model/change.js";
import type { OrphanSums } from "../model/orphan-sums.js";
import { type PlanAction, type PlannedPart, partsOf } from "../model/plan.js";

interface Planned {
  readonly root: RootIndex;
  readonly path: BytePath;
  /** Null = not known. */
  readonly type: EntryType | null;
}

export class PlanTally {
  readonly #namesMax: number;
  readonly #parts = partsOf(() => ({ files: 0, directories: 0, bytes: 0, names: [] as { root: RootIndex; path: BytePath; isDirectory: boolean }[] }));

  constructor(namesMax: number) {
    this.#namesMax = namesMax;
  }

  get parts(): Readonly<Record<PlanAction, PlannedPart>> {
    return partsOf((action) => ({ ...this.#parts[action], names: [...this.#parts[action].names] }));
  }

  entry(action: PlanAction, { root, path, type }: Planned, bytes: number): void {
    const isDirectory = type === "dir";
    this.tree(action, { root, path, isDirectory }, { files: isDirectory ? 0 : 1, directories: isDirectory ? 1 : 0, bytes });
  }

  /** A name with all below it. */
  tree(action: PlanAction, name: { readonly root: RootIndex; readonly path: BytePath; readonly isDirectory: boolean }, sums: OrphanSums): void {
    const part = this.#parts[action];
    part.files += sums.files;
    part.directories += sums.directories;
    part.bytes += sums.bytes;
    if (part.names.length < this.#namesMax) part.names.push(name);
  }
}
