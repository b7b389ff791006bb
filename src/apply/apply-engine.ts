// The target's half of replication: carries out change sets, one after the other, beneath the mapped roots.
// Synchronous throughout; lives in a worker thread of its own (apply-worker.ts) and is fed by ApplyService.
// Invariants: sets are applied in order, each wholly or completed after a crash (I2); a step that cannot be repeated is
// done exactly once (cursor-file.ts); content builds on what the source thinks is there (I5); nothing outside the roots
// is touched (I6: target-roots.ts, directory-cache.ts, src/fs/confined-root.ts).

import { join } from "node:path";
import { type Clock, systemClock } from "../base/clock.js";
import { SmError } from "../base/errors.js";
import { failpoint } from "../base/failpoint.js";
import { beginWork } from "../base/pulse.js";
import { errnoName } from "../fs/errno.js";
import { displayPath } from "../model/byte-path.js";
import type { Answer, RootIndex } from "../model/change.js";
import { type ChangeSet, decodeChangeSet, rootsOf } from "../model/change-set.js";
import type { Mapping } from "../model/connection-spec.js";
import type { ConsistencyPoint, CopyClaim } from "../model/session.js";
import type { LoggedAnswer } from "./answer-log.js";
import { applyChange } from "./apply-change.js";
import type { ApplyContext, PathMatcher, SuspectWindow } from "./apply-context.js";
import type { Begun, DurablePoint, SetOutcome } from "./apply-outcome.js";
import { ApplyState } from "./apply-state.js";
import { UNHEARD } from "./claim-file.js";
import { CompareListing } from "./compare-listing.js";
import { afterClaim, afterMisfit, afterSet, type Consistency, misfitOf, NO_CONSISTENCY, pointOf, type SetEnding } from "./consistency.js";
import type { CursorState, Intent, IntentKind } from "./cursor-file.js";
import { DirectoryCache } from "./directory-cache.js";
import type { DurableState } from "./durable-file.js";
import { NO_TASKS } from "./host-tasks.js";
import { type InodeMark, NO_INODE } from "./inode-mark.js";
import { linkRemap } from "./link-remap.js";
import { targetBytes, withMountPoints } from "./mount-points.js";
import { QUIET_DESK } from "./orphan-desk.js";
import { limitsOf, readPrivileges } from "./privileges.js";
import type { Quarantine, QuarantineTiming } from "./quarantine.js";
import { Rebuilds } from "./rebuilds.js";
import { Refusals } from "./refusals.js";
import { TargetRoots } from "./target-roots.js";
import { TransferWatch } from "./transfer-watch.js";
import type { Failure } from "./verdict.js";

export type ApplyPoint = "apply.set.beforeFirst" | "apply.change.afterIntent" | "apply.change.afterDeed" | "apply.set.beforeCursor";

export interface ApplyEngineOptions {
  readonly stateDirectory: string;
  readonly mappings: readonly Mapping[];
  readonly remapLinks: boolean;
  /** True = in the replication set. Default: everything is. */
  readonly matcher?: PathMatcher;
  /** Names of the errors that hold up one path only; default: none, everything waits for every change. */
  readonly refusals?: readonly string[];
  readonly timing?: QuarantineTiming;
  readonly orphans?: ApplyContext["orphans"];
  readonly tasks?: ApplyContext["tasks"];
  readonly clock?: Clock;
  /** Identity of the machine's boot; default: the kernel's. */
  readonly bootId?: string;
  /** Called at each crash point, and between changes ("apply.change.next"), before the failpoint of that name. */
  readonly onPoint?: (point: ApplyPoint | "apply.change.next") => void;
}

interface Progress {
  readonly set: ChangeSet;
  readonly ending: SetEnding;
  index: number;
  readonly answers: Answer[];
}

interface Resume {
  readonly intent: Intent;
  readonly answers: readonly Answer[];
}

