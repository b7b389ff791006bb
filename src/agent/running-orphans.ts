// An orphans job that is running.

import type { SourceConnection } from "../connection/source-connection.js";
import { displayPath } from "../model/byte-path.js";
import type { Mapping } from "../model/connection-spec.js";
import type { OrphansJobReport } from "../model/job.js";
import { guardOf, type OrphanCounts, type OrphanFinding } from "../model/orphans.js";
import type { SourceCommand, SourceEvent } from "../model/source-messages.js";
import type { JobEnding, RunningJob } from "./running-job.js";

const FINDINGS_SHOWN = 1000;

export class RunningOrphans implements RunningJob {
  readonly what = "orphans job";
  readonly waitsFor = null;
  report: OrphansJobReport;
  readonly #mappings: readonly Mapping[];
  readonly #confirmFiles: number;
  #ending: JobEnding | null = null;

  constructor(report: OrphansJobReport, mappings: readonly Mapping[], confirmFiles: number) {
    this.report = report;
    this.#mappings = mappings;
    this.#confirmFiles = confirmFiles;
  }

  get stopCommand(): SourceCommand {
    return { kind: "stopOrphans", connectionId: this.report.connectionId };
  }

  take(event: SourceEvent): boolean {
    if (event.kind === "orphansEnded" && event.jobId === this.report.id) {
      this.#ending = { status: event.failure === null ? "Done" : "Failed", message: event.failure ?? this.#remark };
      return false;
    }
    if (event.kind !== "orphansProgress" || event.jobId !== this.report.id) return false;
    this.#takeProgress(event.counts, event.findings);
    return true;
  }

  ending({ channel }: SourceConnection): JobEnding | null {
    // What came instead of the target would end the channel at the next question.
    if (this.#ending === null && channel !== null && !channel.sweepsOrphans)
      return { status: "Failed", message: "the target is of a version now that does not know orphans" };
    return this.#ending;
  }

  finish(): void {
    // The log of orphans is the target's.
  }

  get #remark(): string | null {
    const { counts, action, isDryRun, isConfirmed } = this.report.orphans;
    const guard = isDryRun && action !== "report" && !isConfirmed ? guardOf(counts, this.#confirmFiles) : null;
    const remarks = [counts.isPartial ? "there are more: start it again for the rest" : null, guard === null ? null : `${guard}: it takes --yes`];
    return remarks.filter((remark) => remark !== null).join("; ") || null;
  }

  #takeProgress(counts: OrphanCounts, findings: readonly OrphanFinding[]): void {
    const shown = findings.map(({ root, path, ...finding }) => ({ path: `${this.#mappings[root]?.target ?? ""}/${displayPath(path)}`, ...finding }));
    const { orphans } = this.report;
    const all = [...orphans.findings, ...shown].slice(0, FINDINGS_SHOWN);
    this.report = { ...this.report, percent: percentOf(this.report, counts), orphans: { ...orphans, counts, findings: all } };
  }
}

/** Half of it is looking, when something is done with what is found. */
function percentOf({ orphans: { action, isDryRun } }: OrphansJobReport, counts: OrphanCounts): number {
  const looked = Math.min(1, counts.directoriesDone / Math.max(1, counts.directoriesTotal));
  const { found, done } = counts;
  const share = (done.files + done.directories) / Math.max(1, found.files + found.directories);
  const percent = action === "report" || isDryRun ? looked * 100 : looked * 50 + Math.min(1, share) * 50;
  return Math.min(99, Math.floor(percent));
}
