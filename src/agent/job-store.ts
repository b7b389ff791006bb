// The jobs of this agent on disk: the last of them, so that what they found is known after a restart; numbers are never used twice.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { toSmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import { writeFileAtomic } from "../fs/atomic-file.js";
import { isJobOver, type JobReport } from "../model/job.js";

const JOBS_KEPT = 100;
const FINDINGS_KEPT = 100;

const RESTARTED = "the agent was restarted";

/** A scrub goes on where it was. */
const AFTER_RESTART = {
  job: { status: "Failed", message: RESTARTED },
  scrub: { status: "Waiting", message: "the agent was restarted: it goes on as soon as it can" },
} as const;

interface JobFile {
  readonly lastId: number;
  readonly jobs: readonly JobReport[];
}

export class JobStore {
  readonly #path: string;
  readonly #log: Log;
  #lastId: number;
  /** Oldest first. */
  readonly #jobs = new Map<number, JobReport>();

  private constructor(path: string, { lastId, jobs }: JobFile, log: Log) {
    this.#path = path;
    this.#log = log;
    this.#lastId = lastId;
    for (const job of jobs.map(completed))
      this.#jobs.set(job.id, isJobOver(job) ? job : { ...job, ...AFTER_RESTART[job.startedBy === "scrub" ? "scrub" : "job"] });
  }

  /** What cannot be read is said and begun anew: it is a memory of jobs that are over. */
  static open(stateDir: string, log: Log): JobStore {
    const path = join(stateDir, "jobs.json");
    try {
      return new JobStore(path, JSON.parse(readFileSync(path, "utf8")) as JobFile, log);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") log.warn(`the list of jobs cannot be read: ${toSmError(error).message}`, { path });
      // Beyond any number that the lost list can have had.
      const lastId = (error as NodeJS.ErrnoException).code === "ENOENT" ? 0 : Math.floor(Date.now() / 1000);
      return new JobStore(path, { lastId, jobs: [] }, log);
    }
  }

  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** Newest first. */
  list(): readonly JobReport[] {
    return [...this.#jobs.values()].reverse();
  }

  get(id: number): JobReport | undefined {
    return this.#jobs.get(id);
  }

  /** It was running when the agent ended. */
  wasInterrupted(id: number): boolean {
    const job = this.#jobs.get(id);
    return job?.status === "Failed" && job.message === RESTARTED;
  }

  /** `isLasting`: on disk, too; a job that goes on is written when it begins and when it ends. */
  put(job: JobReport, isLasting: boolean): void {
    this.#jobs.set(job.id, job);
    for (const [id, old] of this.#jobs) {
      if (this.#jobs.size <= JOBS_KEPT) break;
      if (isJobOver(old)) this.#jobs.delete(id);
    }
    if (isLasting) this.#write();
  }

  #write(): void {
    const jobs = [...this.#jobs.values()].map(shortened);
    try {
      writeFileAtomic(this.#path, JSON.stringify({ lastId: this.#lastId, jobs } satisfies JobFile));
    } catch (error) {
      this.#log.warn(`the list of jobs cannot be written just now: ${toSmError(error).message}`, { path: this.#path });
    }
  }
}

/** Versions before knew less of a job. */
function completed(job: JobReport): JobReport {
  if (job.kind === "restore")
    return { ...job, startedBy: job.startedBy ?? "person", restore: { ...job.restore, bytesPerSecond: job.restore.bytesPerSecond ?? null } };
  if (job.kind !== "verify") return { ...job, startedBy: job.startedBy ?? "person" };
  return {
    ...job,
    startedBy: job.startedBy ?? "person",
    verify: { ...job.verify, orphans: job.verify.orphans ?? null, orphansJob: job.verify.orphansJob ?? null },
  };
}

function shortened(job: JobReport): JobReport {
  if (job.kind === "restore") return job;
  if (job.kind === "orphans") return { ...job, orphans: { ...job.orphans, findings: job.orphans.findings.slice(0, FINDINGS_KEPT) } };
  if (job.kind === "plan") return job;
  return { ...job, verify: { ...job.verify, findings: job.verify.findings.slice(0, FINDINGS_KEPT) } };
}
