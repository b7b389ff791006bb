// The orphans job that a mirror has behind it, as the user sees it.

import type { OrphanOptions } from "../model/orphans.js";
import type { SweepReport } from "../model/status.js";

export class SweepTracker {
  #report: SweepReport | null = null;

  /** A mirror begins; null = nothing comes behind it. */
  begin(orphans: OrphanOptions | null): void {
    this.#report = orphans === null ? null : { action: orphans.action, state: "waiting", job: null };
  }

  /** Its job has begun. */
  started(job: number): void {
    if (this.#report?.state === "waiting") this.#report = { ...this.#report, state: "begun", job };
  }

  /** It will not come. */
  drop(): void {
    if (this.#report?.state === "waiting") this.#report = { ...this.#report, state: "dropped" };
  }

  report(): SweepReport | null {
    return this.#report;
  }
}
