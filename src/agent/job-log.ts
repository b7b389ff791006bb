// What the log says of jobs that look at a target: one event for each turn of their life.

import { logEvent } from "../base/events.js";
import type { Log, LogFields } from "../base/log.js";
import type { JobReport } from "../model/job.js";

type LookingJob = Exclude<JobReport, { kind: "restore" }>;

const of = ({ connectionId, id }: JobReport): { readonly connection: number; readonly job: number } => ({ connection: connectionId, job: id });

/** It waits for what `reason` says, or goes on (null). */
export function logWaiting(log: Log, job: JobReport, reason: string | null): void {
  if (job.kind !== "verify" && job.kind !== "orphans") return;
  if (reason === null) logEvent(log, job.kind === "verify" ? "verifyResumed" : "orphansResumed", of(job));
  else logEvent(log, job.kind === "verify" ? "verifyPaused" : "orphansPaused", { ...of(job), reason });
}

/** `figures`: what else is known of it. */
export function logEnding(log: Log, job: LookingJob, figures: LogFields): void {
  const reason = job.message ?? "";
  const facts = { ...of(job), reason };
  if (job.kind === "plan") {
    logEvent(log, "planEnded", { ...of(job), outcome: job.status.toLowerCase() }, { ...figures, why: reason });
  } else if (job.status === "Failed") {
    logEvent(log, job.kind === "verify" ? "verifyFailed" : "orphansFailed", facts, figures);
  } else if (job.status !== "Done") {
    logEvent(log, job.kind === "verify" ? "verifyStopped" : "orphansStopped", facts, figures);
  } else if (job.kind === "orphans") {
    logEvent(log, "orphansEnded", { ...of(job), ...job.orphans.counts.found }, figures);
  } else {
    const { counts, differences } = job.verify;
    logEvent(log, "verifyEnded", { ...of(job), differences });
    const missing = counts.filesMissing + counts.directoriesMissing;
    if (missing > 0) logEvent(log, "verifyMissing", { ...of(job), missing });
    if (differences > 0) logEvent(log, "verifyDiffers", { ...of(job), differences });
  }
}
