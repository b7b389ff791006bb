// Waits for the orphans job behind a mirror or a verification, which begins when that is over.

import { ERRORS, SmError } from "../../base/errors.js";
import { delay } from "../../base/wait.js";
import type { JobReport } from "../../model/job.js";
import type { MirrorReport } from "../../model/status.js";
import type { AgentApi } from "../agent-api.js";
import { jobExitCode, type StartedWait, timeoutOf, waitForJob, waitForStarted } from "./job-wait.js";

const LOOK_MS = 300;
/** Of the reason that a connection gives while its orphans job is still to begin. */
const WAITING_CODE = "ORPHANS_WAITING";

export interface VerificationEnd {
  readonly job: JobReport;
  /** Null = none was wanted, or none has begun. */
  readonly orphansJob: JobReport | null;
  /** The worse of both; 6 while the second waits, 5 when it will not begin. */
  readonly exitCode: number;
}

export async function waitForVerification(wait: StartedWait): Promise<VerificationEnd> {
  const deadline = performance.now() + timeoutOf(wait);
  let job = await waitForStarted(wait);
  const isWanted = job.kind === "verify" && job.verify.orphans !== null && job.status === "Done";
  let isComing = isWanted;
  while (isComing && idOf(job) === null && performance.now() < deadline) {
    await delay(LOOK_MS);
    // Asked before the job: what is no reason any more has begun by then, or never will.
    isComing = await isOrphansJobComing(wait.api, job);
    ({ job } = await wait.api.call("job.show", { job: job.id }));
  }
  const id = idOf(job);
  if (id === null) return { job, orphansJob: null, exitCode: isWanted ? missingExitCode(isComing) : jobExitCode(job) };
  const orphansJob = await waitForId(wait.api, id, deadline, wait.isJson);
  return { job, orphansJob, exitCode: Math.max(jobExitCode(job), jobExitCode(orphansJob)) };
}

function missingExitCode(isComing: boolean): number {
  return isComing ? ERRORS.TIMEOUT.exitCode : ERRORS.DONE_WITH_PROBLEMS.exitCode;
}

/** A connection that was ended, restored or rejected since gives up what was to come. */
async function isOrphansJobComing(api: AgentApi, { id, connectionId }: JobReport): Promise<boolean> {
  try {
    const { connection } = await api.call("connection.show", { id: connectionId });
    return connection.reasons.some(({ code, message }) => code === WAITING_CODE && message.endsWith(`verification ${id}`));
  } catch (error) {
    if (error instanceof SmError && error.code === "NOT_FOUND") return false;
    throw error;
  }
}

/** The job behind a mirror that is over; null = it has none, or none has begun. */
export async function waitForMirrorOrphans(api: AgentApi, { sweep }: MirrorReport, deadline: number, isJson: boolean): Promise<JobReport | null> {
  return sweep === null || sweep.job === null ? null : waitForId(api, sweep.job, deadline, isJson);
}

async function waitForId(api: AgentApi, id: number, deadline: number, isJson: boolean): Promise<JobReport> {
  const { job } = await api.call("job.show", { job: id });
  return waitForJob({ api, job, timeoutMs: Math.max(0, deadline - performance.now()), stream: isJson ? null : process.stderr });
}

function idOf(job: JobReport): number | null {
  return job.kind === "verify" ? job.verify.orphansJob : null;
}
