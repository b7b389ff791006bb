// Waits for the orphans job behind a mirror or a verification, which begins when that is over.

import { delay } from "../../base/wait.js";
import type { JobReport } from "../../model/job.js";
import type { MirrorReport } from "../../model/status.js";
import type { AgentApi } from "../agent-api.js";
import { type StartedWait, timeoutOf, waitForJob, waitForStarted } from "./job-wait.js";

const LOOK_MS = 300;

export interface VerificationEnd {
  readonly job: JobReport;
  /** Null = none was wanted, or none has begun. */
  readonly orphansJob: JobReport | null;
}

export async function waitForVerification(wait: StartedWait): Promise<VerificationEnd> {
  const deadline = performance.now() + timeoutOf(wait);
  let job = await waitForStarted(wait);
  const isWanted = (): boolean => job.kind === "verify" && job.verify.orphans !== null && job.status === "Done";
  while (isWanted() && idOf(job) === null && performance.now() < deadline) {
    await delay(LOOK_MS);
    ({ job } = await wait.api.call("job.show", { job: job.id }));
  }
  const id = idOf(job);
  return { job, orphansJob: id === null ? null : await waitForId(wait.api, id, deadline, wait.isJson) };
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
