// The thread of one connection's apply engine: takes frames, tells progress, tries again what is blocked.
// Progress is told at once when nothing waits, otherwise every 64 sets or 5 ms.

import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { assert, unreachable } from "../base/assert.js";
import { backoffMs } from "../base/backoff.js";
import { discardBuffer } from "../base/discard-buffer.js";
import { toSmError } from "../base/errors.js";
import { armFailpointText } from "../base/failpoint.js";
import { displayPath } from "../model/byte-path.js";
import type { Answer } from "../model/change.js";
import { RepsetMatcher } from "../model/repset-matcher.js";
import type { Retrying } from "../model/session.js";
import { ApplyEngine, type Blocked, type SetOutcome } from "./apply-engine.js";
import type { ApplyWorkerData, FromApplyWorker, ToApplyWorker } from "./apply-messages.js";

const SETS_PER_PROGRESS = 64;
const PROGRESS_MS = 5;

class ApplyHost {
  readonly #engine: ApplyEngine;
  readonly #port: MessagePort;
  readonly #data: ApplyWorkerData;
  /** Frames that wait behind a blocked set. The sender's window bounds them. */
  readonly #waiting: Uint8Array[] = [];
  #retrying: Retrying | null = null;
  #retryTimer: NodeJS.Timeout | undefined;
  #blockedBytes = 0;
  #hasFailed = false;
  #sets = 0;
  #bytes = 0;
  #answers: Answer[] = [];
  #toldAtMs = performance.now();

  constructor(engine: ApplyEngine, port: MessagePort, data: ApplyWorkerData) {
    this.#engine = engine;
    this.#port = port;
    this.#data = data;
  }

  /** What an earlier process applied and did not live to sync is synced now. */
  begin(): void {
    if (!this.#engine.isDurable) this.#tell(true);
  }

  /** Takes one message and all that have come meanwhile. */
  take(message: ToApplyWorker): void {
    for (let next: ToApplyWorker | undefined = message; next !== undefined; next = receiveMessageOnPort(this.#port)?.message as ToApplyWorker | undefined) {
      this.#handle(next);
      if (this.#sets >= SETS_PER_PROGRESS || performance.now() - this.#toldAtMs >= PROGRESS_MS) this.#tell(false);
    }
    this.#tell(false);
  }

  #handle(message: ToApplyWorker): void {
    switch (message.kind) {
      case "set":
        if (this.#hasFailed) return;
        if (this.#retrying !== null) this.#waiting.push(message.frame);
        else this.#apply(message.frame);
        return;
      case "durable":
        this.#engine.setDurable(message.state);
        return;
      case "close":
        this.#close();
        return;
      default:
        unreachable(message);
    }
  }

  #apply(frame: Uint8Array): void {
    const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
    this.#guarded(bytes.length, () => this.#engine.applySet(bytes));
    if (this.#retrying === null && !this.#hasFailed) discardBuffer(bytes);
  }

  #guarded(bytes: number, step: () => SetOutcome): void {
    try {
      this.#settle(step(), bytes);
    } catch (error) {
      this.#hasFailed = true;
      this.#waiting.length = 0;
      this.#tell(false);
      const { code, message } = toSmError(error);
      this.#post({ kind: "failed", error: { code, message } });
    }
  }

  #settle(outcome: SetOutcome, bytes: number): void {
    if (outcome.kind === "blocked") {
      this.#blockedBytes = bytes;
      this.#block(outcome.blocked);
      return;
    }
    this.#sets += 1;
    this.#bytes += bytes;
    if (outcome.kind === "applied") for (const answer of outcome.answers) this.#answers.push(answer);
  }

  #block({ path, code, message }: Blocked): void {
    const attempts = (this.#retrying?.attempts ?? 0) + 1;
    const sinceMs = this.#retrying?.sinceMs ?? Date.now();
    this.#retrying = { code, path: displayPath(path).slice(0, 8192), message: message.slice(0, 2000), sinceMs, attempts };
    this.#tell(true);
    const { retryInitialMs, retryMaxMs } = this.#data;
    this.#retryTimer = setTimeout(() => this.#retry(), backoffMs(attempts, { initialMs: retryInitialMs, maxMs: retryMaxMs, jitter: 0.1 }));
  }

  #retry(): void {
    const before = this.#retrying;
    this.#guarded(this.#blockedBytes, () => this.#engine.retry());
    if (this.#retrying !== before || this.#hasFailed) return;
    this.#retrying = null;
    this.#tell(true);
    while (this.#retrying === null && !this.#hasFailed) {
      const frame = this.#waiting.shift();
      if (frame === undefined) break;
      this.#apply(frame);
      if (this.#sets >= SETS_PER_PROGRESS) this.#tell(false);
    }
    this.#tell(false);
  }

  #tell(always: boolean): void {
    this.#toldAtMs = performance.now();
    if (!always && this.#sets === 0) return;
    this.#post({
      kind: "progress",
      appliedSeq: this.#engine.appliedSeq,
      bytes: this.#bytes,
      answers: this.#answers,
      retrying: this.#retrying,
      point: this.#engine.durablePoint(),
    });
    this.#sets = 0;
    this.#bytes = 0;
    this.#answers = [];
  }

  #close(): void {
    clearTimeout(this.#retryTimer);
    this.#tell(false);
    const point = this.#engine.isClean ? null : this.#engine.durablePoint();
    const isClean = !this.#engine.isMidSet && !this.#hasFailed;
    this.#engine.close();
    this.#post({ kind: "closed", point: point && { ...point, state: { ...point.state, clean: isClean } } });
    this.#port.close();
  }

  #post(message: FromApplyWorker): void {
    this.#port.postMessage(message);
  }
}

function run(port: MessagePort): void {
  const data = workerData as ApplyWorkerData;
  if (data.failpoint !== null) armFailpointText(data.failpoint);
  let host: ApplyHost;
  try {
    const matchers = data.mappings.map(({ source }) => new RepsetMatcher(data.rules, source));
    const engine = ApplyEngine.open({ ...data, matcher: (root, path, isDirectory) => matchers[root]?.decide(path, isDirectory) ?? false });
    host = new ApplyHost(engine, port, data);
    port.postMessage({ kind: "opened", begun: engine.begin(data.epoch) } satisfies FromApplyWorker);
    host.begin();
  } catch (error) {
    const { code, message } = toSmError(error);
    port.postMessage({ kind: "failed", error: { code, message } } satisfies FromApplyWorker);
    return;
  }
  port.on("message", (message: ToApplyWorker) => host.take(message));
}

assert(parentPort !== null, "apply-worker runs as a worker thread");
run(parentPort);
