// The work of an apply worker: first completes what an earlier process staged, then takes frames, stages and applies
// them, tells progress, tries again what is blocked.
// Progress is told at once when nothing waits, otherwise every 64 sets or 5 ms; a job's bulk every 4 MiB or 20 ms,
// or when nothing has come for 3 ms.

import { assert, unreachable } from "../base/assert.js";
import { backoffMs } from "../base/backoff.js";
import { discardBuffer } from "../base/discard-buffer.js";
import { MiB } from "../base/units.js";
import { closeFd } from "../fs/native.js";
import { fetchFile, ReadAhead } from "../fs/read-ahead.js";
import { type BytePath, baseName, displayPath, parentPath } from "../model/byte-path.js";
import type { Answer, RootIndex, SumsChange } from "../model/change.js";
import type { ChangeSet } from "../model/change-set.js";
import type { Retrying } from "../model/session.js";
import type { ApplyEngine } from "./apply-engine.js";
import { applyFault } from "./apply-fault.js";
import type { FromApplyWorker, ToApplyWorker } from "./apply-messages.js";
import type { Begun, Blocked, SetOutcome } from "./apply-outcome.js";
import { CutAssembly, type PlannedSet } from "./cut-assembly.js";
import type { HostTasks } from "./host-tasks.js";
import { OpenChanges } from "./open-changes.js";
import type { QuarantineTiming } from "./quarantine.js";
import { QuarantineTurns } from "./quarantine-turns.js";
import type { Stage } from "./stage.js";
import type { TargetRoots } from "./target-roots.js";

const SETS_PER_PROGRESS = 64;
const PROGRESS_MS = 5;
/** Of a job's bulk: a small part of what the sender may have under way. Each message costs three threads and the wire more than it says. */
const BULK_PER_PROGRESS = 4 * MiB;
const BULK_PROGRESS_MS = 20;
/** A sender with a small window may wait for it. */
const BULK_IDLE_MS = 3;
/** What came is staged together up to here: one write and one sync for all of it. */
const COMMIT_BYTES = 8 * MiB;

export interface ApplyHostOptions {
  readonly engine: ApplyEngine;
  readonly stage: Stage;
  readonly tasks: HostTasks;
  readonly retryInitialMs: number;
  readonly retryMaxMs: number;
  readonly isPaused: boolean;
  readonly timing?: QuarantineTiming;
  /** How long a path of the quarantine is tried before it counts as given up; null (default) = for ever. */
  readonly retryLimitMs?: number | null;
  readonly post: (message: FromApplyWorker) => void;
  /** The next message that has come already. */
  readonly receive: () => ToApplyWorker | undefined;
  /** Nothing more is posted. */
  readonly onClosed: () => void;
}

export class ApplyHost {
  readonly #engine: ApplyEngine;
  readonly #stage: Stage;
  readonly #assembly: CutAssembly;
  readonly #options: ApplyHostOptions;
  readonly #open = new OpenChanges();
  readonly #ahead: ReadAhead;
  readonly #turns: QuarantineTurns;
  /** Frames that wait behind a blocked set, or for the stage. The sender's window bounds them. */
  #waiting: Uint8Array[] = [];
  #retrying: Retrying | null = null;
  #retryTimer: NodeJS.Timeout | undefined;
  #tellTimer: NodeJS.Timeout | undefined;
  #hasFailed = false;
  #isClosed = false;
  /** Nothing new is begun. */
  #isPausing: boolean;
  #told = { bytes: 0, sets: 0, hasLive: false, claims: 0, isWaitingForSync: false, isPaused: false, atMs: performance.now() };
  /** A set that is no job's came since then. */
  #hasAwaited = false;
  #answers: Answer[] = [];

