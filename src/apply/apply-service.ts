// The main thread's handle on the target's half of one connection: frames go to the apply worker, acknowledgements come
// back. An acknowledgement says "applied" as soon as it is, "durable" as far as the configured degree promises.

import { Worker } from "node:worker_threads";
import { SmError, toSmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import { programFile } from "../base/program-files.js";
import { createPulse, readPulse } from "../base/pulse.js";
import { MiB } from "../base/units.js";
import { type Deferred, defer } from "../base/wait.js";
import { closeFd } from "../fs/native.js";
import { displayPath } from "../model/byte-path.js";
import type { Mapping } from "../model/connection-spec.js";
import type { Rule } from "../model/rule.js";
import type { Ack, ConsistencyPoint, CopyClaim, Mended, QuarantineNews } from "../model/session.js";
import type { TaskResult } from "../model/task.js";
import type { ApplyWorkerData, FromApplyWorker, QuarantinePolicy, ToApplyWorker } from "./apply-messages.js";
import type { Begun } from "./apply-outcome.js";
import { ApplyStallWatch } from "./apply-stall.js";
import type { ConnectionTasks } from "./connection-tasks.js";
import { Durability, errorOf } from "./durability.js";
import type { DurableState } from "./durable-file.js";
import type { OrphanPolicy } from "./orphan-desk.js";
import { logOrphans } from "./orphan-log.js";
import { QuarantineWords, refusalEvent } from "./quarantine-words.js";

const SYNC_INTERVAL_MS = 200;
/** Where acknowledgements do not wait for the disk it is synced all the same, so that a crash puts less in doubt. */
const LAZY_SYNC_INTERVAL_MS = 30_000;
/** Twice what a channel lets through unreleased: reached only by a sender that ignores its window. */
const QUEUED_BYTES_MAX = 128 * MiB;

export interface ApplyServiceOptions {
  readonly connectionKey: string;
  readonly stateDirectory: string;
  /** Null: only what an earlier process staged is completed. */
  readonly epoch: string | null;
  readonly stageBytesMax: number;
  readonly mappings: readonly Mapping[];
  readonly rules: readonly Rule[];
  /** Where each mapped source lies in the sense of the rules; absent = where it is. */
  readonly ruleRoots?: readonly string[];
  readonly remapLinks: boolean;
  readonly durability: "none" | "write" | "fsync";
  readonly retryInitialMs: number;
  readonly retryMaxMs: number;
  readonly quarantine: QuarantinePolicy;
  readonly orphans: OrphanPolicy;
  /** Absent: a task is answered, and nothing runs. */
  readonly tasks?: Pick<ConnectionTasks, "receive" | "take">;
  readonly failpoint: string | null;
  /** Nothing is applied for so long though something waits, and nothing explains it: that is told as `STALLED`. Null (default) = never. */
  readonly stallMs?: number | null;
  /** It begins paused; default: not. */
  readonly isPaused?: boolean;
  readonly log: Log;
  /** Where the built workers are; default: beside this file. */
  readonly workersUrl?: URL;
}

export interface ApplyAck extends Ack {
  /** Bytes of the frames worked off with this acknowledgement: applied, or held in the stage. */
  readonly releasedBytes: number;
  /** Source time of the oldest live change that came and is part of no complete state yet. */
  readonly openSinceMs: number | null;
  /** Why the stage cannot be written: groups are applied without it. */
  readonly stageFault: string | null;
  /** Nothing is applied, and nothing is in progress any more. */
  readonly isPaused: boolean;
}

const NO_PROGRESS = {
  appliedSeq: 0,
  takenSeq: 0,
  consistentSeq: 0,
  consistentTimeMs: 0,
  doubt: null,
  openSinceMs: null,
  stageFault: null,
  isPaused: false,
} as const satisfies Partial<ApplyAck>;

type Progress = Omit<ApplyAck, "durableSeq" | "answers" | "retrying" | "releasedBytes">;

export class ApplyService {
  readonly #options: ApplyServiceOptions;
  readonly #worker: Worker;
  readonly #durability: Durability;
  readonly #opening = defer<Begun>();
  readonly #closing = defer<void>();
  #begun: Begun | null = null;
  #progress: Progress = NO_PROGRESS;
  #durableSeq = 0;
  #retrying: Ack["retrying"] = null;
  readonly #pulse = createPulse();
  readonly #stallWatch: ApplyStallWatch;
  #isWaitingForSync = false;
  #stall: Ack["retrying"] = null;
  readonly #ticker: NodeJS.Timeout;
  #queuedBytes = 0;
  /** One claim is on its way to the worker at a time; of those that come meanwhile the last counts. */
  #isClaiming = false;
  #nextClaim: CopyClaim | null = null;
  /** What the source said before it goes before it. */
  #nextMended: Mended | null = null;
  readonly #quarantine: QuarantineWords;
  /** What the worker was writing to, to be closed when nothing is synced any more. */
  readonly #disks = new Set<number>();
  #hasStopped = false;
  #failure: SmError | null = null;
  #closed: Deferred<void> | null = null;
  #ackListener: ((ack: ApplyAck) => void) | null = null;
  /** What came before somebody listened. */
  #unheard: ApplyAck | null = null;
  #failureListener: (error: SmError) => void = () => undefined;

  private constructor(options: ApplyServiceOptions) {
    this.#options = options;
    this.#quarantine = new QuarantineWords(options.connectionKey, options.log);
    const base = options.workersUrl ?? programFile("apply/");
    const { stateDirectory, epoch, stageBytesMax, mappings, rules, remapLinks, retryInitialMs, retryMaxMs, quarantine, failpoint } = options;
    const isSynced = options.durability === "fsync";
    const ruleRoots = options.ruleRoots ?? mappings.map(({ source }) => source);
    const places = { stateDirectory, epoch, stageBytesMax, isSynced, mappings, rules, ruleRoots, remapLinks };
    const workerData: ApplyWorkerData = {
      ...places,
      retryInitialMs,
      retryMaxMs,
      quarantine,
      orphans: options.orphans,
      failpoint,
      pulse: this.#pulse,
      isPaused: options.isPaused === true,
    };
    this.#worker = new Worker(new URL("apply-worker.js", base), { workerData });
    this.#worker.on("message", (message: FromApplyWorker) => this.#take(message));
    this.#worker.on("error", (error) => this.#fail(toSmError(error, "WORKER_DIED", "the apply worker")));
    this.#worker.on("exit", () => this.#fail(new SmError("WORKER_DIED", `the apply worker of connection ${options.connectionKey} ended unexpectedly`)));
    this.#durability = Durability.open({
      workerUrl: new URL("durability-worker.js", base),
      failpoint,
      intervalMs: isSynced ? SYNC_INTERVAL_MS : LAZY_SYNC_INTERVAL_MS,
      onDurable: (state, round) => this.#takeDurable(state, round),
      onFailure: (error) => this.#fail(error),
    });
    this.#stallWatch = new ApplyStallWatch(() => options.stallMs ?? null);
    this.#ticker = setInterval(() => this.#lookForStall(), 1000);
    this.#ticker.unref();
  }

  #lookForStall(): void {
    if (this.#begun === null || this.#failure !== null) return;
    const { takenSeq, isPaused } = this.#progress;
    const view = { waitingBytes: this.#queuedBytes, isExplained: isPaused || this.#retrying !== null, isWaitingForSync: this.#isWaitingForSync, takenSeq };
    const stall = this.#stallWatch.look({ ...view, pulse: readPulse(this.#pulse) }, performance.now());
    const before = this.#stall;
    if (stall === null && before === null) return;
    const { log, connectionKey } = this.#options;
    if (stall === null) logEvent(log, "targetMoves", {}, { key: connectionKey });
    else if (before === null) logEvent(log, "targetStalled", { reason: stall.message }, { key: connectionKey, code: "STALLED", path: displayPath(stall.path) });
    const sinceMs = before?.sinceMs ?? Date.now() - Math.round(stall?.forMs ?? 0);
    this.#stall = stall && { code: "STALLED", path: displayPath(stall.path).slice(0, 8192), message: stall.message, sinceMs, attempts: 0 };
    this.#acknowledge([], 0);
  }

  static async open(options: ApplyServiceOptions): Promise<ApplyService> {
    const service = new ApplyService(options);
    try {
      await service.#opening.promise;
      return service;
    } catch (error) {
      await service.#terminate();
      throw error;
    }
  }

  /** What the welcome tells the source. */
  get opened(): Begun {
    if (this.#begun === null) throw new SmError("ASSERTION_FAILED", "the apply service is not open");
    return this.#begun;
  }

  get point(): ConsistencyPoint {
    return this.#progress;
  }

  /** What cannot be written now. */
  get retrying(): Ack["retrying"] {
    return this.#retrying;
  }

  /** Bytes taken and not yet worked off. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  onAck(listener: (ack: ApplyAck) => void): void {
    this.#ackListener = listener;
    const unheard = this.#unheard;
    this.#unheard = null;
    if (unheard !== null) listener(unheard);
  }

  /** Called once; nothing more is applied after it. Called at once when it has happened already. */
  onFailure(listener: (error: SmError) => void): void {
    this.#failureListener = listener;
    if (this.#failure !== null) listener(this.#failure);
  }

  /** Takes one encoded change set; its memory is given away when it is the frame's alone. */
  push(frame: Buffer): void {
    if (this.#failure !== null || this.#closed !== null) return;
    this.#queuedBytes += frame.length;
    if (this.#queuedBytes > QUEUED_BYTES_MAX) {
      this.#fail(new SmError("PROTOCOL", `the source sent ${this.#queuedBytes} bytes ahead of what is applied`));
      return;
    }
    const isWhole = frame.byteOffset === 0 && frame.byteLength === frame.buffer.byteLength;
    const bytes = isWhole ? new Uint8Array(frame.buffer as ArrayBuffer) : new Uint8Array(frame);
    this.#worker.postMessage({ kind: "set", frame: bytes } satisfies ToApplyWorker, [bytes.buffer]);
  }

  /** Takes what the source knows: whether the target is a copy. */
  claim(claim: CopyClaim): void {
    if (this.#failure !== null || this.#closed !== null) return;
    if (this.#isClaiming) {
      this.#nextClaim = claim;
      return;
    }
    this.#isClaiming = true;
    this.#worker.postMessage({ kind: "claim", claim } satisfies ToApplyWorker);
  }

  /** What is being applied is completed first; an acknowledgement says when it is. */
  pause(isPaused: boolean): void {
    if (this.#failure !== null || this.#closed !== null) return;
    this.#worker.postMessage({ kind: "pause", isPaused } satisfies ToApplyWorker);
  }

  #claimed(): void {
    this.#isClaiming = false;
    const next = this.#nextClaim;
    this.#nextClaim = null;
    if (next !== null) this.claim(next);
    else if (this.#nextMended !== null) this.mended(this.#nextMended);
  }

  /** The source has cared for what the quarantine asked. */
  mended(mended: Mended): void {
    if (this.#failure !== null || this.#closed !== null) return;
    this.#nextMended = this.#isClaiming ? mended : null;
    if (!this.#isClaiming) this.#worker.postMessage({ kind: "mended", mended } satisfies ToApplyWorker);
  }

  /** What refuses changes, as it was told last; the questions go to the listener, each once. */
  get quarantine(): QuarantineNews | null {
    return this.#quarantine.last;
  }

  onQuarantine(listener: (news: QuarantineNews) => void): void {
    this.#quarantine.listen(listener);
  }

  /** By hand; no ids = all of the quarantine. */
  orderQuarantine(order: "retry" | "drop", ids: readonly number[] | null): void {
    if (this.#failure === null && this.#closed === null) this.#worker.postMessage({ kind: "quarantine", order, ids } satisfies ToApplyWorker);
  }

  /** Orderly: what was received is applied and made durable; a set that is blocked is left for the next time. */
  async close(): Promise<void> {
    if (this.#closed !== null) return this.#closed.promise;
    this.#closed = defer();
    this.#worker.postMessage({ kind: "close" } satisfies ToApplyWorker);
    await this.#closing.promise;
    await this.#terminate();
    this.#closed.resolve();
  }

  async #terminate(): Promise<void> {
    clearInterval(this.#ticker);
    this.#closed ??= defer();
    await this.#durability.close();
    await this.#worker.terminate();
    for (const fd of this.#disks) closeFd(fd);
    this.#disks.clear();
  }

  #take(message: FromApplyWorker): void {
    switch (message.kind) {
      case "opened":
        this.#begun = message.begun;
        this.#progress = { ...NO_PROGRESS, appliedSeq: message.begun.appliedSeq, takenSeq: message.begun.appliedSeq, ...message.consistency };
        this.#durableSeq = message.begun.durableSeq;
        this.#opening.resolve(message.begun);
        return;
      case "progress":
        this.#takeProgress(message);
        return;
      case "quarantine":
        this.#quarantine.take(message.news);
        return;
      case "orphans":
        logOrphans(this.#options.log, this.#options.connectionKey, this.#options.mappings, message);
        return;
      case "task":
        void this.#takeTask(message);
        return;
      case "failed":
        for (const fd of message.disks) this.#disks.add(fd);
        this.#fail(errorOf(message.error));
        return;
      case "closed":
        this.#hasStopped = true;
        for (const fd of message.disks) this.#disks.add(fd);
        void this.#durability.finish(message.point).then(() => this.#closing.resolve());
        return;
    }
  }

  async #takeTask({ moment, task, doubt }: Extract<FromApplyWorker, { kind: "task" }>): Promise<void> {
    const { tasks } = this.#options;
    if (moment === "receive") return tasks?.receive(task);
    const nobody: TaskResult = { number: task.number, outcome: "discarded", why: "no tasks are run here", runs: [] };
    const result = (await tasks?.take({ task, doubt })) ?? nobody;
    // Whoever opens the connection next asks again, and is told the same.
    if (this.#failure === null && this.#closed === null) this.#worker.postMessage({ kind: "taskDone", result } satisfies ToApplyWorker);
  }

  #takeProgress(message: Extract<FromApplyWorker, { kind: "progress" }>): void {
    const { appliedSeq, takenSeq, consistency, openSinceMs, stageFault, isPaused, bytes, hasLive, isWaitingForSync } = message;
    this.#queuedBytes -= bytes;
    this.#isWaitingForSync = isWaitingForSync;
    this.#noteStageFault(stageFault);
    this.#progress = { appliedSeq, takenSeq, ...consistency, openSinceMs, stageFault, isPaused };
    this.#noteRetrying(message.retrying);
    if (this.#closed === null && message.point !== null) this.#durability.want(message.point, { bytes, hasLive, isUrgent: isWaitingForSync });
    this.#acknowledge(message.answers, bytes);
    if (message.claims > 0) this.#claimed();
  }

  #noteStageFault(fault: string | null): void {
    const { log, connectionKey } = this.#options;
    const before = this.#progress.stageFault;
    if (fault !== null && before === null) logEvent(log, "stageFailed", { reason: fault }, { key: connectionKey });
    if (fault === null && before !== null) logEvent(log, "stageWorks", {}, { key: connectionKey });
  }

  #noteRetrying(retrying: Ack["retrying"]): void {
    const { log, connectionKey } = this.#options;
    if (retrying?.code === "TASK_RUNNING" || this.#retrying?.code === "TASK_RUNNING") {
      this.#retrying = retrying;
      return;
    }
    if (retrying !== null && this.#retrying === null)
      logEvent(log, refusalEvent(retrying.code), { reason: retrying.message }, { key: connectionKey, code: retrying.code });
    if (retrying === null && this.#retrying !== null) logEvent(log, "targetWrote", { what: `it was written: ${this.#retrying.path}` }, { key: connectionKey });
    this.#retrying = retrying;
  }

  #takeDurable(state: DurableState, round: number): void {
    this.#worker.postMessage({ kind: "durable", state, round } satisfies ToApplyWorker);
    if (this.#options.durability !== "fsync" || state.durableSeq <= this.#durableSeq) return;
    this.#durableSeq = state.durableSeq;
    this.#acknowledge([], 0);
  }

  #acknowledge(answers: Ack["answers"], releasedBytes: number): void {
    if (this.#options.durability !== "fsync") this.#durableSeq = this.#progress.appliedSeq;
    const ack = { ...this.#progress, durableSeq: this.#durableSeq, answers, retrying: this.#retrying ?? this.#stall, releasedBytes };
    const unheard = this.#unheard;
    if (this.#ackListener !== null) this.#ackListener(ack);
    else this.#unheard = { ...ack, answers: [...(unheard?.answers ?? []), ...answers], releasedBytes: releasedBytes + (unheard?.releasedBytes ?? 0) };
  }

  #fail(error: SmError): void {
    this.#opening.reject(error);
    // A worker that is gone will not answer a close. One that has answered may go; then the last sync decides.
    if (error.code === "WORKER_DIED" && !this.#hasStopped) this.#closing.resolve();
    if (this.#failure !== null) return;
    if (this.#closed !== null) {
      if (error.code !== "WORKER_DIED") this.#options.log.error(`while stopping: ${error.message}`, { key: this.#options.connectionKey });
      return;
    }
    this.#failure = error;
    this.#failureListener(error);
  }
}
