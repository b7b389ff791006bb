// One connection's mirrors as the user sees them: the current or last one, its counts, its end.

import { type Clock, systemClock } from "../base/clock.js";
import type { MirrorWish } from "../model/mirror-wish.js";
import type { MirrorCounts, SourceEvent } from "../model/source-messages.js";
import type { MirrorReport, ProblemReport } from "../model/status.js";
import { MirrorEstimate, type MirrorWork } from "./mirror-estimate.js";
import { SweepTracker } from "./sweep-tracker.js";

const NO_COUNTS: MirrorCounts = {
  filesTotal: 0,
  bytesTotal: 0,
  filesDone: 0,
  filesSkipped: 0,
  bytesDone: 0,
  bytesSkipped: 0,
  orphans: 0,
  removed: 0,
  orphanNames: [],
  leftAlone: 0,
  leftEmpty: 0,
  leftAloneNames: [],
  percent: 0,
  waitingBytes: 0,
};
const PROBLEMS_KEPT = 100;

export class MirrorTracker {
  id = 0;
  readonly #clock: Clock;
  /** What must end before it begins; the hooks know. */
  hookOf: () => string | null = () => null;
  #estimate = new MirrorEstimate();
  /** A person paused it, when it was so far. */
  #paused: { readonly percent: number | null } | null = null;
  readonly sweep = new SweepTracker();
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

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  get isPaused(): boolean {
    return this.#paused !== null;
  }

  followPause(paused: { readonly percent: number | null } | null): void {
    this.#paused = paused;
    if (paused !== null) this.#estimate.rest();
  }

  get isRunning(): boolean {
    return this.#outcome === "running";
  }

  get waitsForHook(): string | null {
    return this.isRunning ? this.hookOf() : null;
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
    this.#estimate = new MirrorEstimate();
    this.#isCalculating = true;
    this.#emittedSeq = null;
    this.#problems = [];
    this.#problemCount = 0;
    this.sweep.begin(wish.orphans ?? null);
    return this.id;
  }

  take(event: Extract<SourceEvent, { kind: "mirrorStarted" | "mirrorProgress" | "mirrorEmitted" }>, nowIso: string, isMoving = true): void {
    if (event.kind === "mirrorStarted") this.begin(event.mirrorId, nowIso);
    else if (event.kind === "mirrorProgress") this.progress(event.mirrorId, event.counts, isMoving);
    else this.emitted(event.mirrorId, event.lastSeq, event.counts);
  }

  /** The source knows its tree and begins: until now the mirror waited for that. */
  begin(mirrorId: number, nowIso: string): void {
    if (mirrorId !== this.id || !this.isRunning) return;
    this.#startedAt = nowIso;
    this.#isCalculating = false;
  }

  /** `isMoving`: what is emitted can go to the target. */
  progress(mirrorId: number, counts: MirrorCounts, isMoving = true): void {
    if (mirrorId !== this.id || !this.isRunning) return;
    this.#counts = counts;
    if (isMoving && !this.isPaused) this.#estimate.add(workOf(counts), this.#clock.monotonicMs());
    else this.#estimate.rest();
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
    if (outcome !== "done") this.sweep.drop();
  }

  addProblem(problem: ProblemReport): void {
    this.#problemCount += 1;
    if (this.#problems.length < PROBLEMS_KEPT) this.#problems.push(problem);
  }

  get remainingBytes(): number {
    return this.isRunning ? remainingOf(this.#counts).bytes : 0;
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
    if (this.isPaused) return "Paused";
    if (!this.isRunning) return "Idle";
    if (this.waitsForHook !== null) return "Waiting";
    if (this.#isCalculating) return "Calculating";
    return this.#emittedSeq === null ? "Mirroring" : "Waiting";
  }

  /** What is still to come of the one that runs. */
  get #outlook(): Pick<MirrorReport, "filesRemaining" | "bytesRemaining" | "bytesPerSecond" | "secondsLeft"> {
    const counts = this.#counts;
    if (!this.isRunning) return { filesRemaining: null, bytesRemaining: null, bytesPerSecond: null, secondsLeft: null };
    const isSized = counts.percent !== null && !this.#isCalculating;
    const { files, bytes } = remainingOf(counts);
    const seconds = isSized && !this.isPaused ? this.#estimate.secondsLeft({ files: counts.filesTotal, bytes: counts.bytesTotal }) : null;
    return {
      filesRemaining: isSized ? files : null,
      bytesRemaining: isSized ? bytes : null,
      bytesPerSecond: this.isPaused ? 0 : Math.round(this.#estimate.bytesPerSecond),
      secondsLeft: seconds === null ? null : Math.round(seconds),
    };
  }

  report(): MirrorReport {
    const counts = this.#counts;
    const isDone = this.#outcome === "done";
    const percent = this.#wish === null || (!this.isRunning && this.#paused !== null) ? (this.#paused?.percent ?? null) : isDone ? 100 : counts.percent;
    return {
      ...this.#outlook,
      status: this.#status,
      mode: this.#wish?.mode ?? null,
      content: this.#wish?.content ?? "times",
      newerOnly: this.#wish?.newerOnly ?? false,
      missingOnly: this.#wish?.missingOnly ?? false,
      skipsEmpty: this.#wish?.skipsEmpty ?? false,
      paths: this.#wish?.paths ?? null,
      id: this.id,
      percent,
      bytesTotal: counts.bytesTotal,
      bytesDone: counts.bytesDone,
      bytesSkipped: counts.bytesSkipped,
      filesTotal: counts.filesTotal,
      filesDone: counts.filesDone,
      orphans: counts.orphans,
      orphanNames: counts.orphanNames,
      leftAlone: counts.leftAlone,
      leftEmpty: counts.leftEmpty,
      leftAloneNames: counts.leftAloneNames,
      waitsForHook: this.waitsForHook,
      sweep: this.sweep.report(),
      problems: this.#problems,
      problemCount: this.#problemCount,
      startedAt: this.#startedAt,
      finishedAt: this.#finishedAt,
      outcome: this.#outcome,
    };
  }
}

function remainingOf({ filesTotal, filesDone, bytesTotal, bytesDone, bytesSkipped }: MirrorCounts): { readonly files: number; readonly bytes: number } {
  return { files: Math.max(0, filesTotal - filesDone), bytes: Math.max(0, bytesTotal - bytesDone - bytesSkipped) };
}

/** What the target has: of what is emitted, as much of the files as of the bytes. */
function workOf({ filesDone, filesSkipped, bytesDone, bytesSkipped, waitingBytes }: MirrorCounts): MirrorWork {
  const share = bytesDone > 0 ? Math.max(0, 1 - waitingBytes / bytesDone) : 1;
  return { filesSent: (filesDone - filesSkipped) * share, bytesSent: bytesDone * share, filesSkipped, bytesSkipped };
}
