// The jobs of one kind that belong to a connection: the last one, and an end to those that run.

import { SmError } from "../../base/errors.js";
import { isJobOver, type JobReport } from "../../model/job.js";
import type { AgentApi } from "../agent-api.js";

export interface JobChoice {
  readonly connectionId: number;
  readonly kind: "verify" | "orphans";
}

/** The newest first. Rejects with NOT_FOUND when there is no such connection. */
async function jobsOf(api: AgentApi, { connectionId, kind }: JobChoice): Promise<JobReport[]> {
  const { jobs } = await api.call("job.list", { id: connectionId });
  if (jobs.length === 0) await api.call("connection.show", { id: connectionId });
  return jobs.filter((job) => job.kind === kind);
}

/** With what it found. Rejects with NOT_FOUND when there was none. */
export async function lastJob(api: AgentApi, choice: JobChoice): Promise<JobReport> {
  const [last] = await jobsOf(api, choice);
  const { kind, connectionId } = choice;
  if (last === undefined) throw new SmError("NOT_FOUND", `connection ${connectionId} has no such job yet; \`sm ${kind} start ${connectionId}\` starts one`);
  return (await api.call("job.show", { job: last.id })).job;
}

/** Those that were ended; one that is over already is left out. */
export async function stopJobs(api: AgentApi, choice: JobChoice): Promise<JobReport[]> {
  const stopped: JobReport[] = [];
  for (const job of await jobsOf(api, choice)) if (!isJobOver(job)) stopped.push((await api.call("job.stop", { job: job.id })).job);
  return stopped;
}
