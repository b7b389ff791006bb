// The orphans job of one connection in the source worker: runs it in the background, hands out what it found in batches.

import type { BackgroundJob, SourceEngine } from "../capture/source-engine.js";
import { OrphansJob } from "../jobs/orphans-job.js";
import type { Answer } from "../model/change.js";
import type { MirrorTree } from "../model/mirror-port.js";
import type { OrphanFinding } from "../model/orphans.js";
import type { SourceCommand, SourceEvent } from "../model/source-messages.js";

export interface OrphansRunnerOptions {
  readonly command: Extract<SourceCommand, { kind: "orphans" }>;
  readonly engine: SourceEngine;
  readonly tree: MirrorTree;
  readonly post: (event: SourceEvent) => void;
  readonly onEnd: () => void;
}

/** More are told at once, lest memory grows. */
const FINDINGS_MAX = 1000;

export class OrphansRunner {
  readonly #options: OrphansRunnerOptions;
  readonly #job: OrphansJob;
  readonly #background: BackgroundJob;
  #findings: OrphanFinding[] = [];

  constructor(options: OrphansRunnerOptions) {
    this.#options = options;
    const { command, engine, tree } = options;
    const { connectionId, confirmFiles, place } = command;
    const job = new OrphansJob({ connectionId, orphans: command.options, confirmFiles, place, tree, onFinding: (finding) => this.#take(finding) });
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
    post({ kind: "orphansProgress", connectionId, jobId, counts: this.#job.tally.counts, findings: this.#findings.splice(0) });
    if (this.#job.hasWork) engine.wake();
  }

  stop(): void {
    const { jobs } = this.#options.engine;
    const index = jobs.indexOf(this.#background);
    if (index >= 0) jobs.splice(index, 1);
  }

  #end(): void {
    const { command, post, engine, onEnd } = this.#options;
    this.stop();
    this.tell();
    engine.writer.flush();
    post({ kind: "orphansEnded", connectionId: command.connectionId, jobId: command.jobId, failure: this.#job.failure });
    onEnd();
  }

  #take(finding: OrphanFinding): void {
    this.#findings.push(finding);
    if (this.#findings.length >= FINDINGS_MAX) this.tell();
  }
}
