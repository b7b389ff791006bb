// The source module: the connections of this agent and the replication sets that feed them.

import type { Feed } from "../apply/loop-check.js";
import { SmError, toSmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import { MiB } from "../base/units.js";
import type { Config } from "../config/config.js";
import type { RepsetStore } from "../config/repset-store.js";
import { cleanUntilAtStart } from "../connection/clean-until.js";
import type { ConnectionRecord } from "../connection/connection-record.js";
import { reportConnection } from "../connection/connection-report.js";
import { guardPolicyOf, rejectHeld } from "../connection/guard-decision.js";
import { heldIn } from "../connection/guard-record.js";
import { needAfterRestart } from "../connection/restart-need.js";
import { besideRestored } from "../connection/restore-hold.js";
import { SourceConnection } from "../connection/source-connection.js";
import { DirtyStore } from "../journal/dirty-store.js";
import type { Peer, SourceDialer } from "../model/channel-port.js";
import type { ConnectionPatch, GuardChange } from "../model/connection-spec.js";
import type { ConnectionControl, ConnectRequest } from "../model/control-port.js";
import type { MirrorWish } from "../model/mirror-wish.js";
import type { RepsetData } from "../model/rule.js";
import type { ConnectionReport, MirrorReport, StatusReport } from "../model/status.js";
import { ConnectionStore } from "./connection-store.js";
import { GoodbyeList } from "./goodbye-list.js";
import { greetingOf } from "./greeting.js";
import { HookStore } from "./hook-store.js";
import type { JobDuties } from "./job-duties.js";
import { stallMs } from "./live-settings.js";
import { withPlainPaths } from "./mirror-paths.js";
import { EVENT_LAG_MS, recordOfRequest } from "./new-connection.js";
import { OriginTeller } from "./origin-teller.js";
import { queueBytesMax } from "./queue-capacity.js";
import type { QueueLimitsFile } from "./queue-limits.js";
import type { QueueWatch } from "./queue-watch.js";
import { type KnownRoot, RepsetSource } from "./repset-source.js";
import { isDirectory, ownSourcesOf, refuseMovedRoots, rootsAt, withBirthTime } from "./set-roots.js";
import { peersOf } from "./simulated-target.js";
import type { Simulations } from "./simulations.js";
import { settleHeld } from "./source-settled.js";
import type { StatusBoard } from "./status-board.js";
import { syncConnection } from "./sync-connection.js";
import { TaskStore } from "./task-store.js";

export interface SourceServiceOptions {
  readonly config: Config;
  readonly limits: QueueLimitsFile;
  readonly repsets: RepsetStore;
  readonly dialer: SourceDialer;
  readonly findPeer: (name: string) => Peer;
  /** What flows into this agent as a target. */
  readonly feeds: () => readonly Feed[];
  readonly jobs: Pick<JobDuties, "takeEvent" | "tick" | "forget">;
  readonly simulations: Pick<Simulations, "take">;
  readonly board: StatusBoard;
  readonly version: string;
  readonly failpoint: string | null;
  readonly log: Log;
}

interface Running {
  readonly connection: SourceConnection;
  readonly source: RepsetSource;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

/** A source that sends nothing into this agent for about so long is told of no more. */
const FEEDS_GONE_MS = 60_000;

export class SourceService implements ConnectionControl {
  readonly #options: SourceServiceOptions;
  readonly #store: ConnectionStore;
  readonly #dirty: DirtyStore;
  readonly #tasks: TaskStore;
  readonly #hooks: HookStore;
  readonly #sources = new Map<string, RepsetSource>();
  readonly #running = new Map<number, Running>();
  readonly #origins: OriginTeller;
  readonly #goodbyes: GoodbyeList;
  readonly #tickers: readonly NodeJS.Timeout[];

  private constructor(options: SourceServiceOptions, goodbyes: GoodbyeList) {
    this.#options = options;
    this.#goodbyes = goodbyes;
    this.#store = ConnectionStore.open(options.config.stateDir);
    this.#dirty = DirtyStore.open(options.config.stateDir, options.log);
    this.#tasks = new TaskStore(options.config);
    this.#hooks = new HookStore(options.config);
    this.#origins = new OriginTeller(options.feeds);
    const tick = (): void => {
      for (const { connection } of this.#running.values()) connection.tick();
      for (const source of this.#sources.values()) source.look();
      options.jobs.tick([...this.#running.values()].map(({ connection }) => connection));
    };
    this.#tickers = [setInterval(tick, 1000), setInterval(() => this.feedsChanged(true), FEEDS_GONE_MS)];
  }

  /** Takes up the connections that were there before: whatever happened meanwhile is compared. */
  static async open(options: SourceServiceOptions): Promise<SourceService> {
    const { config, dialer, findPeer, board, log } = options;
    const goodbyes = GoodbyeList.open({ stateDir: config.stateDir, dialer, findPeer, onChange: board.changed, log });
    const service = new SourceService(options, goodbyes);
    // Before anything is told: what was being disconnected when the agent ended is gone.
    for (const { id, key } of service.#store.list()) if (goodbyes.has(key)) service.#remove(id);
    for (const record of service.#store.list()) {
      try {
        await service.#take(record, "the agent was restarted");
      } catch (error) {
        const failure = toSmError(error);
        const names = { connection: record.id, repset: record.repset, target: record.peer };
        logEvent(log, "connectionUnusable", { ...names, reason: failure.message }, { code: failure.code });
      }
    }
    return service;
  }

  async connect(asked: ConnectRequest): Promise<ConnectionReport> {
    const connection = await this.make(asked);
    await this.#options.board.until(() => connection.state.kind !== "connecting", 5000);
    return reportConnection(connection);
  }

  /** Does not wait for the target. `beginning`: what its record has from the first moment on. */
  async make(asked: ConnectRequest, beginning: Pick<ConnectionRecord, "file" | "transmission"> = {}): Promise<SourceConnection> {
    const among = { records: this.connections.map(({ record }) => record), sourceOf: (repset: string) => this.#sources.get(repset) };
    const record = { ...recordOfRequest(asked, { ...this.#options, ...among, id: this.#store.nextId() }), ...beginning };
    this.#store.save(record);
    return this.#take(record, null);
  }

  async #take(record: ConnectionRecord, restartReason: string | null): Promise<SourceConnection> {
    const { config, limits, dialer, findPeer, jobs, simulations, board, log } = this.#options;
    const roots = record.roots.map(withBirthTime);
    const source = await this.#source(record.repset, roots);
    const { epoch } = source.journal.stats();
    const isSameStream = record.epoch === epoch;
    const current: ConnectionRecord = {
      ...record,
      roots,
      cleanUntilMs: cleanUntilAtStart(record.cleanUntilMs, Date.now()),
      epoch,
      durableSeq: record.epoch === "" ? source.journal.lastSeq : isSameStream ? record.durableSeq : 0,
      guard: heldIn(record.guard, isSameStream),
    };
    const places = this.#dirty.book(record.id);
    const connection: SourceConnection = new SourceConnection({
      ...{ record: current, journal: source.journal, feed: source, dialer, places },
      findPeer: peersOf(record, findPeer),
      hello: () => greetingOf(connection, source, { origins: this.#origins.tell(record.id, source.roots), version: this.#options.version }),
      windowBytes: config.transport.windowMiB * MiB,
      repairBelowBytes: () => (limits.inForce.memoryMiB * MiB) / 2,
      get stallMs() {
        return stallMs(config);
      },
      captureLagMs: config.capture.walkSeconds * 1000 + EVENT_LAG_MS,
      queueBytesMax: () => queueBytesMax(config, source.journal.stats()),
      get sizesMirrors() {
        return config.mirror.size;
      },
      guardPolicy: ({ options }) => guardPolicyOf(options, config.guard),
      ...{ tasks: this.#tasks.termsOf(record.id), hooks: this.#hooks.termsOf(record.id) },
      save: (changed) => this.#store.save(changed),
      onChange: board.changed,
      onEvent: (event) => jobs.takeEvent(record.id, event),
      log,
    });
    simulations.take(connection, source);
    source.attach(connection);
    if (restartReason !== null) {
      connection.requireMirror(needAfterRestart(current, restartReason));
    } else {
      this.#store.save(current);
    }
    if (places.damage !== null) source.requireMirror("queue", `what was to be repaired is not known: ${places.damage}`, record.id);
    if (connection.state.kind === "connecting") {
      const names = { connection: record.id, repset: record.repset, target: record.peer };
      logEvent(log, restartReason === null ? "connectionAttempt" : "reconnecting", names);
    }
    const abort = new AbortController();
    const done = connection
      .run(abort.signal)
      .catch((error: unknown) => logEvent(log, "connectionFailed", { connection: record.id, reason: toSmError(error).message }));
    this.#running.set(record.id, { connection, source, abort, done });
    board.changed();
    return connection;
  }

  /** The roots are those that were connected, there or not: the source waits for them. */
  async #source(name: string, roots: readonly KnownRoot[]): Promise<RepsetSource> {
    const known = this.#sources.get(name);
    if (known?.hasRoots(roots)) return known;
    if (known !== undefined) throw new SmError("ROOT_CHANGED", `its directories are others than those of another connection of ${name}`);
    const { config, limits, repsets, failpoint, board, log } = this.#options;
    const source = await RepsetSource.open({
      repset: repsets.get(name),
      roots,
      config,
      limits: limits.inForce,
      dirty: this.#dirty,
      failpoint,
      onChange: board.changed,
      log,
    });
    this.#sources.set(name, source);
    // A cursor of a connection that is no more would hold its records for ever.
    const alive = new Set(this.#store.list().map((record) => record.id));
    for (const { connectionId } of source.journal.cursors()) if (!alive.has(connectionId)) source.journal.removeCursor(connectionId);
    return source;
  }

  async disconnect(id: number): Promise<{ readonly isTargetTold: boolean }> {
    const { connection, source, abort, done } = this.#get(id);
    if (connection.record.restore?.state === "running") throw new SmError("JOB_CONFLICT", `the source of connection ${id} is being restored`);
    await connection.duty.leave();
    abort.abort();
    await done;
    this.#options.jobs.forget(id);
    source.detach(connection);
    this.#running.delete(id);
    this.#origins.forget(id);
    // On record first: a kill from here on is a disconnect that is completed.
    const told = connection.record.isSimulated === true ? true : this.#goodbyes.add(connection.record);
    this.#remove(id);
    if (source.connections.size === 0) {
      this.#sources.delete(source.repset.name);
      await source.close();
    }
    this.#options.board.changed();
    logEvent(this.#options.log, "disconnected", { connection: id, repset: connection.record.repset, target: connection.record.peer });
    return { isTargetTold: await told };
  }

  #remove(id: number): void {
    this.#store.remove(id);
    this.#dirty.remove(id);
    this.#tasks.remove(id);
    this.#hooks.remove(id);
  }

  #get(id: number): Running {
    const running = this.#running.get(id);
    if (running === undefined) throw new SmError("NOT_FOUND", `there is no connection ${id}`);
    return running;
  }

  async list(): Promise<readonly ConnectionReport[]> {
    return this.reports();
  }

  reports(): readonly ConnectionReport[] {
    return this.connections.map(reportConnection);
  }

  status(): Pick<StatusReport, "connections" | "captures" | "goodbyes"> {
    return { connections: this.reports(), captures: [...this.#sources.values()].map((source) => source.report()), goodbyes: this.#goodbyes.reports() };
  }

  queues(): readonly QueueWatch[] {
    return [...this.#sources.values()].map(({ queue }) => queue);
  }

  /** The set in operation; undefined while it is not connected. */
  sourceOf(repset: string): RepsetSource | undefined {
    return this.#sources.get(repset);
  }

  async show(id: number): Promise<ConnectionReport> {
    return reportConnection(this.#get(id).connection);
  }

  async setOptions(id: number, patch: ConnectionPatch): Promise<ConnectionReport> {
    const { connection } = this.#get(id);
    connection.setOptions(patch);
    this.#options.board.changed();
    logEvent(this.#options.log, "optionsChanged", { connection: id }, { ...patch });
    return reportConnection(connection);
  }

  connection(id: number): SourceConnection {
    return this.#get(id).connection;
  }

  /** Connections of a replication set, by number. */
  connectionsOf(repset: string): readonly number[] {
    return this.connections.filter(({ record }) => record.repset === repset).map(({ id }) => id);
  }

  get connections(): readonly SourceConnection[] {
    return [...this.#running.values()].map(({ connection }) => connection);
  }

  /** The directories of a set may have been made anew by the restore of connection `restored`: all of it go on with those that are there. */
  async adoptRoots(name: string, restored: number): Promise<void> {
    const source = this.#sources.get(name);
    if (source?.roots.every(isDirectory) !== true || source.hasRoots(rootsAt(source.roots))) return;
    const roots = rootsAt(source.roots);
    const concerned = [...this.#running.values()].filter((each) => each.source === source);
    for (const { abort } of concerned) abort.abort();
    for (const { connection, done } of concerned) {
      await done;
      source.detach(connection);
      this.#running.delete(connection.id);
    }
    this.#sources.delete(name);
    await source.close();
    for (const { connection } of concerned) {
      const { id, record } = connection;
      await this.#take({ ...(id === restored ? record : besideRestored(record)), roots }, null);
    }
  }

  async sync(id: number, timeoutMs: number): Promise<ConnectionReport> {
    const { connection, source } = this.#get(id);
    await syncConnection({ connection, source, board: this.#options.board, timeoutMs });
    return reportConnection(connection);
  }

  async approve(id: number): Promise<ConnectionReport> {
    const { connection } = this.#get(id);
    connection.guard.approve();
    return reportConnection(connection);
  }

  async reject(id: number): Promise<ConnectionReport> {
    const { connection } = this.#get(id);
    rejectHeld(connection);
    return reportConnection(connection);
  }

  async setGuard(id: number, guards: GuardChange): Promise<ConnectionReport> {
    const { connection } = this.#get(id);
    connection.keep({ options: { ...connection.record.options, ...guards } }, true);
    this.#options.board.changed();
    return reportConnection(connection);
  }

  async startMirror(id: number, wish: MirrorWish): Promise<MirrorReport> {
    const { connection, source } = this.#get(id);
    const plain = withPlainPaths(wish, source.roots);
    await settleHeld(connection, source);
    const { id: before } = connection.startMirror(plain);
    connection.nudge();
    // Who waits for it must know its number; without a target it has none yet.
    await this.#options.board.until(() => connection.mirror.id > before || connection.state.kind !== "connecting", 5000);
    return connection.mirror.report();
  }

  async pauseMirror(id: number, isPaused: boolean): Promise<MirrorReport> {
    const { duty } = this.#get(id).connection;
    return isPaused ? duty.pause() : duty.resume();
  }

  async stopMirror(id: number): Promise<MirrorReport> {
    return this.#get(id).connection.stopMirror();
  }

  async waitMirror(id: number, mirrorId: number, timeoutMs: number): Promise<MirrorReport> {
    const { connection } = this.#get(id);
    await this.#options.board.until(() => connection.duty.isOver(mirrorId), timeoutMs);
    return connection.mirror.report();
  }

  /** The rules of a set were saved: a connected set goes on with them, unless its roots changed. */
  async rulesSaved(repset: RepsetData): Promise<void> {
    await this.#sources.get(repset.name)?.setRules(repset);
  }

  /** Refuses rules that would move the roots of a connected set. */
  checkRules(name: string, rules: RepsetData["rules"]): void {
    const source = this.#sources.get(name);
    if (source !== undefined) refuseMovedRoots(source, rules, ownSourcesOf(this.#options.config));
  }

  /** Something else flows into this agent: targets are told anew of what flows into their sources. */
  feedsChanged(isExact = false): void {
    for (const { connection, source } of this.#running.values()) if (this.#origins.isOutdated(connection.id, source.roots, isExact)) connection.sayHelloAgain();
  }

  nudgePeer(name: string): void {
    for (const connection of this.connections) if (connection.record.peer === name) connection.nudge();
    this.#goodbyes.nudgePeer(name);
  }

  peerRemoved(name: string): void {
    this.#goodbyes.forgetPeer(name);
  }

  async close(): Promise<void> {
    for (const ticker of this.#tickers) clearInterval(ticker);
    await Promise.all([...this.#sources.values()].map((source) => source.stopCapture()));
    for (const { abort } of this.#running.values()) abort.abort();
    await Promise.all([...this.#running.values()].map(({ done }) => done));
    await Promise.all([...this.#sources.values()].map((source) => source.close()));
    await this.#goodbyes.close();
    this.#dirty.close();
  }
}