export class ApplyEngine implements ApplyContext {
  readonly directories: DirectoryCache;
  readonly roots: TargetRoots;
  readonly privileges = readPrivileges();
  readonly transfers: TransferWatch;
  readonly rebuilds = new Rebuilds();
  readonly listing = new CompareListing();
  readonly refusals: Refusals;
  readonly orphans: ApplyContext["orphans"];
  readonly tasks: ApplyContext["tasks"];
  readonly remap: ApplyContext["remap"];
  readonly matcher: PathMatcher;
  readonly umask = process.umask();
  readonly #options: ApplyEngineOptions;
  readonly #clock: Clock;
  readonly #state: ApplyState;
  /** An earlier process may have written to any of these, and died before a sync. */
  readonly #inheritedPaths: readonly string[];
  #progress: Progress | null = null;
  #resume: Resume | null = null;
  /** The last intent of the change under way, for another attempt at it in this process. */
  #intent: Intent | null = null;
  #unlogged: LoggedAnswer[] = [];
  /** As the next record of the cursor will have it. */
  #consistency: Consistency;
  #isRecovering = false;
  #open = true;

  private constructor(options: ApplyEngineOptions, state: ApplyState) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#state = state;
    this.#consistency = state.cursor.state.consistency;
    this.orphans = options.orphans ?? QUIET_DESK;
    this.tasks = options.tasks ?? NO_TASKS;
    this.remap = linkRemap(options.mappings, options.remapLinks);
    this.matcher = options.matcher ?? (() => true);
    this.transfers = TransferWatch.open(join(options.stateDirectory, "transfers"), state.bootId);
    const { refusals: codes = [], timing = { waitMs: () => 0 } } = options;
    this.refusals = new Refusals({ quarantine: state.quarantine, codes, timing, clock: this.#clock, context: () => this });
    this.roots = TargetRoots.load(options.stateDirectory, options.mappings, state.bootId);
    this.directories = new DirectoryCache((root) => this.roots.get(root));
    this.#inheritedPaths = this.isDurable ? [] : withMountPoints(options.mappings.map(({ target }) => targetBytes(target)));
    this.#resume = this.#pendingResume();
  }

  static open(options: ApplyEngineOptions): ApplyEngine {
    const clock = options.clock ?? systemClock;
    return new ApplyEngine(options, ApplyState.open(options.stateDirectory, clock.nowMs(), options.bootId));
  }

  get appliedSeq(): number {
    return this.#state.cursor.state.appliedSeq;
  }

  /** All that was applied was synced. */
  get isDurable(): boolean {
    return this.#state.durable.durableSeq === this.appliedSeq && this.#state.cursor.state.intent === null;
  }

  /** Nothing was applied since an orderly stop was recorded. */
  get isClean(): boolean {
    return this.#state.durable.clean;
  }

  /** The stream that was applied last; "" = none. */
  get epoch(): string {
    return this.#state.cursor.state.epoch;
  }

  get durableSeq(): number {
    return this.#state.durable.durableSeq;
  }

  get point(): ConsistencyPoint {
    return pointOf(this.#consistency, this.quarantine.claimOver(this.#state.claim));
  }

  /** Why something of what was applied did not fit; null = all did. */
  doubtAt(ending: SetEnding): string | null {
    return misfitOf(this.#consistency, ending, this.quarantine);
  }

  /** A set was begun and not ended: it is blocked. */
  get isMidSet(): boolean {
    return this.#progress !== null;
  }

  get quarantine(): Quarantine {
    return this.#state.quarantine;
  }

  get foreign(): ApplyContext["foreign"] {
    return this.#state.foreign;
  }

  get suspect(): SuspectWindow | null {
    return this.#state.durable.suspect;
  }

  get isRedo(): boolean {
    return this.#isRecovering && this.#state.durable.suspectPending;
  }

  get seq(): number {
    return this.#progress?.set.seq ?? 0;
  }

  /** The source (again) says which journal its numbers belong to. Another one than before starts from nothing. */
  begin(epoch: string): Begun {
    const { durable } = this.#state;
    const isKnown = this.epoch === epoch;
    const before = isKnown || this.epoch === "" ? null : { epoch: this.epoch, appliedSeq: this.appliedSeq };
    if (!isKnown) {
      this.#progress = null;
      this.#resume = null;
      this.#state.setDurable({ ...durable, epoch, durableSeq: 0 }, true);
      this.#consistency = NO_CONSISTENCY;
      this.#state.setClaim({ ...UNHEARD, epoch, sinceMs: this.#clock.nowMs() });
      this.#state.cursor.write({ epoch, appliedSeq: 0, intent: null, consistency: NO_CONSISTENCY });
    }
    return this.standing(isKnown, before);
  }

  /** How far it is in the stream it knows. */
  standing(isKnown = true, before: Begun["before"] = null): Begun {
    const { suspectPending, durableSeq } = this.#state.durable;
    return {
      appliedSeq: this.appliedSeq,
      durableSeq,
      resumed: isKnown && !suspectPending,
      suspect: suspectPending,
      before,
      empty: this.roots.isEmpty,
      limits: limitsOf(this.privileges),
    };
  }

  /** Reads a set, and throws PROTOCOL when it is none that could be applied here. */
  read(frame: Buffer): ChangeSet {
    const set = decodeChangeSet(frame);
    if (this.epoch === "") throw new SmError("PROTOCOL", `change set ${set.seq} came before the epoch was told`);
    for (const change of set.changes) {
      if (change.root >= this.roots.count) throw new SmError("PROTOCOL", `change set ${set.seq} names mapped root ${change.root} of ${this.roots.count}`);
    }
    return set;
  }

  /** Applies a set that was read; `ending` says what it is to the state it belongs to. */
  apply(set: ChangeSet, ending: SetEnding): SetOutcome {
    if (set.seq <= this.appliedSeq) return { kind: "skipped", seq: set.seq };
    if (this.#progress?.set.seq !== set.seq) this.#progress = this.#start(set, ending);
    return this.retry();
  }

  /** Reads and applies one set as it is. */
  applySet(frame: Buffer): SetOutcome {
    const set = this.read(frame);
    return this.apply(set, set.closed && !set.mirror ? "closed" : set.forced === true ? "forced" : "none");
  }

  /** What an earlier process staged is being completed: nobody was told of its doubts yet. */
  recover<T>(work: () => T): T {
    this.#isRecovering = true;
    try {
      return work();
    } finally {
      this.#isRecovering = false;
    }
  }

  /** The source says whether this is a copy. */
  setClaim(claim: CopyClaim): void {
    const { claim: before } = this.#state;
    if (before.epoch === this.epoch && before.fromSeq === claim.fromSeq && before.why === claim.why) return;
    this.#state.setClaim({ fromSeq: claim.fromSeq, why: claim.why, epoch: this.epoch, sinceMs: this.#clock.nowMs() });
    this.#consistency = afterClaim(this.#consistency, claim);
    this.#writeCursor({ appliedSeq: this.appliedSeq, intent: this.#state.cursor.state.intent });
  }

  /** Goes on with the set that is under way. */
  retry(): SetOutcome {
    const progress = this.#progress;
    if (progress === null) throw new SmError("ASSERTION_FAILED", "there is no change set to go on with");
    try {
      this.roots.openAll(rootsOf(progress.set));
      this.#beforeFirst(progress);
      return this.#run(progress);
    } finally {
      this.directories.flush();
      this.roots.close();
    }
  }

  durablePoint(): DurablePoint {
    this.foreign.sync();
    this.quarantine.sync();
    return { ...this.#state.pointAt(this.#clock.nowMs()), paths: this.#inheritedPaths, ...this.directories.written.beginRound() };
  }

  /** The durability worker has made this point durable. */
  setDurable(state: DurableState, round: number): void {
    this.directories.written.synced(round);
    this.#state.synced(state);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.directories.close();
    this.roots.close();
    this.transfers.close();
    this.rebuilds.close();
    this.#state.close();
  }

  answer(answer: Answer): void {
    if (this.#progress === null) return;
    this.#progress.answers.push(answer);
    if (answer.kind === "stale" || answer.kind === "problem") this.#consistency = afterMisfit(this.#consistency, answer.seq, this.#clock.nowMs());
    this.#unlogged.push({ epoch: this.#state.cursor.state.epoch, index: this.#progress.index, answer });
  }

  intend(kind: IntentKind, moved: InodeMark): void {
    this.#flushLogs();
    this.#intent = { kind, seq: this.seq, index: this.#progress?.index ?? 0, moved };
    this.#writeCursor({ appliedSeq: this.appliedSeq, intent: this.#intent });
    this.#passPoint("apply.change.afterIntent");
  }

  deed(): void {
    this.#passPoint("apply.change.afterDeed");
  }

  interrupted(kind: IntentKind): Intent | null {
    const intent = this.#intent;
    return intent !== null && intent.kind === kind && intent.seq === this.seq && intent.index === this.#progress?.index ? intent : null;
  }

  #pendingResume(): Resume | null {
    const { intent, epoch } = this.#state.cursor.state;
    if (intent === null) return null;
    const logged = this.#state.answers.read(epoch).filter((entry) => entry.answer.seq === intent.seq && entry.index < intent.index);
    return { intent, answers: logged.map((entry) => entry.answer) };
  }

  #start(set: ChangeSet, ending: SetEnding): Progress {
    const resume = this.#resume;
    this.#resume = null;
    this.#intent = null;
    if (resume === null || resume.intent.seq !== set.seq) return { set, ending, index: 0, answers: [] };
    this.#intent = resume.intent;
    return { set, ending, index: resume.intent.index, answers: [...resume.answers] };
  }

  #beforeFirst(progress: Progress): void {
    const { durable } = this.#state;
    this.#state.beforeWriting(this.#clock.nowMs());
    if (durable.suspectPending && !this.#isRecovering) this.#state.setDurable({ ...this.#state.durable, suspectPending: false }, false);
    if (progress.index === 0) this.#passPoint("apply.set.beforeFirst");
  }

  #run(progress: Progress): SetOutcome {
    const { set, answers } = progress;
    for (; progress.index < set.changes.length; progress.index++) {
      const change = set.changes[progress.index];
      if (change === undefined) break;
      this.#options.onPoint?.("apply.change.next");
      beginWork(change.path);
      const answered = answers.length;
      const failure = applyChange(this, change);
      if (failure === undefined) {
        this.refusals.applied(change);
        continue;
      }
      if (failure.kind === "retry" && !this.refusals.take(change, failure)) {
        answers.length = answered;
        this.#unlogged = this.#unlogged.filter((entry) => entry.index !== progress.index);
        return { kind: "blocked", seq: set.seq, blocked: { path: failure.path, code: errnoName(failure.errno), message: failure.message } };
      }
      if (failure.kind !== "retry" && !this.refusals.absorbs(change, failure)) this.#answerFailure(failure, change.root);
      this.#pass(progress.index + 1);
    }
    this.#passPoint("apply.set.beforeCursor");
    this.#flushLogs();
    this.foreign.sync();
    this.quarantine.sync();
    this.#consistency = afterSet(this.#consistency, { ...set, ending: progress.ending }, this.quarantine.claimOver(this.#state.claim), this.#clock.nowMs());
    this.#writeCursor({ appliedSeq: set.seq, intent: null });
    this.#progress = null;
    this.#intent = null;
    return { kind: "applied", seq: set.seq, answers };
  }

  /** A change that did not fit is not tried again after a crash: by then, a later change could have made it fit. */
  #pass(index: number): void {
    this.#flushLogs();
    this.#writeCursor({ appliedSeq: this.appliedSeq, intent: { kind: "past", seq: this.seq, index, moved: NO_INODE } });
  }

  #writeCursor(state: Pick<CursorState, "appliedSeq" | "intent">): void {
    this.#state.cursor.write({ epoch: this.epoch, ...state, consistency: this.#consistency });
  }

  #answerFailure(failure: Exclude<Failure, { kind: "retry" }>, root: RootIndex): void {
    const { seq } = this;
    if (failure.kind === "problem") {
      this.answer({ kind: "problem", seq, root, path: failure.path, code: failure.code, message: failure.message });
      return;
    }
    if (failure.also !== undefined) this.answer({ kind: "stale", seq, root, path: failure.also, reason: `${displayPath(failure.also)}: ${failure.reason}` });
    this.answer({ kind: "stale", seq, root, path: failure.path, reason: failure.reason });
  }

  #flushLogs(): void {
    this.#state.answers.append(this.#unlogged);
    this.#unlogged = [];
    this.foreign.flush();
    this.transfers.flush();
    this.quarantine.flush();
  }

  #passPoint(point: ApplyPoint): void {
    this.#options.onPoint?.(point);
    failpoint(point);
  }
}