  constructor(options: ApplyHostOptions) {
    const { engine, stage } = options;
    this.#options = options;
    this.#engine = engine;
    this.#stage = stage;
    this.#isPausing = options.isPaused;
    this.#ahead = new ReadAhead((root, path) => fetchBelow(engine.roots, root, path));
    this.#assembly = new CutAssembly({ stage, epoch: () => engine.epoch });
    this.#turns = new QuarantineTurns({
      engine,
      timing: options.timing ?? { waitMs: (attempts) => this.#backoffMs(attempts + 1) },
      limitMs: options.retryLimitMs ?? null,
      post: (news) => this.#post({ kind: "quarantine", news }),
      guarded: (work) => this.#guarded(work),
    });
  }

  /** Completes what an earlier process staged, before anything else. What cannot go on now is tried again; false = it failed. */
  recover(): boolean {
    const { epoch, appliedSeq } = this.#engine;
    const leftovers = this.#stage.leftovers(epoch, appliedSeq);
    this.#stage.take(leftovers, appliedSeq);
    this.#assembly.putLeftovers(leftovers);
    this.#applyReady();
    return !this.#hasFailed;
  }

  /** Says how far it is in this stream (null: in the one it knows), and syncs what an earlier process applied and did not live to sync. */
  begin(epoch: string | null): Begun {
    if (epoch !== null && epoch !== this.#engine.epoch) {
      clearTimeout(this.#retryTimer);
      this.#retrying = null;
      this.#options.tasks.reset();
      this.#assembly.reset();
      this.#stage.reset();
    }
    const begun = epoch === null ? this.#engine.standing() : this.#engine.begin(epoch);
    this.#assembly.begin(begun.appliedSeq);
    this.#stage.settle(this.#stage.isSynced ? begun.durableSeq : begun.appliedSeq);
    this.#post({ kind: "opened", begun, consistency: this.#engine.point });
    this.#guarded(() => this.#turns.begin(epoch !== null));
    // What an earlier process applied may be of any kind.
    this.#told.hasLive ||= !this.#engine.isDurable;
    if (!this.#engine.isDurable || this.#retrying !== null || this.#isPausing) this.#tell(true);
    return begun;
  }

  /** Takes one message and all that have come meanwhile. */
  take(message: ToApplyWorker): void {
    for (let next: ToApplyWorker | undefined = message; next !== undefined; next = this.#options.receive()) {
      this.#handle(next);
      if (this.#assembly.arrivedBytes >= COMMIT_BYTES || performance.now() - this.#told.atMs >= PROGRESS_MS) this.#work();
    }
    this.#work();
  }

  #handle(message: ToApplyWorker): void {
    switch (message.kind) {
      case "set":
        if (!this.#hasFailed) this.#waiting.push(message.frame);
        if (!this.#isStuck && !this.#isPausing) this.#gather();
        return;
      case "pause":
        this.#isPausing = message.isPaused;
        // Answered in any case.
        this.#told.isPaused = false;
        return;
      case "durable":
        this.#engine.setDurable(message.state, message.round);
        if (this.#stage.isSynced) this.#stage.settle(message.state.durableSeq);
        return;
      case "claim":
        this.#guarded(() => this.#engine.setClaim(message.claim));
        this.#told.claims += 1;
        return;
      case "mended":
        this.#guarded(() => this.#turns.takeMended(message.mended));
        return;
      case "quarantine":
        this.#guarded(() => (message.order === "retry" ? this.#turns.retry(message.ids) : this.#turns.drop(message.ids)));
        return;
      case "taskDone":
        this.#options.tasks.take(message.result);
        this.#applyReady();
        return;
      case "close":
        this.#close();
        return;
      default:
        unreachable(message);
    }
  }

  /** Paused, with nothing half done: what is blocked is still in progress. */
  get #isPaused(): boolean {
    return this.#isPausing && this.#assembly.ready.length === 0 && this.#retrying === null;
  }

  get #isStuck(): boolean {
    return this.#retrying !== null || this.#options.tasks.waiting !== null || this.#stage.mustSettle;
  }

  /** Reads what waits, as much as is staged together. */
  #gather(): void {
    const waiting = this.#waiting;
    let count = 0;
    this.#guarded(() => {
      while (count < waiting.length && this.#assembly.arrivedBytes < COMMIT_BYTES) {
        const frame = waiting[count++] as Uint8Array;
        const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
        const set = this.#engine.read(bytes);
        this.#hasAwaited ||= !set.mirror;
        if (this.#assembly.take(set, bytes)) {
          this.#open.take(set);
          this.#options.tasks.received(set);
          for (const { root, path } of questionsIn(set)) this.#ahead.expect(root, path);
        } else this.#told.bytes += bytes.length;
      }
    });
    this.#waiting = this.#hasFailed ? [] : waiting.slice(count);
  }

  /** Stages what came, applies what is whole, tells. */
  #work(): void {
    for (;;) {
      if (this.#hasFailed || this.#isClosed) return;
      if (this.#isStuck || this.#isPausing) break;
      this.#gather();
      this.#guarded(() => {
        this.#told.bytes += this.#assembly.commit();
      });
      this.#applyReady();
      if (this.#waiting.length === 0) break;
    }
    if (!this.#isOnlyBulk) this.#tell(false);
    else if (this.#tellTimer === undefined) this.#tellTimer = setTimeout(() => this.#tell(false), BULK_IDLE_MS);
    else this.#tellTimer.refresh();
  }

  /** While more waits. */
  #mustTell(): boolean {
    const { sets, atMs } = this.#told;
    return sets >= SETS_PER_PROGRESS || performance.now() - atMs >= (this.#isOnlyBulk ? BULK_PROGRESS_MS : PROGRESS_MS);
  }

  /** Nothing that anybody waits for is to be told: no live change, no answer, no change of state. */
  get #isOnlyBulk(): boolean {
    const { hasLive, bytes, claims, isWaitingForSync, isPaused } = this.#told;
    const isSameState = isWaitingForSync === this.#stage.mustSettle && isPaused === this.#isPaused;
    return !hasLive && !this.#hasAwaited && claims === 0 && this.#answers.length === 0 && bytes < BULK_PER_PROGRESS && isSameState && !this.#hasFailed;
  }

  #applyReady(): void {
    const { ready } = this.#assembly;
    let done = 0;
    this.#guarded(() => {
      for (const planned of ready) {
        if (!this.#applyOne(planned)) break;
        done += 1;
        if (this.#mustTell()) this.#tell(false);
      }
    });
    ready.splice(0, done);
    if (!this.#stage.isSynced) this.#stage.settle(this.#engine.appliedSeq);
  }

  /** False when it cannot go on now. */
  #applyOne(planned: PlannedSet): boolean {
    planned.loaded ??= this.#load(planned);
    const { set, frame } = planned.loaded;
    if (!this.#options.tasks.isReady(set, () => this.#engine.doubtAt(planned.ending))) {
      this.#tell(true);
      return false;
    }
    const apply = (): SetOutcome => this.#engine.apply(set, planned.ending);
    const outcome = planned.isLeftover ? this.#engine.recover(apply) : apply();
    if (outcome.kind === "blocked") {
      this.#block(outcome.blocked);
      return false;
    }
    for (const { root, path } of questionsIn(set)) this.#ahead.passed(root, path);
    // Told with the set that got through, not after it.
    this.#retrying = null;
    this.#told.sets += 1;
    this.#told.bytes += planned.bytes;
    this.#told.hasLive ||= !set.mirror;
    if (outcome.kind === "applied") for (const answer of outcome.answers) this.#answers.push(answer);
    if (planned.ending === "none" && !planned.isPassing) this.#stage.passPoint("apply.group.midApply");
    if (planned.ending === "closed") this.#open.settle(this.#engine.point.consistentSeq);
    planned.loaded = null;
    discardBuffer(frame);
    return true;
  }

  #load({ place }: PlannedSet): { readonly set: ChangeSet; readonly frame: Buffer } {
    assert(place !== null, "a set that is not in memory is in the stage");
    const frame = place.file.read(place);
    return { set: this.#engine.read(frame), frame };
  }

  #guarded(step: () => void): void {
    if (this.#hasFailed) return;
    try {
      step();
    } catch (error) {
      this.#hasFailed = true;
      this.#waiting = [];
      this.#tell(false);
      const { code, message } = applyFault(error);
      this.#post({ kind: "failed", error: { code, message }, disks: this.#engine.directories.written.handOver() });
    }
  }

  #block({ path, code, message }: Blocked): void {
    const attempts = (this.#retrying?.attempts ?? 0) + 1;
    const sinceMs = this.#retrying?.sinceMs ?? Date.now();
    this.#retrying = { code, path: displayPath(path).slice(0, 8192), message: message.slice(0, 2000), sinceMs, attempts };
    this.#tell(true);
    this.#retryTimer = setTimeout(() => this.#retry(), this.#backoffMs(attempts));
  }

  #backoffMs(attempts: number): number {
    const { retryInitialMs, retryMaxMs } = this.#options;
    return backoffMs(attempts, { initialMs: retryInitialMs, maxMs: retryMaxMs, jitter: 0.1 });
  }

  #retry(): void {
    const before = this.#retrying;
    this.#applyReady();
    const isBlockedAgain = this.#retrying !== null && this.#retrying !== before;
    if (isBlockedAgain || this.#hasFailed) return;
    this.#retrying = null;
    this.#tell(true);
    this.#work();
  }

  #tell(always: boolean): void {
    clearTimeout(this.#tellTimer);
    this.#tellTimer = undefined;
    this.#guarded(() => this.#turns.look());
    const told = this.#told;
    const isWaitingForSync = this.#stage.mustSettle;
    const isPaused = this.#isPaused;
    this.#hasAwaited = false;
    const isNews = told.sets > 0 || told.bytes > 0 || told.claims > 0 || isWaitingForSync !== told.isWaitingForSync || isPaused !== told.isPaused;
    this.#told = { bytes: 0, sets: 0, hasLive: false, claims: 0, isWaitingForSync, isPaused, atMs: performance.now() };
    if (!always && !isNews) return;
    this.#post({
      kind: "progress",
      appliedSeq: this.#engine.appliedSeq,
      takenSeq: Math.max(this.#assembly.takenSeq, this.#engine.appliedSeq),
      consistency: this.#engine.point,
      openSinceMs: this.#open.sinceMs,
      stageFault: this.#assembly.fault,
      isWaitingForSync,
      isPaused,
      claims: told.claims,
      bytes: told.bytes,
      hasLive: told.hasLive,
      answers: this.#answers,
      retrying: this.#retrying ?? this.#options.tasks.waiting,
      point: this.#engine.isDurable && this.#engine.directories.written.isEmpty ? null : this.#engine.durablePoint(),
    });
    this.#answers = [];
  }

  #close(): void {
    clearTimeout(this.#retryTimer);
    this.#work();
    this.#tell(false);
    this.#isClosed = true;
    this.#turns.close();
    const point = this.#engine.isClean ? null : this.#engine.durablePoint();
    const isClean = !this.#engine.isMidSet && !this.#hasFailed;
    const disks = this.#engine.directories.written.handOver();
    this.#engine.close();
    this.#stage.close();
    this.#post({ kind: "closed", point: point && { ...point, state: { ...point.state, clean: isClean } }, disks });
    this.#options.onClosed();
  }

  #post(message: FromApplyWorker): void {
    this.#options.post(message);
  }
}

/** Files whose content is asked for as a whole. */
function questionsIn({ changes }: ChangeSet): SumsChange[] {
  return changes.filter((change): change is SumsChange => change.op === "sums" && change.range === undefined);
}

/** Whatever is wrong with the mapped directory is found by the set that asks. */
function fetchBelow(roots: TargetRoots, root: RootIndex, path: BytePath): number {
  const confined = roots.peek(root);
  if (confined === null) return 0;
  const dirfd = confined.openDirectory(parentPath(path));
  confined.close();
  if (dirfd < 0) return 0;
  const bytes = fetchFile(dirfd, baseName(path));
  closeFd(dirfd);
  return bytes;
}
