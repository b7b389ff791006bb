// The plan of a mirror in the source worker: made in the background, handed out as it grows.

import type { SourceEngine } from "../capture/source-engine.js";
import { PlanJob } from "../jobs/plan-job.js";
import type { Answer } from "../model/change.js";
import type { MirrorTree } from "../model/mirror-port.js";
import type { SourceCommand, SourceEvent } from "../model/source-messages.js";
import { BackgroundRun } from "./background-run.js";

export interface PlanRunnerOptions {
  readonly command: Extract<SourceCommand, { kind: "plan" }>;
  readonly engine: SourceEngine;
  readonly tree: MirrorTree;
  readonly post: (event: SourceEvent) => void;
  readonly onEnd: () => void;
}

export class PlanRunner {
  readonly #job: PlanJob;
  /** What it found is told as sums. */
  readonly #run: BackgroundRun<never>;

  constructor({ command, engine, tree, post, onEnd }: PlanRunnerOptions) {
    const { connectionId, jobId, order, namesMax } = command;
    const job = new PlanJob({ tree, order, namesMax });
    this.#job = job;
    this.#run = new BackgroundRun({
      connectionId,
      engine,
      job,
      onTell: () => post({ kind: "planProgress", connectionId, jobId, counts: job.counts, parts: job.tally.parts }),
      onDone: () => {
        job.close();
        post({ kind: "planEnded", connectionId, jobId, isWhole: job.isWhole });
        onEnd();
      },
    });
  }

  takeAnswer(answer: Answer): boolean {
    return this.#run.takeAnswer(answer);
  }

  askAgain(seq: number): boolean {
    return this.#run.askAgain(seq);
  }

  tell(): void {
    this.#run.tell();
  }

  stop(): void {
    this.#run.stop();
    this.#job.close();
  }
}
