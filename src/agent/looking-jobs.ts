// The jobs of one connection in the source worker that look at its target beside replication: one
// verification, one scrub, one orphans job, one plan.

import type { SourceEngine } from "../capture/source-engine.js";
import type { Answer } from "../model/change.js";
import type { MirrorTree } from "../model/mirror-port.js";
import type { OrphanFinding } from "../model/orphans.js";
import type { SourceCommand, SourceEvent } from "../model/source-messages.js";
import type { BackgroundRun } from "./background-run.js";
import { runOrphans } from "./orphans-runner.js";
import { PlanRunner } from "./plan-runner.js";
import { VerifyRunner, type VerifyRunnerOptions } from "./verify-runner.js";

export interface LookingJobsOptions {
  readonly connectionId: number;
  readonly engine: SourceEngine;
  readonly tree: MirrorTree;
  readonly post: (event: SourceEvent) => void;
  readonly repair: VerifyRunnerOptions["repair"];
}

export type LookingCommand = Extract<
  SourceCommand,
  { kind: "verify" | "stopVerify" | "scrub" | "pauseScrub" | "stopScrub" | "orphans" | "stopOrphans" | "plan" | "stopPlan" }
>;

export class LookingJobs {
  readonly #options: LookingJobsOptions;
  #verify: VerifyRunner | null = null;
  #scrub: VerifyRunner | null = null;
  #orphans: BackgroundRun<OrphanFinding> | null = null;
  #plan: PlanRunner | null = null;

  constructor(options: LookingJobsOptions) {
    this.#options = options;
  }

  obey(command: LookingCommand): void {
    switch (command.kind) {
      case "verify":
        this.stopVerify();
        this.#verify = this.#runner(command, () => {
          this.#verify = null;
        });
        break;
      case "stopVerify":
        this.stopVerify();
        break;
      case "scrub":
        this.stopScrub();
        this.#scrub = this.#runner(command, () => {
          this.#scrub = null;
        });
        break;
      case "pauseScrub":
        this.#scrub?.pause(command.isPaused);
        break;
      case "stopScrub":
        this.stopScrub();
        break;
      case "orphans":
        this.#startOrphans(command);
        break;
      case "stopOrphans":
        this.stopOrphans();
        break;
      case "plan":
        this.#startPlan(command);
        break;
      case "stopPlan":
        this.stopPlan();
    }
  }

  #runner(command: Extract<LookingCommand, { kind: "verify" | "scrub" }>, onEnd: () => void): VerifyRunner {
    return new VerifyRunner({ ...this.#options, jobId: command.jobId, verify: command.options, scrub: command.kind === "scrub" ? command : null, onEnd });
  }

  #startOrphans(command: Extract<LookingCommand, { kind: "orphans" }>): void {
    const { engine, tree, post } = this.#options;
    const onEnd = (): void => {
      this.#orphans = null;
    };
    this.stopOrphans();
    this.#orphans = runOrphans({ command, engine, tree, post, onEnd });
  }

  #startPlan(command: Extract<LookingCommand, { kind: "plan" }>): void {
    const { engine, tree, post } = this.#options;
    const onEnd = (): void => {
      this.#plan = null;
    };
    this.stopPlan();
    this.#plan = new PlanRunner({ command, engine, tree, post, onEnd });
  }

  /** A scrub gives way to it. */
  mirrorBegins(): void {
    this.stopVerify();
    this.stopOrphans();
    this.stopPlan();
    this.#scrub?.pause(true);
  }

  stopVerify(): void {
    this.#verify?.stop();
    this.#verify = null;
  }

  stopScrub(): void {
    this.#scrub?.stop();
    this.#scrub = null;
  }

  stopOrphans(): void {
    this.#orphans?.stop();
    this.#orphans = null;
  }

  stopPlan(): void {
    this.#plan?.stop();
    this.#plan = null;
  }

  stop(): void {
    this.stopVerify();
    this.stopScrub();
    this.stopOrphans();
    this.stopPlan();
  }

  tell(): void {
    this.#verify?.tell();
    this.#scrub?.tell();
    this.#orphans?.tell();
    this.#plan?.tell();
  }

  takeAnswer(answer: Answer): boolean {
    return [this.#verify, this.#scrub, this.#orphans, this.#plan].some((job) => job?.takeAnswer(answer) === true);
  }

  askAgain(seq: number): boolean {
    return [this.#verify, this.#scrub, this.#orphans, this.#plan].some((job) => job?.askAgain(seq) === true);
  }
}
