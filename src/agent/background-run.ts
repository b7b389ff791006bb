// A job of the source worker in the background: steps while it has work, hands out what it found in batches, ends once.

import type { BackgroundJob, SourceEngine } from "../capture/source-engine.js";
import type { Answer } from "../model/change.js";

/** The job, as it is stepped and as answers find it. */
export interface SteppedJob {
  readonly hasWork: boolean;
  step(): Promise<"worked" | "waiting" | "done">;
  takeAnswer(answer: Answer): boolean;
  askAgain(seq: number): boolean;
}

export interface BackgroundRunOptions<Finding> {
  readonly connectionId: number;
  readonly engine: SourceEngine;
  readonly job: SteppedJob;
  /** Posts how far it is, and what it found since the last time. */
  readonly onTell: (findings: readonly Finding[]) => void;
  /** It is done, and all is told. */
  readonly onDone: () => void;
}

/** More are told at once, lest memory grows. */
const FINDINGS_MAX = 1000;

export class BackgroundRun<Finding> {
  readonly #options: BackgroundRunOptions<Finding>;
  readonly #background: BackgroundJob;
  #findings: Finding[] = [];

  constructor(options: BackgroundRunOptions<Finding>) {
    this.#options = options;
    const { connectionId, engine, job } = options;
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
    return this.#options.job.takeAnswer(answer);
  }

  askAgain(seq: number): boolean {
    return this.#options.job.askAgain(seq);
  }

  found(finding: Finding): void {
    this.#findings.push(finding);
    if (this.#findings.length >= FINDINGS_MAX) this.tell();
  }

  /** Called often: second looks become due without anybody asking. */
  tell(): void {
    const { job, engine, onTell } = this.#options;
    onTell(this.#findings.splice(0));
    if (job.hasWork) engine.wake();
  }

  stop(): void {
    const { jobs } = this.#options.engine;
    const index = jobs.indexOf(this.#background);
    if (index >= 0) jobs.splice(index, 1);
  }

  #end(): void {
    this.stop();
    this.tell();
    this.#options.onDone();
  }
}
