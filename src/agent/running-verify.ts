// A verification that is running: its findings become lines of its log and part of its report.

import type { SourceConnection } from "../connection/source-connection.js";
import { displayPath } from "../model/byte-path.js";
import type { Mapping } from "../model/connection-spec.js";
import type { JobReport, VerifyJobReport } from "../model/job.js";
import type { SourceCommand, SourceEvent } from "../model/source-messages.js";
import { addCounts, differencesIn, type VerifyCounts, type VerifyFinding } from "../model/verify.js";
import type { VerifyLog } from "../observe/verify-log.js";
import { type JobEnding, NOT_WHOLE, type RunningJob } from "./running-job.js";

const FINDINGS_SHOWN = 1000;

/** What was to be repaired by then is on the target: the source tells of repairs before it tells of the end. */
function isRepaired({ appliedSeq, repair, pendingRepairs }: SourceConnection, endSeq: number): boolean {
  return pendingRepairs === 0 && appliedSeq >= Math.max(endSeq, repair.lastSeq);
}

export class RunningVerify implements RunningJob {
  readonly what: string;
  report: VerifyJobReport;
  readonly #log: VerifyLog;
  readonly #mappings: readonly Mapping[];
  /** Of before a restart. */
  readonly #before: VerifyCounts;
  /** All is judged and what is repaired is sent by then; null = it goes on. */
  #endSeq: number | null = null;
  #isAuditing = false;
  #isWhole = true;

  constructor(report: VerifyJobReport, log: VerifyLog, mappings: readonly Mapping[]) {
    this.report = report;
    this.#log = log;
    this.#mappings = mappings;
    this.#before = report.verify.counts;
    this.what = report.startedBy === "scrub" ? "scrub" : "verification";
  }

  get stopCommand(): SourceCommand {
    return { kind: "stopVerify", connectionId: this.report.connectionId };
  }

  get waitsFor(): string | null {
    if (this.#isAuditing) return "the source is audited first: its tree is compared with what is known of it";
    return this.#endSeq === null ? null : "what differs is being repaired";
  }

  take(event: SourceEvent): boolean {
    if (event.kind === "verifyEnded" && event.jobId === this.report.id) {
      this.#endSeq = event.lastSeq;
      this.#isWhole = event.isWhole;
    }
    if (event.kind !== "verifyProgress" || event.jobId !== this.report.id) return false;
    this.#isAuditing = event.isAuditing;
    this.#takeProgress(event.counts, event.findings);
    return true;
  }

  ending(connection: SourceConnection): JobEnding | null {
    const endSeq = this.#endSeq;
    if (endSeq === null || !(this.report.verify.repair === "no" || isRepaired(connection, endSeq))) return null;
    return this.#isWhole ? { status: "Done", message: null } : { status: "Failed", message: NOT_WHOLE };
  }

  finish({ status }: JobReport): void {
    this.#log.end(status.toLowerCase(), this.report.verify.counts);
  }

  #takeProgress(since: VerifyCounts, findings: readonly VerifyFinding[]): void {
    const shown = findings.map((finding) => {
      const { root, path, why, differingBytes, isRepaired } = finding;
      const absolute = `${this.#mappings[root]?.source ?? ""}${path === "" ? "" : `/${displayPath(path)}`}`;
      this.#log.finding(absolute, finding);
      return { path: absolute, why, differingBytes, isRepaired };
    });
    const { verify } = this.report;
    const counts = addCounts(this.#before, since);
    const all = [...verify.findings, ...shown].slice(0, FINDINGS_SHOWN);
    const share = counts.filesTotal === 0 ? 1 : counts.files / counts.filesTotal;
    const percent = Math.min(99, Math.floor(share * 100));
    this.report = { ...this.report, percent, verify: { ...verify, counts, differences: differencesIn(counts), findings: all } };
  }
}
