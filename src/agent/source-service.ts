// The source module: the connections of this agent and the replication sets that feed them.

import { SmError, toSmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import { Turns } from "../base/turns.js";
import type { Config } from "../config/config.js";
import type { RepsetStore } from "../config/repset-store.js";
import type { ConnectionRecord } from "../connection/connection-record.js";
import { reportConnection } from "../connection/connection-report.js";
import { rejectHeld } from "../connection/guard-decision.js";
import { needAfterRestart } from "../connection/restart-need.js";
import { refuseWhileRestored, releaseRestored } from "../connection/restore-hold.js";
import type { SourceConnection } from "../connection/source-connection.js";
import type { TargetService } from "../connection/target-service.js";
import { DirtyStore } from "../journal/dirty-store.js";
import type { Peer, SourceDialer } from "../model/channel-port.js";
import type { ConnectionPatch, GuardChange } from "../model/connection-spec.js";
import type { ConnectionControl, ConnectRequest } from "../model/control-port.js";
import type { Hook } from "../model/hook.js";
import type { MirrorWish } from "../model/mirror-wish.js";
import type { RepsetData } from "../model/rule.js";
import type { ConnectionReport, MirrorReport, StatusReport } from "../model/status.js";
import { ConnectionStore } from "./connection-store.js";
import { GoodbyeList } from "./goodbye-list.js";
import { HookStore } from "./hook-store.js";
import type { JobDuties } from "./job-duties.js";
import { withPlainPaths } from "./mirror-paths.js";
import { recordOfRequest } from "./new-connection.js";
import { openConnection, recordAtStart } from "./open-connection.js";
import { OriginTeller } from "./origin-teller.js";
import type { QueueLimitsFile } from "./queue-limits.js";
import type { QueueWatch } from "./queue-watch.js";
import { type KnownRoot, RepsetSource } from "./repset-source.js";
import { adoptRoots, newRootsOf } from "./root-adoption.js";
import { ownSourcesOf, refuseMovedRoots, withBirthTime } from "./set-roots.js";
import type { Simulations } from "./simulations.js";
import { settleHeld } from "./source-settled.js";
import type { StatusBoard } from "./status-board.js";
import { syncConnection } from "./sync-connection.js";
import { TaskStore } from "./task-store.js";
import { UnusableConnections } from "./unusable-connections.js";

export interface SourceServiceOptions {
  readonly config: Config;
  readonly limits: QueueLimitsFile;
  readonly repsets: RepsetStore;
  readonly dialer: SourceDialer;
  readonly findPeer: (name: string) => Peer;
  /** What flows into this agent, and where it is written. */
  readonly target: Pick<TargetService, "feeds" | "writtenPlaces">;
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
  readonly unusable: UnusableConnections;
  /** What makes or ends connections, or begins their source anew; and what needs that nobody does meanwhile. */
  readonly turns = new Turns();
  readonly #origins: OriginTeller;
  readonly #goodbyes: GoodbyeList;
  readonly #tickers: readonly NodeJS.Timeout[];

  private constructor(options: SourceServiceOptions, goodbyes: GoodbyeList) {
    this.#options = options;
    this.#goodbyes = goodbyes;
    this.#store = ConnectionStore.open(options.config.stateDir);
    this.#dirty = DirtyStore.open(options.config.stateDir, options.log);
    this.#tasks = new TaskStore(options.config, () => options.target.writtenPlaces);
    this.#hooks = new HookStore(options.config, () => options.target.writtenPlaces);
    this.unusable = new UnusableConnections(options.log);
    this.#origins = new OriginTeller(() => options.target.feeds);
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
    for (const record of adoptRoots(service.#store.list(), service.#store, log)) await service.#takeUp(record, "the agent was restarted");
    return service;
  }

  /** Of one that cannot be, the status says why. */
  async #takeUp(record: ConnectionRecord, restartReason: string | null): Promise<void> {
    await this.#take(record, restartReason).catch((error: unknown) => this.unusable.add(record, error));
  }

  async connect(asked: ConnectRequest): Promise<ConnectionReport> {
    const connection = await this.make(asked);
    await this.#options.board.until(() => connection.state.kind !== "connecting", 5000);
    return reportConnection(connection);
  }

  /** Does not wait for the target. `beginning`, `hooks`: what it has from the first moment on. */
  make(asked: ConnectRequest, beginning: Pick<ConnectionRecord, "file" | "transmission"> = {}, hooks: readonly Hook[] = []): Promise<SourceConnection> {
    return this.turns.take(async () => {
      const among = { records: this.records, sourceOf: (repset: string) => this.#sources.get(repset) };
      const record = { ...recordOfRequest(asked, { ...this.#options, ...among, id: this.#store.nextId() }), ...beginning };
      this.#hooks.begin(record.id, hooks);
      this.#store.save(record);
      return this.#take(record, null).catch((error: unknown) => {
        // What was refused is not there after a restart.
        this.#remove(record.id);
        throw error;
      });
    });
  }

  async #take(record: ConnectionRecord, restartReason: string | null): Promise<SourceConnection> {
    const { simulations, board, log } = this.#options;
    const source = await this.#source(record.repset, record.roots.map(withBirthTime));
    const current = recordAtStart(record, source);
    const places = this.#dirty.book(record.id);
    const connection = openConnection({
      ...{ record: current, source, places, origins: this.#origins, common: this.#options },
      ...{ tasks: this.#tasks.termsOf(record.id), hooks: this.#hooks.termsOf(record.id) },
      save: (changed) => this.#store.save(changed),
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
    const running = this.#running.get(id);
    refuseWhileRestored(running?.connection);
    // What runs at the end of its mirror may take long, and holds up no other connection.
    await running?.connection.duty.leave();
    return { isTargetTold: await (await this.turns.take(() => this.#end(id))).told };
  }

  async #end(id: number): Promise<{ readonly told: boolean | Promise<boolean> }> {
    const unusable = this.unusable.find(id);
    if (unusable !== undefined) {
      const told = this.#goodbyes.add(unusable);
      this.#remove(id);
      this.#options.board.changed();
      return { told };
    }
    const { connection, source, abort, done } = this.#get(id);
    refuseWhileRestored(connection);
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
    return { told };
  }

  #remove(id: number): void {
    for (const each of [this.#store, this.unusable, this.#dirty, this.#tasks, this.#hooks]) each.remove(id);
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
    connection.keep({ options: { ...connection.record.options, ...patch } }, true);
    connection.channel?.setCompression(connection.record.options.compression);
    this.#options.board.changed();
    logEvent(this.#options.log, "optionsChanged", { connection: id }, { ...patch });
    return reportConnection(connection);
  }

  connection(id: number): SourceConnection {
    return this.#get(id).connection;
  }

  /** Connections of a replication set, by number. */
  connectionsOf(repset: string): readonly number[] {
    return this.records.filter((record) => record.repset === repset).map(({ id }) => id);
  }

  /** Also of connections that could not be taken up. */
  get records(): readonly ConnectionRecord[] {
    return [...this.connections.map(({ record }) => record), ...this.unusable.records];
  }

  get connections(): readonly SourceConnection[] {
    return [...this.#running.values()].map(({ connection }) => connection);
  }

  /** All is back. Where the directories of its set had to be made anew, all connections of it go on with those. */
  goOnRestored(id: number): Promise<void> {
    return this.turns.take(async () => {
      const { connection, source } = this.#get(id);
      releaseRestored(connection, newRootsOf(source));
      if (connection.record.adopts != null) await this.#adopt(source);
    });
  }

  async #adopt(source: RepsetSource): Promise<void> {
    const concerned = [...this.#running.values()].filter((each) => each.source === source);
    for (const { abort } of concerned) abort.abort();
    for (const { connection, done } of concerned) {
      await done;
      source.detach(connection);
      this.#running.delete(connection.id);
    }
    this.#sources.delete(source.repset.name);
    await source.close();
    const records = [...concerned.map(({ connection }) => connection.record), ...this.unusable.records];
    for (const record of adoptRoots(records, this.#store, this.#options.log)) if (this.unusable.find(record.id) === undefined) await this.#takeUp(record, null);
  }

  async sync(id: number, timeoutMs: number, endsWhenStuck: boolean): Promise<ConnectionReport> {
    const { connection, source } = this.#get(id);
    await syncConnection({ connection, source, board: this.#options.board, timeoutMs, endsWhenStuck });
    return reportConnection(connection);
  }

  async approve(id: number): Promise<ConnectionReport> {
    this.#get(id).connection.guard.approve();
    return this.show(id);
  }

  async reject(id: number): Promise<ConnectionReport> {
    rejectHeld(this.connection(id));
    return this.show(id);
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
    return this.#get(id).connection.duty[isPaused ? "pause" : "resume"]();
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
  rulesSaved(repset: RepsetData): Promise<void> {
    return this.turns.take(async () => {
      // A connection may have been made since they were checked.
      this.checkRules(repset.name, repset.rules);
      await this.#sources.get(repset.name)?.setRules(repset);
    });
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
