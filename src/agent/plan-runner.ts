// The plan of a mirror in the source worker: made in the background, handed out as it grows.

import type { BackgroundJob, SourceEngine } from "../capture/source-engine.js";
import { PlanJob } from "../jobs/plan-job.js";
import type { Answer } from "../model/change.js";
import type { MirrorTree } from "../model/mirror-port.js";
import type { SourceCommand, SourceEvent } from "../model/source-messages.js";

export interface PlanRunnerOptions {
  readonly command: Extract<SourceCommand, { kind: "plan" }>;
  readonly engine: SourceEngine;
  readonly tree: MirrorTree;
  readonly post: (event: SourceEvent) => void;
  readonly onEnd: () => void;
}

export class PlanRunner {
  readonly #options: PlanRunnerOptions;
  readonly #job: PlanJob;
  readonly #background: BackgroundJob;

  constructor(options: PlanRunnerOptions) {
    this.#options = options;
    const { command, engine, tree } = options;
    const { connectionId, order, namesMax } = command;
    const job = new PlanJob({ tree, order, namesMax });
    this.#job = job;
    this.#background = {
      connectionId,
      get hasWork() {
        return job.hasWork;
      },
      step: async () => {
        if ((await job.step()) === "done") this.#end();
      },
    };
    engine.jobs.push(this.#background);
  }

  takeAnswer(answer: Answer): boolean {
    return this.#job.takeAnswer(answer);
  }

  askAgain(seq: number): boolean {
    return this.#job.askAgain(seq);
  }

  /** Called often: second looks become due without anybody asking. */
  tell(): void {
    const { command, post, engine } = this.#options;
    const { connectionId, jobId } = command;
    post({ kind: "planProgress", connectionId, jobId, counts: this.#job.counts, parts: this.#job.tally.parts });
    if (this.#job.hasWork) engine.wake();
  }

  stop(): void {
    const { jobs } = this.#options.engine;
    const index = jobs.indexOf(this.#background);
    if (index >= 0) jobs.splice(index, 1);
    this.#job.close();
  }

  #end(): void {
    const { command, post, onEnd } = this.#options;
    this.stop();
    this.tell();
    post({ kind: "planEnded", connectionId: command.connectionId, jobId: command.jobId });
    onEnd();
  }
}
