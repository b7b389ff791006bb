// Group commit: one sync at a time, for everything applied when it began.

import { Worker } from "node:worker_threads";
import { isErrorCode, SmError, toSmError } from "../base/errors.js";
import { type Deferred, defer } from "../base/wait.js";
import type { ErrorData, FromDurabilityWorker, ToDurabilityWorker } from "./apply-messages.js";
import type { DurablePoint } from "./apply-outcome.js";
import type { DurableState } from "./durable-file.js";

export interface DurabilityOptions {
  readonly workerUrl: URL;
  readonly failpoint: string | null;
  /** From the start of one sync to the start of the next. */
  readonly intervalMs: number;
  readonly onDurable: (state: DurableState, round: number) => void;
  readonly onFailure: (error: SmError) => void;
}

/** A sync holds up the writes beside it: under load at most a fifth of the time goes to syncing. */
const REST_SHARE = 4;
/** More than this since the last sync is bulk: one sync for much costs far less than many for a little each. */
const BULK_BYTES = 4 * 1024 * 1024;
const BULK_PAUSE_MS = 250;
/** While live changes are among it: the source keeps them, and all that it sent after them, until they are durable. */
const LIVE_BULK_INTERVAL_MS = 5_000;
/** What a job sent alone lies on the source anyway. So much of its work is done again when an agent is killed in the middle of it. */
const JOB_BULK_INTERVAL_MS = 15_000;
const REST_MS_MAX = 10_000;

export class Durability {
  readonly #worker: Worker;
  readonly #options: DurabilityOptions;
  #wanted: DurablePoint | null = null;
  #running: Deferred<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #startedAtMs = performance.now();
  #wantedAtMs = 0;
  #bytes = 0;
  #hasLive = false;
  #isUrgent = false;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;
  readonly #exited: Promise<void>;

  private constructor(worker: Worker, options: DurabilityOptions) {
    this.#worker = worker;
    this.#options = options;
    worker.on("message", (message: FromDurabilityWorker) => this.#take(message));
    worker.on("error", (error) => this.#end(toSmError(error, "WORKER_DIED", "the durability worker")));
    this.#exited = new Promise((resolve) => worker.once("exit", () => resolve()));
    worker.on("exit", () => {
      if (!this.#isClosed) this.#end(new SmError("WORKER_DIED", "the durability worker ended unexpectedly"));
    });
  }

  static open(options: DurabilityOptions): Durability {
    return new Durability(new Worker(options.workerUrl, { workerData: { failpoint: options.failpoint } }), options);
  }

  /**
   * Wants everything up to this point durable; a later point replaces one that has not begun. `bytes`: applied since the last call;
   * `hasLive`: live changes among it; `isUrgent`: nothing is applied before.
   */
  want(point: DurablePoint, { bytes, hasLive, isUrgent }: { readonly bytes: number; readonly hasLive: boolean; readonly isUrgent: boolean }): void {
    this.#wanted = point;
    this.#hasLive ||= hasLive;
    this.#isUrgent ||= isUrgent;
    this.#wantedAtMs = performance.now();
    this.#bytes += bytes;
    if (this.#bytes > BULK_BYTES || isUrgent) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    this.#schedule();
  }

  /** The last sync: at once, after the one that runs. */
  async finish(point: DurablePoint | null): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wanted = null;
    await this.#running?.promise;
    if (point === null || this.#isClosed) return;
    this.#start(point);
    await this.#running?.promise;
  }

  /** The thread ends by itself: ended from outside while it loads native code, it takes the process along. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#worker.postMessage({ kind: "close" } satisfies ToDurabilityWorker);
    await this.#exited;
    this.#running?.resolve();
  }

  /** Bulk is synced when it pauses, or now and then; anything else after the interval. */
  get #dueAtMs(): number {
    if (this.#isUrgent) return Number.NEGATIVE_INFINITY;
    const regular = this.#startedAtMs + this.#options.intervalMs;
    if (this.#bytes <= BULK_BYTES) return Math.max(regular, this.#restUntilMs);
    const intervalMs = this.#hasLive ? LIVE_BULK_INTERVAL_MS : JOB_BULK_INTERVAL_MS;
    return Math.max(regular, this.#restUntilMs, Math.min(this.#startedAtMs + intervalMs, this.#wantedAtMs + BULK_PAUSE_MS));
  }

  #schedule(): void {
    if (this.#isClosed || this.#running !== null || this.#timer !== undefined || this.#wanted === null) return;
    const waitMs = this.#dueAtMs - performance.now();
    if (waitMs <= 0) {
      this.#start(this.#wanted);
      return;
    }
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#schedule();
    }, waitMs);
  }

  #start(point: DurablePoint): void {
    this.#wanted = null;
    this.#bytes = 0;
    this.#hasLive = false;
    this.#isUrgent = false;
    this.#running = defer();
    this.#startedAtMs = performance.now();
    this.#worker.postMessage({ kind: "sync", point } satisfies ToDurabilityWorker);
  }

  #take(message: FromDurabilityWorker): void {
    const running = this.#running;
    this.#running = null;
    const endedAtMs = performance.now();
    this.#restUntilMs = endedAtMs + Math.min(REST_MS_MAX, REST_SHARE * (endedAtMs - this.#startedAtMs));
    // Once closed, the next start reads what is durable from its file: nobody is left to be told.
    if (!this.#isClosed) this.#tell(message);
    running?.resolve();
    if (message.kind === "synced") this.#schedule();
  }

  #tell(message: FromDurabilityWorker): void {
    if (message.kind === "synced") this.#options.onDurable(message.state, message.round);
    else this.#options.onFailure(errorOf(message.error));
  }

  #end(error: SmError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#running?.resolve();
    this.#running = null;
    this.#options.onFailure(error);
  }
}

export function errorOf({ code, message }: ErrorData): SmError {
  return new SmError(isErrorCode(code) ? code : "INTERNAL", message);
}
