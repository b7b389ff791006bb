import { ERRORS } from "../../base/errors.js";
import { dependsOnConnection, isJobOver, type JobReport, jobLeftovers } from "../../model/job.js";
import type { AgentApi } from "../agent-api.js";
import { jobFigure } from "../format/job-text.js";
import { formatPercent } from "../format/quantities.js";
import { parseDurationSeconds } from "../parse/duration.js";
import { StuckLook } from "./stuck-look.js";

const REFRESH_MS = 500;
/** Where no terminal is, a line now and then says that it goes on. */
const LINE_EVERY_MS = 10_000;

export interface JobWait {
  readonly api: AgentApi;
  readonly job: JobReport;
  readonly timeoutMs: number;
  /** Null = nothing is said. */
  readonly stream: NodeJS.WriteStream | null;
}

/** The job when it has ended, or as it is when the time is over. */
export async function waitForJob({ api, job: first, timeoutMs, stream }: JobWait): Promise<JobReport> {
  const deadline = performance.now() + timeoutMs;
  let job = first;
  let saidMs = 0;
  const stuck = new StuckLook(api, `job ${job.id}`, timeoutMs);
  for (;;) {
    const leftMs = deadline - performance.now();
    if (isJobOver(job) || leftMs <= 0) break;
    ({ job } = await api.call("job.wait", { job: job.id, timeoutMs: Math.ceil(Math.min(REFRESH_MS, leftMs)) }));
    if (!isJobOver(job) && dependsOnConnection(job)) await stuck.look(job.connectionId);
    if (stream === null || (!stream.isTTY && performance.now() - saidMs < LINE_EVERY_MS)) continue;
    saidMs = performance.now();
    const text = `job ${job.id}: ${job.status} ${formatPercent(job.percent)}, ${jobFigure(job)}`;
    stream.write(stream.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
  }
  if (stream?.isTTY === true) stream.write("\r\x1b[K");
  return job;
}

/** 0 all equal, or nothing left to do; 4 failed, 5 something is left or it was stopped, 6 still running. */
export function jobExitCode(job: JobReport): number {
  switch (job.status) {
    case "Failed":
      return ERRORS.APPLY_FAILED.exitCode;
    case "Done":
      return jobLeftovers(job) > 0 ? 5 : 0;
    case "Stopped":
      return 5;
    default:
      return ERRORS.TIMEOUT.exitCode;
  }
}

export interface StartedWait {
  readonly api: AgentApi;
  readonly job: JobReport;
  /** Of --timeout; undefined = none. */
  readonly timeout: string | undefined;
  readonly isJson: boolean;
}

/** In ms. */
export function timeoutOf({ timeout }: Pick<StartedWait, "timeout">): number {
  return timeout === undefined ? Number.POSITIVE_INFINITY : parseDurationSeconds("--timeout", timeout) * 1000;
}

/** Waits for a job that this very command started: an interrupt leaves it running, and says so. */
export async function waitForStarted({ api, job, timeout, isJson }: StartedWait): Promise<JobReport> {
  const timeoutMs = timeoutOf({ timeout });
  const detach = (): void => {
    process.stderr.write(`\njob ${job.id} goes on; \`sm job wait ${job.id}\` waits for it, \`sm job stop ${job.id}\` ends it\n`);
    process.exit(ERRORS.TIMEOUT.exitCode);
  };
  process.once("SIGINT", detach);
  try {
    return await waitForJob({ api, job, timeoutMs, stream: isJson ? null : process.stderr });
  } finally {
    process.removeListener("SIGINT", detach);
  }
}
