// Jobs of a connection beside its replication: what they are told, and what is known of them.

import { unreachable } from "../base/assert.js";
import type { MirrorWish } from "./mirror-wish.js";
import { type OrphanOptions, type OrphansReport, orphansLeft } from "./orphans.js";
import type { PlanReport } from "./plan.js";
import type { RestoreReport } from "./restore.js";
import type { VerifyCounts, VerifyFinding, VerifyOptions } from "./verify.js";

/** What began a job. */
export type JobOrigin = "person" | "schedule" | "mirror" | "verification" | "scrub";

export type JobStatus = "Waiting" | "Running" | "Done" | "Stopped" | "Failed";

/** What is known of a job of any kind. */
interface JobFacts {
  /** Of this agent; never used twice. */
  readonly id: number;
  readonly connectionId: number;
  readonly repset: string;
  readonly target: string;
  readonly startedBy: JobOrigin;
  readonly status: JobStatus;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly finishedAt: string | null;
  /** 0…100; 100 only when it is done. */
  readonly percent: number;
  /** Why it failed, or what it waits for; null = neither. */
  readonly message: string | null;
}

export interface VerifyJobReport extends JobFacts {
  readonly kind: "verify";
  readonly verify: VerifyReport;
}

export interface OrphansJobReport extends JobFacts {
  readonly kind: "orphans";
  readonly orphans: OrphansReport;
}

/** `connectionId` 0: no connection of this agent is concerned. `target` is the machine that is restored. */
export interface RestoreJobReport extends JobFacts {
  readonly kind: "restore";
  readonly restore: RestoreReport;
}

export interface PlanJobReport extends JobFacts {
  readonly kind: "plan";
  readonly plan: PlanReport;
}

export type JobReport = VerifyJobReport | OrphansJobReport | PlanJobReport | RestoreJobReport;

export interface VerifyReport extends VerifyOptions {
  readonly counts: VerifyCounts;
  /** Extras included. */
  readonly differences: number;
  /** The first of them; the log has all. */
  readonly findings: readonly ShownFinding[];
  readonly logFile: string;
  /** The job that looks for orphans behind it; null = none has begun. */
  readonly orphansJob: number | null;
}

/** A finding for people: paths as text, of the source. */
export interface ShownFinding extends Pick<VerifyFinding, "why" | "differingBytes" | "isRepaired"> {
  readonly path: string;
}

/** Whether it goes no further than its connection: a restore has a link of its own, and holds the connection. */
export function dependsOnConnection({ kind, connectionId }: Pick<JobReport, "kind" | "connectionId">): boolean {
  return kind !== "restore" && connectionId !== 0;
}

export function isJobOver({ status }: Pick<JobReport, "status">): boolean {
  return status === "Done" || status === "Stopped" || status === "Failed";
}

/** What it found that is not as it should be, and is not put right. */
export function jobLeftovers(job: JobReport): number {
  switch (job.kind) {
    case "verify":
      return job.verify.differences;
    case "orphans":
      return orphansLeft(job.orphans);
    case "plan":
    case "restore":
      return 0;
    default:
      return unreachable(job);
  }
}

export interface JobControl {
  /** Newest first. */
  list(connectionId?: number): Promise<readonly JobReport[]>;
  show(id: number): Promise<JobReport>;
  /** Resolves when the job has ended, or after `timeoutMs` with the report of then. */
  wait(id: number, timeoutMs: number): Promise<JobReport>;
  stop(id: number): Promise<JobReport>;
  startVerify(connectionId: number, options: VerifyOptions): Promise<JobReport>;
  startOrphans(connectionId: number, options: OrphanOptions): Promise<JobReport>;
  /** What a mirror would do; `namesMax` names of each action are told. */
  startPlan(connectionId: number, wish: MirrorWish, namesMax: number): Promise<JobReport>;
}
