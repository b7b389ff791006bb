// One connection's mirrors as the user sees them: the current or last one, its counts, its end.

import type { MirrorWish } from "../model/mirror-wish.js";
import type { MirrorCounts, SourceEvent } from "../model/source-messages.js";
import type { MirrorReport, ProblemReport } from "../model/status.js";

const NO_COUNTS: MirrorCounts = {
  filesTotal: 0,
  bytesTotal: 0,
  filesDone: 0,
  bytesDone: 0,
  bytesSkipped: 0,
  orphans: 0,
  removed: 0,
  orphanNames: [],
  leftAlone: 0,
  leftAloneNames: [],
  percent: 0,
};
const PROBLEMS_KEPT = 100;

export class MirrorTracker {
  id = 0;
  #wish: MirrorWish | null = null;
  #outcome: MirrorReport["outcome"] = null;
  #startedAt: string | null = null;
  #finishedAt: string | null = null;
  #counts: MirrorCounts = NO_COUNTS;
  /** Last set of the mirror, once all of it is emitted. */
  #emittedSeq: number | null = null;
  #problems: ProblemReport[] = [];
  #problemCount = 0;
  #isCalculating = false;

  get isRunning(): boolean {
    return this.#outcome === "running";
  }

  /** The running one, or the last, is of some paths only. */
  get isPart(): boolean {
    return this.#wish?.paths !== undefined;
  }

  start(wish: MirrorWish, nowIso: string): number {
    this.id += 1;
    this.#wish = wish;
    this.#outcome = "running";
    this.#startedAt = nowIso;
    this.#finishedAt = null;
    this.#counts = NO_COUNTS;
    this.#isCalculating = true;
    this.#emittedSeq = null;
    this.#problems = [];
    this.#problemCount = 0;
    return this.id;
  }

  take(event: Extract<SourceEvent, { kind: "mirrorStarted" | "mirrorProgress" | "mirrorEmitted" }>, nowIso: string): void {
    if (event.kind === "mirrorStarted") this.begin(event.mirrorId, nowIso);
    else if (event.kind === "mirrorProgress") this.progress(event.mirrorId, event.counts);
    else this.emitted(event.mirrorId, event.lastSeq, event.counts);
  }

  /** The source knows its tree and begins: until now the mirror waited for that. */
  begin(mirrorId: number, nowIso: string): void {
    if (mirrorId !== this.id || !this.isRunning) return;
    this.#startedAt = nowIso;
    this.#isCalculating = false;
  }

  progress(mirrorId: number, counts: MirrorCounts): void {
    if (mirrorId === this.id && this.isRunning) this.#counts = counts;
  }

  emitted(mirrorId: number, lastSeq: number, counts: MirrorCounts): void {
    if (mirrorId !== this.id || !this.isRunning) return;
    this.#counts = counts;
    this.#emittedSeq = lastSeq;
  }

  /** True when the target has applied the whole mirror. */
  isApplied(appliedSeq: number): boolean {
    return this.isRunning && this.#emittedSeq !== null && appliedSeq >= this.#emittedSeq;
  }

  end(outcome: "done" | "stopped" | "failed", nowIso: string): void {
    if (!this.isRunning) return;
    this.#outcome = outcome;
    this.#finishedAt = nowIso;
  }

  addProblem(problem: ProblemReport): void {
    this.#problemCount += 1;
    if (this.#problems.length < PROBLEMS_KEPT) this.#problems.push(problem);
  }

  get remainingBytes(): number {
    return this.isRunning ? Math.max(0, this.#counts.bytesTotal - this.#counts.bytesDone - this.#counts.bytesSkipped) : 0;
  }

  /** Names that the target had beyond the source, and has no more. */
  get removed(): number {
    return this.#counts.removed;
  }

  get skippedBytes(): number {
    return this.#counts.bytesSkipped;
  }

  /** Another text whenever it moves. */
  get standing(): string {
    const { filesDone, bytesDone, bytesSkipped, filesTotal, removed } = this.#counts;
    return [this.id, this.#status, filesDone, bytesDone, bytesSkipped, filesTotal, removed].join(" ");
  }

  get #status(): MirrorReport["status"] {
    if (!this.isRunning) return "Idle";
    if (this.#isCalculating) return "Calculating";
    return this.#emittedSeq === null ? "Mirroring" : "Waiting";
  }

  report(): MirrorReport {
    const counts = this.#counts;
    const isDone = this.#outcome === "done";
    return {
      status: this.#status,
      mode: this.#wish?.mode ?? null,
      content: this.#wish?.content ?? "times",
      newerOnly: this.#wish?.newerOnly ?? false,
      paths: this.#wish?.paths ?? null,
      id: this.id,
      percent: this.#wish === null ? null : isDone ? 100 : counts.percent,
      bytesTotal: counts.bytesTotal,
      bytesDone: counts.bytesDone,
      bytesSkipped: counts.bytesSkipped,
      filesTotal: counts.filesTotal,
      filesDone: counts.filesDone,
      orphans: counts.orphans,
      orphanNames: counts.orphanNames,
      leftAlone: counts.leftAlone,
      leftAloneNames: counts.leftAloneNames,
      problems: this.#problems,
      problemCount: this.#problemCount,
      startedAt: this.#startedAt,
      finishedAt: this.#finishedAt,
      outcome: this.#outcome,
    };
  }
}
