// The verification of one connection in the source worker: runs it in the background, hands out what it found in batches.

import type { BackgroundJob, SourceEngine } from "../capture/source-engine.js";
import { VerifyJob } from "../jobs/verify-job.js";
import type { Answer } from "../model/change.js";
import type { DirtyPlace } from "../model/dirty-place.js";
import type { MirrorTree } from "../model/mirror-port.js";
import type { SourceEvent } from "../model/source-messages.js";
import type { VerifyFinding, VerifyOptions } from "../model/verify.js";

export interface VerifyRunnerOptions {
  readonly connectionId: number;
  readonly jobId: number;
  readonly verify: VerifyOptions;
  readonly engine: SourceEngine;
  readonly tree: MirrorTree;
  readonly post: (event: SourceEvent) => void;
  readonly repair: (place: DirtyPlace) => void;
  readonly onEnd: () => void;
}

/** More are told at once, lest memory grows. */
const FINDINGS_MAX = 1000;

export class VerifyRunner {
  readonly #options: VerifyRunnerOptions;
  readonly #job: VerifyJob;
  readonly #background: BackgroundJob;
  #findings: VerifyFinding[] = [];

  constructor(options: VerifyRunnerOptions) {
    this.#options = options;
    const { connectionId, engine, tree, verify } = options;
    const job = new VerifyJob({ connectionId, content: verify.content, tree, onFinding: (finding) => this.#take(finding) });
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

  get jobId(): number {
    return this.#options.jobId;
  }

  takeAnswer(answer: Answer): boolean {
    return this.#job.takeAnswer(answer);
  }

  askAgain(seq: number): boolean {
    return this.#job.askAgain(seq);
  }

  /** Called often: second looks become due without anybody asking. */
  tell(): void {
    const { connectionId, jobId, post, engine } = this.#options;
    post({ kind: "verifyProgress", connectionId, jobId, counts: this.#job.tally.counts, findings: this.#findings.splice(0) });
    if (this.#job.hasWork) engine.wake();
  }

  stop(): void {
    const { jobs } = this.#options.engine;
    const index = jobs.indexOf(this.#background);
    if (index >= 0) jobs.splice(index, 1);
    this.#job.close();
  }

  #end(): void {
    const { connectionId, jobId, post, engine, onEnd } = this.#options;
    this.stop();
    this.tell();
    post({ kind: "verifyEnded", connectionId, jobId, lastSeq: engine.writer.flush() });
    onEnd();
  }

  #take(finding: Omit<VerifyFinding, "isRepaired">): boolean {
    const isRepaired = this.#mayRepair(finding);
    const { root, path, why, type } = finding;
    if (isRepaired) this.#options.repair({ root, path, level: type === "dir" && why !== "attr" ? "tree" : "entry", thorough: false });
    this.#findings.push({ ...finding, isRepaired });
    if (this.#findings.length >= FINDINGS_MAX) this.tell();
    return isRepaired;
  }

  #mayRepair({ why, source, target }: Omit<VerifyFinding, "isRepaired">): boolean {
    const { repair } = this.#options.verify;
    if (repair === "no" || why === "extra") return false;
    if (repair === "all" || source === null || target === null) return true;
    return source.mtimeSec > target.mtimeSec || (source.mtimeSec === target.mtimeSec && source.mtimeNsec > target.mtimeNsec);
  }
}
