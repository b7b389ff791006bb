// The plan of a mirror, while it is made.

import type { SourceConnection } from "../connection/source-connection.js";
import { displayPath } from "../model/byte-path.js";
import type { Mapping } from "../model/connection-spec.js";
import type { PlanJobReport } from "../model/job.js";
import { type PlanAction, type PlannedName, type PlannedPart, partsOf } from "../model/plan.js";
import type { SourceCommand, SourceEvent } from "../model/source-messages.js";
import { type JobEnding, NOT_WHOLE, type RunningJob } from "./running-job.js";

export class RunningPlan implements RunningJob {
  readonly what = "plan";
  readonly waitsFor = null;
  report: PlanJobReport;
  readonly #mappings: readonly Mapping[];
  #ending: JobEnding | null = null;

  constructor(report: PlanJobReport, mappings: readonly Mapping[]) {
    this.report = report;
    this.#mappings = mappings;
  }

  get stopCommand(): SourceCommand {
    return { kind: "stopPlan", connectionId: this.report.connectionId };
  }

  take(event: SourceEvent): boolean {
    if (event.kind === "planEnded" && event.jobId === this.report.id)
      this.#ending = event.isWhole ? { status: "Done", message: null } : { status: "Failed", message: NOT_WHOLE };
    if (event.kind !== "planProgress" || event.jobId !== this.report.id) return false;
    const { counts, parts } = event;
    const percent = Math.min(99, Math.floor((counts.filesTotal === 0 ? 1 : counts.files / counts.filesTotal) * 100));
    this.report = { ...this.report, percent, plan: { ...this.report.plan, counts, parts: partsOf((action) => this.#shown(action, parts[action])) } };
    return true;
  }

  ending({ channel }: SourceConnection): JobEnding | null {
    // What came instead of the target would end the channel at the next question.
    if (this.#ending === null && channel !== null && !channel.sweepsOrphans)
      return { status: "Failed", message: "the target is of a version now that does not count what only it has" };
    return this.#ending;
  }

  finish(): void {
    // A plan has no log of its own.
  }

  #shown(action: PlanAction, { names, ...sums }: PlannedPart): PlanJobReport["plan"]["parts"][PlanAction] {
    const side = action === "delete" || action === "stay" ? "target" : "source";
    return { ...sums, names: names.map((name) => this.#nameOf(name, side)) };
  }

  #nameOf({ root, path, isDirectory }: PlannedName, side: keyof Mapping): string {
    const top = this.#mappings[root]?.[side] ?? "";
    const absolute = path === "" ? top : `${top === "/" ? "" : top}/${displayPath(path)}`;
    return isDirectory && absolute !== "/" ? `${absolute}/` : absolute;
  }
}
