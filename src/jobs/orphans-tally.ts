// Totals of an orphans job.

import { addSums, type OrphanSums } from "../model/orphan-sums.js";
import { NOTHING_SWEPT, type OrphanCounts } from "../model/orphans.js";
import type { Orphan } from "./orphan-book.js";

export class OrphansTally {
  #counts: { -readonly [K in keyof OrphanCounts]: OrphanCounts[K] } = { ...NOTHING_SWEPT };

  get counts(): OrphanCounts {
    return { ...this.#counts };
  }

  begin(directories: number): void {
    this.#counts = { ...NOTHING_SWEPT, directoriesTotal: directories };
  }

  directory(): void {
    this.#counts.directoriesDone += 1;
  }

  names(count: number): void {
    this.#counts.names += count;
  }

  kept(count: number): void {
    this.#counts.kept += count;
  }

  found(orphan: Orphan): void {
    this.#counts.found = addSums(this.#counts.found, orphan);
    this.#counts.kept += orphan.kept;
  }

  failed(count: number): void {
    this.#counts.failed += count;
  }

  partial(): void {
    this.#counts.isPartial = true;
  }

  done(sums: OrphanSums, failed: number): void {
    this.#counts.done = addSums(this.#counts.done, sums);
    this.#counts.failed += failed;
  }
}
