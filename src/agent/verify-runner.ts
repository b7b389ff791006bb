// The verification of one connection in the source worker.

import type { SourceEngine } from "../capture/source-engine.js";
import { VerifyJob } from "../jobs/verify-job.js";
import type { Answer } from "../model/change.js";
import type { DirtyPlace } from "../model/dirty-place.js";
import type { MirrorTree } from "../model/mirror-port.js";
import type { SourceEvent } from "../model/source-messages.js";
import type { VerifyFinding, VerifyOptions } from "../model/verify.js";
import type { VerifyPosition } from "../model/verify-position.js";
import { BackgroundRun, type SteppedJob } from "./background-run.js";

export interface VerifyRunnerOptions {
  readonly connectionId: number;
  readonly jobId: number;
  readonly verify: VerifyOptions;
  readonly engine: SourceEngine;
  readonly tree: MirrorTree;
  readonly post: (event: SourceEvent) => void;
  /** What holds a scrub to its place and rate; null = a verification as such. */
  readonly scrub: { readonly bytesPerSecond: number; readonly start: VerifyPosition | null } | null;
  /** `alone`: nothing beside it may be touched, so it never becomes part of a coarser place. */
  readonly repair: (place: DirtyPlace, how: { readonly alone: boolean }) => void;
  readonly onEnd: () => void;
}

const POSITION_EVERY_MS = 1000;

/** What no event had told of is owned up to first: what a verification brings up to date where it looks would never be known. */
class BehindAudit implements SteppedJob {
  readonly #job: VerifyJob;
  readonly #audit: SourceEngine["audit"];
  /** Of the one before: a further audit may have begun when this one is looked at. */
  readonly #lastMs: number | null;
  #isAudited = false;

  constructor(job: VerifyJob, engine: SourceEngine) {
    this.#job = job;
    this.#audit = engine.audit;
    this.#lastMs = engine.audit.figures.lastMs;
    engine.startAudit(true);
  }

  get isAuditing(): boolean {
    this.#isAudited ||= !this.#audit.isRunning || this.#audit.figures.lastMs !== this.#lastMs;
    return !this.#isAudited;
  }

  get hasWork(): boolean {
    return !this.isAuditing && this.#job.hasWork;
  }

  step(): ReturnType<SteppedJob["step"]> {
    return this.#job.step();
  }

  takeAnswer(answer: Answer): boolean {
    return this.#job.takeAnswer(answer);
  }

  askAgain(seq: number): boolean {
    return this.#job.askAgain(seq);
  }
}

export class VerifyRunner {
  readonly #options: VerifyRunnerOptions;
  readonly #job: VerifyJob;
  readonly #run: BackgroundRun<VerifyFinding>;
  #positionMs = 0;

  constructor(options: VerifyRunnerOptions) {
    this.#options = options;
    const { connectionId, jobId, engine, tree, verify, scrub, post } = options;
    const job = new VerifyJob({ connectionId, content: verify.content, tree, ...scrub, onFinding: (finding) => this.#take(finding) });
    this.#job = job;
    const behind = new BehindAudit(job, engine);
    this.#run = new BackgroundRun({
      connectionId,
      engine,
      job: behind,
      onTell: (findings) => {
        const { isAuditing } = behind;
        job.followRenames();
        const { isWhole, tally } = job;
        post({ kind: "verifyProgress", connectionId, jobId, counts: tally.counts, findings, isAuditing, isWhole, position: this.#position() });
      },
      onDone: () => this.#end(),
    });
  }

  /** Of a scrub, about once a second. */
  #position(): VerifyPosition | null {
    const nowMs = performance.now();
    if (this.#options.scrub === null || nowMs - this.#positionMs < POSITION_EVERY_MS) return null;
    this.#positionMs = nowMs;
    return this.#job.position;
  }

  pause(isPaused: boolean): void {
    this.#job.pause(isPaused);
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

  #end(): void {
    const { connectionId, jobId, post, engine, onEnd } = this.#options;
    this.#job.close();
    post({ kind: "verifyEnded", connectionId, jobId, lastSeq: engine.writer.flush(), isWhole: this.#job.isWhole });
    onEnd();
  }

  #take(finding: Omit<VerifyFinding, "isRepaired">): boolean {
    const isRepaired = this.#mayRepair(finding);
    const { root, path, why, type } = finding;
    // Where its place becomes part of a coarser one, times that are equal must not vouch for what differs.
    const { content, repair } = this.#options.verify;
    const place = { root, path, level: type === "dir" && why !== "attr" ? "tree" : "entry", thorough: why === "content" && content === "all" } as const;
    if (isRepaired) this.#options.repair(place, { alone: repair === "newer" });
    this.#run.found({ ...finding, isRepaired });
    return isRepaired;
  }

  #mayRepair({ why, source, target }: Omit<VerifyFinding, "isRepaired">): boolean {
    const { repair } = this.#options.verify;
    if (repair === "no" || why === "extra") return false;
    if (repair === "all" || source === null || target === null) return true;
    return source.mtimeSec > target.mtimeSec || (source.mtimeSec === target.mtimeSec && source.mtimeNsec > target.mtimeNsec);
  }
}
