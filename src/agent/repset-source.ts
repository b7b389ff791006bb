// One replication set in operation on this source: its journal, its worker, the connections fed from them.
//   capture worker ─▶ source worker ─sets─▶ journal ─▶ connections

import { rmSync } from "node:fs";
import type { Worker } from "node:worker_threads";
import { discardBuffer } from "../base/discard-buffer.js";
import { SmError, toSmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import type { Pulse } from "../base/pulse.js";
import { type Deferred, defer, delay } from "../base/wait.js";
import type { Config } from "../config/config.js";
import type { ConnectionRecord, MirrorNeed } from "../connection/connection-record.js";
import type { SourceConnection } from "../connection/source-connection.js";
import { isSameRoot } from "../fs/root-identity.js";
import type { DirtyStore } from "../journal/dirty-store.js";
import { DiskJournal } from "../journal/disk-journal.js";
import { type BytePath, displayPath } from "../model/byte-path.js";
import type { AuditFigures, CaptureCoverage } from "../model/capture-port.js";
import type { RootIndex, TaskChange } from "../model/change.js";
import type { PathKnowledge } from "../model/explanation.js";
import type { JournalLoss } from "../model/journal-port.js";
import type { QueueLimits } from "../model/queue.js";
import type { RepsetData } from "../model/rule.js";
import type { SourceCommand, SourceEvent, SourceFeed } from "../model/source-messages.js";
import type { CaptureReport, Reason } from "../model/status.js";
import { SetDirtyTaker } from "./dirty-taker.js";
import { stallMs } from "./live-settings.js";
import { journalLimits, QueueWatch } from "./queue-watch.js";
import { UnreadableFiles } from "./unreadable-files.js";
import { bookPathOf, startWorker } from "./worker-start.js";
import { WorkerWatch } from "./worker-watch.js";

/** A root as it was when it was connected: a path, and what must be found there. */
export type KnownRoot = ConnectionRecord["roots"][number];

/** What the worker was asked and has not answered. */
interface Request<T> {
  readonly command: SourceCommand;
  readonly answer: Deferred<T>;
}

export interface RepsetSourceOptions {
  readonly repset: RepsetData;
  readonly roots: readonly KnownRoot[];
  /** Where they lie in the sense of the rules; absent = where they are. */
  readonly ruleRoots?: readonly string[];
  readonly config: Config;
  /** Of its queue, as they are in force. */
  readonly limits: QueueLimits;
  readonly dirty: DirtyStore;
  readonly failpoint: string | null;
  readonly onChange: () => void;
  readonly log: Log;
}

const RESTART_MS = 1000;
const STOP_DEADLINE_MS = 5000;

export class RepsetSource implements SourceFeed {
  readonly roots: readonly string[];
  readonly journal: DiskJournal;
  readonly connections = new Set<SourceConnection>();
  readonly queue: QueueWatch;
  readonly #unreadable: UnreadableFiles;
  readonly #watch: WorkerWatch;
  repset: RepsetData;
  readonly #options: RepsetSourceOptions;
  #worker: Worker | null = null;
  #state: CaptureReport["state"] = "Arming";
  #files = 0;
  #bytes = 0;
  #coverage: CaptureCoverage | null = null;
  #audit: AuditFigures | null = null;
  #halt: Reason | null = null;
  #lastSeq: number;
  #nextRequest = 1;
  #isClosing = false;
  #starts = 0;
  readonly #barriers = new Map<number, Request<number>>();
  readonly #probes = new Map<number, Request<{ readonly pending: number; readonly repairSeq: number }>>();
  readonly #explains = new Map<number, Request<PathKnowledge>>();
  readonly #inserts = new Map<number, Request<number | null>>();

  private constructor(options: RepsetSourceOptions, journal: DiskJournal) {
    this.#options = options;
    this.#unreadable = new UnreadableFiles(options.log);
    this.repset = options.repset;
    this.roots = options.roots.map((root) => root.path);
    this.journal = journal;
    this.#lastSeq = journal.lastSeq;
    const { config, limits, onChange, log } = options;
    const { directory, onFull } = config.queue;
    const repset = options.repset.name;
    this.queue = new QueueWatch({ repset, directory, journal, limits, onFull, connections: () => this.connections, onChange, log });
    this.#watch = new WorkerWatch(this.roots.join(", "), () => stallMs(config));
    journal.onLoss((loss) => this.#takeLoss(loss));
  }

  static async open(options: RepsetSourceOptions): Promise<RepsetSource> {
    let source: RepsetSource | null = null;
    const taker = new SetDirtyTaker({
      store: options.dirty,
      repset: options.repset.name,
      connections: () => source?.connections ?? [],
      send: (command) => source?.send(command),
      log: options.log,
    });
    const journal = await DiskJournal.open({
      directory: options.config.queue.directory,
      setName: options.repset.name,
      ...journalLimits(options.limits),
      onReleased: ({ bytes }) => discardBuffer(bytes),
      log: options.log,
      ...(options.config.queue.onFull === "pull-ahead" ? { dirty: taker } : {}),
    });
    source = new RepsetSource(options, journal);
    source.#start();
    return source;
  }

  #start(): void {
    this.#starts += 1;
    const worker = startWorker(this.#options, { rules: this.repset.rules, lastSeq: this.#lastSeq, pulse: this.#watch.begin() });
    this.#worker = worker;
    worker.on("message", (event: SourceEvent) => this.#take(event));
    let failure: SmError | null = null;
    worker.on("error", (error) => {
      failure = toSmError(error, "WORKER_DIED", `the source worker of ${this.repset.name}`);
    });
    worker.on("exit", () => {
      if (this.#worker === worker) void this.#restart(failure);
    });
    for (const connection of this.connections) this.send({ kind: "attach", connectionId: connection.id });
    for (const { command } of this.#requests()) this.send(command);
  }

  #requests(): readonly Request<unknown>[] {
    return [this.#barriers, this.#probes, this.#explains, this.#inserts].flatMap((requests) => [...requests.values()]);
  }

  #refuseRequests(error: SmError): void {
    for (const { answer } of this.#requests()) answer.reject(error);
    for (const requests of [this.#barriers, this.#probes, this.#explains, this.#inserts]) requests.clear();
  }

  /** A worker that ended has forgotten what it knew of the tree: begin anew, and compare. It ends in order (null) when a root is not there. */
  async #restart(failure: SmError | null): Promise<void> {
    this.#worker = null;
    this.#watch.end();
    const [halt, starts] = [this.#halt, this.#starts];
    const isRootAway = failure === null && halt?.code.startsWith("ROOT_") === true;
    if (!isRootAway) this.#takeDeath(failure ?? new SmError("WORKER_DIED", `the source worker of ${this.repset.name} ended unexpectedly`));
    await delay(RESTART_MS);
    // Other rules may have started one meanwhile.
    if (this.#isClosing || this.#starts !== starts) return;
    this.#start();
    if (isRootAway) this.requireMirror("problem", `a source directory was away: ${halt.message}`);
    else this.requireMirror("restart", "the source worker was restarted");
  }

  #takeDeath(error: SmError): void {
    if (this.#halt?.message !== error.message) {
      logEvent(this.#options.log, "sourceDied", { repset: this.repset.name, reason: error.message }, { code: error.code });
      this.#setHalt({ code: error.code, message: error.message });
    }
    this.#refuseRequests(error);
  }

  /** These roots are those of this set as it runs. */
  hasRoots(roots: readonly KnownRoot[]): boolean {
    const known = this.#options.roots;
    return roots.length === known.length && roots.every((root, index) => root.path === known[index]?.path && isSameRoot(known[index], root));
  }

  requireMirror(reason: MirrorNeed["reason"], message: string, only = 0): void {
    for (const connection of this.connections) {
      if (only !== 0 && connection.id !== only) continue;
      const { cleanUntilMs } = connection.record;
      connection.requireMirror({
        reason,
        message,
        since: new Date().toISOString(),
        mode: "difference",
        extras: "remove",
        changedSinceMs: cleanUntilMs,
        isAutomatic: true,
      });
    }
  }

  /** Said of each connection that it concerns. */
  #sayGivenUp({ connectionId, fromSeq, toSeq, reason: cause, message: reason }: JournalLoss): void {
    const { log } = this.#options;
    for (const { id } of this.connections)
      if (id === connectionId || connectionId === 0)
        logEvent(log, "queueGaveUp", { repset: this.repset.name, connection: id, cause, reason }, { from: fromSeq, to: toSeq });
  }

  #takeLoss(loss: JournalLoss): void {
    this.#sayGivenUp(loss);
    this.requireMirror("queue", `changes ${loss.fromSeq}…${loss.toSeq} were given up (${loss.reason}): ${loss.message}`, loss.connectionId);
    this.send({ kind: "lost", connectionId: loss.connectionId, fromSeq: loss.fromSeq, toSeq: loss.toSeq });
  }

  /** Null = there is none, or it is arming: a thread of its own may be at that. */
  get pulse(): Pulse | null {
    return this.#state === "Arming" ? null : this.#watch.pulse;
  }

  /** Called about once a second. */
  look(): void {
    void this.queue.look();
    if (!this.#watch.look(performance.now())) return;
    const { reason } = this.#watch;
    if (reason === null) logEvent(this.#options.log, "sourceMoves", { repset: this.repset.name });
    else logEvent(this.#options.log, "sourceStalled", { repset: this.repset.name, reason: reason.message }, { code: reason.code });
    this.#options.onChange();
  }

  send(command: SourceCommand): void {
    this.#worker?.postMessage(command);
  }

  barrier(connectionId: number): Promise<number> {
    return this.#ask(this.#barriers, { kind: "barrier", id: this.#nextRequest++, connectionId });
  }

  probe(connectionId: number): Promise<{ readonly pending: number; readonly repairSeq: number }> {
    return this.#ask(this.#probes, { kind: "probe", id: this.#nextRequest++, connectionId });
  }

  insert(connectionId: number, task: TaskChange): Promise<number | null> {
    return this.#ask(this.#inserts, { kind: "insert", id: this.#nextRequest++, connectionId, task });
  }

  /** What is known of a path below a root. */
  explain(root: RootIndex, path: BytePath): Promise<PathKnowledge> {
    return this.#ask(this.#explains, { kind: "explain", id: this.#nextRequest++, root, path });
  }

  /** Asked again of each worker that follows one that could not answer. */
  #ask<T>(requests: Map<number, Request<T>>, command: Extract<SourceCommand, { kind: "barrier" | "probe" | "explain" | "insert" }>): Promise<T> {
    const answer = defer<T>();
    requests.set(command.id, { command, answer });
    this.send(command);
    return answer.promise;
  }

  #take(event: SourceEvent): void {
    switch (event.kind) {
      case "set":
        this.#takeSet(event);
        break;
      case "state":
        this.#state = event.state;
        this.#files = event.files;
        this.#bytes = event.bytes;
        if (event.state === "Scanning") this.#setHalt(null);
        break;
      case "coverage":
        this.#coverage = event.coverage;
        this.#audit = event.audit;
        break;
      case "halt":
        this.#setHalt(event.error);
        break;
      case "problem":
        this.#unreadable.take(this.repset.name, `${this.roots[event.root]}/${displayPath(event.path)}`, event);
        break;
      case "barrier":
        this.#barriers.get(event.id)?.answer.resolve(event.seq);
        this.#barriers.delete(event.id);
        return;
      case "inserted":
        this.#inserts.get(event.id)?.answer.resolve(event.seq);
        this.#inserts.delete(event.id);
        return;
      case "missed":
        this.#sayMissed(event);
        return;
      case "probe":
        this.#probes.get(event.id)?.answer.resolve(event);
        this.#probes.delete(event.id);
        return;
      case "explained":
        this.#explains.get(event.id)?.answer.resolve(event.knowledge);
        this.#explains.delete(event.id);
        return;
      default:
        break;
    }
    if (event.kind !== "halt") for (const connection of this.connections) if (concerns(event, connection.id)) connection.takeEvent(event);
    this.#options.onChange();
  }

  #takeSet(event: Extract<SourceEvent, { kind: "set" }>): void {
    this.#lastSeq = event.seq;
    const bytes = Buffer.from(event.bytes.buffer, event.bytes.byteOffset, event.bytes.byteLength);
    // What nobody wants is given back at once: its length is nothing then.
    const { length } = bytes;
    this.queue.appended(event.connectionId, length);
    this.journal.append({ seq: event.seq, connectionId: event.connectionId, bytes }).then(
      () => this.send({ kind: "accepted", bytes: length }),
      (error: unknown) => {
        this.send({ kind: "accepted", bytes: length });
        const failure = toSmError(error, "JOURNAL_IO");
        this.#takeLoss({ connectionId: event.connectionId, fromSeq: event.seq, toSeq: event.seq, reason: "io", message: failure.message });
      },
    );
  }

  #sayMissed({ root, paths, count }: Extract<SourceEvent, { kind: "missed" }>): void {
    const shown = paths.map((path) => displayPath(path)).join(", ");
    const more = count > paths.length ? ` and ${count - paths.length} more` : "";
    logEvent(this.#options.log, "auditFound", { repset: this.repset.name, count }, { root: this.roots[root], paths: `${shown}${more}` });
  }

  #setHalt(error: { readonly code: string; readonly message: string } | null): void {
    const before = this.#halt;
    if (error === null && before === null) return;
    const object = this.roots.join(", ");
    const next = "looked at again every second; nothing is replicated as deleted";
    this.#halt = error === null ? null : { ...error, object, since: before?.since ?? new Date().toISOString(), next, nextAt: null, command: "sm status" };
    for (const connection of this.connections) connection.takeEvent({ kind: "halt", error });
  }

  attach(connection: SourceConnection): void {
    this.connections.add(connection);
    this.journal.addCursor(connection.id, connection.durableSeq);
    this.send({ kind: "attach", connectionId: connection.id });
    if (this.#halt !== null) connection.takeEvent({ kind: "halt", error: this.#halt });
  }

  detach(connection: SourceConnection): void {
    this.connections.delete(connection);
    this.journal.removeCursor(connection.id);
    this.send({ kind: "detach", connectionId: connection.id });
  }

  /** Other rules for the same roots: the worker starts anew with them, and what they changed is compared. */
  async setRules(repset: RepsetData): Promise<void> {
    this.repset = repset;
    await this.#stopWorker();
    if (this.#isClosing) return;
    for (const { guard } of this.connections) guard.forgetFiles();
    // Targets hear the rules before anything is compared by them: what they exclude is not to be removed there.
    for (const connection of this.connections) connection.sayHelloAgain();
    this.#start();
    this.requireMirror("rules", `the rules of ${repset.name} were changed (generation ${repset.generation})`);
  }

  report(): CaptureReport {
    return {
      repset: this.repset.name,
      state: this.#halt === null ? this.#state : "Halted",
      files: this.#files,
      bytes: this.#bytes,
      coverage: this.#coverage ?? BEING_ARMED,
      audit: this.#audit,
      reasons: [this.#halt, this.#watch.reason, this.queue.reason].filter((reason) => reason !== null),
    };
  }

  async #stopWorker(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    this.#watch.end();
    if (worker === null) return;
    const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    worker.postMessage({ kind: "stop" } satisfies SourceCommand);
    const timer = setTimeout(() => void worker.terminate(), STOP_DEADLINE_MS);
    await exited;
    clearTimeout(timer);
  }

  /** First part of an orderly stop: nothing new is captured, what is queued can still be sent. */
  async stopCapture(): Promise<void> {
    this.#isClosing = true;
    await this.#stopWorker();
  }

  /** Stops capture, then writes what is queued to its segments. */
  async close(): Promise<void> {
    await this.stopCapture();
    this.#refuseRequests(new SmError("AGENT_UNREACHABLE", "the agent is stopping"));
    if (this.connections.size === 0) rmSync(bookPathOf(this.#options), { force: true });
    await this.journal.close();
  }
}

const BEING_ARMED: CaptureCoverage = {
  ...{ tier: 4, source: "chokidar", why: "being armed", blindSpots: [], advice: null },
  ...{ directoriesWatched: 0, directoriesTotal: 0, walkSeconds: 0, events: 0, losses: 0 },
};

function concerns(event: SourceEvent, connectionId: number): boolean {
  return !("connectionId" in event) || event.connectionId === 0 || event.connectionId === connectionId;
}
