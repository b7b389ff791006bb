// The source module: the connections of this agent and the replication sets that feed them.

import { randomBytes } from "node:crypto";
import { realpathSync, statSync } from "node:fs";
import { SmError, toSmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import { MiB } from "../base/units.js";
import type { Config } from "../config/config.js";
import type { RepsetStore } from "../config/repset-store.js";
import type { ConnectionRecord } from "../connection/connection-record.js";
import { SourceConnection } from "../connection/source-connection.js";
import { identityAt, isSameRoot } from "../fs/root-identity.js";
import { DirtyStore } from "../journal/dirty-store.js";
import type { Peer, SourceDialer } from "../model/channel-port.js";
import type { Mapping, MirrorMode } from "../model/connection-spec.js";
import type { ConnectionControl, ConnectRequest } from "../model/control-port.js";
import { isLoop, rootsOf } from "../model/repset-roots.js";
import type { RepsetData } from "../model/rule.js";
import type { Hello } from "../model/session.js";
import type { CaptureReport, ConnectionReport, MirrorReport } from "../model/status.js";
import { ConnectionStore } from "./connection-store.js";
import { machineIdentity } from "./machine.js";
import { resolveMappings } from "./mapping-resolver.js";
import { type KnownRoot, RepsetSource } from "./repset-source.js";
import type { StatusBoard } from "./status-board.js";

export interface SourceServiceOptions {
  readonly config: Config;
  readonly repsets: RepsetStore;
  readonly dialer: SourceDialer;
  readonly findPeer: (name: string) => Peer;
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

/** Beside the walk interval: how late an event may come. */
const EVENT_LAG_MS = 10_000;

export class SourceService implements ConnectionControl {
  readonly #options: SourceServiceOptions;
  readonly #store: ConnectionStore;
  readonly #dirty: DirtyStore;
  readonly #sources = new Map<string, RepsetSource>();
  readonly #running = new Map<number, Running>();
  readonly #ticker: NodeJS.Timeout;

  private constructor(options: SourceServiceOptions) {
    this.#options = options;
    this.#store = ConnectionStore.open(options.config.stateDir);
    this.#dirty = DirtyStore.open(options.config.stateDir, options.log);
    this.#ticker = setInterval(() => {
      for (const { connection } of this.#running.values()) connection.tick();
    }, 1000);
  }

  /** Takes up the connections that were there before: whatever happened meanwhile is compared. */
  static async open(options: SourceServiceOptions): Promise<SourceService> {
    const service = new SourceService(options);
    for (const record of service.#store.list()) {
      try {
        await service.#take(record, "the agent was restarted");
      } catch (error) {
        const failure = toSmError(error);
        options.log.error(`connection ${record.id} (${record.repset} to ${record.peer}) cannot be taken up: ${failure.message}`, { code: failure.code });
      }
    }
    return service;
  }

  async connect(request: ConnectRequest): Promise<ConnectionReport> {
    const { repsets, findPeer, config, board } = this.#options;
    if (!config.source.enabled) throw new SmError("UNSUPPORTED", "the source module is switched off (source.enabled)");
    findPeer(request.target);
    const connected = [...this.#running.values()].map(({ connection }) => connection.record.repset);
    const repset = repsets.requireConnectable(request.repset, connected);
    const paths = rootsOfSet(repset);
    const roots = paths.map((path): KnownRoot => ({ path, ...identityAt(path) }));
    const mappings = resolveMappings(paths, request.map);
    this.#refuseTwice(request, mappings);
    this.#refuseOtherRoots(repset.name, roots);
    if (request.target === "localhost") refuseLoops(mappings);
    const now = new Date().toISOString();
    const isMirrored = request.options.mirror !== "none";
    const record: ConnectionRecord = {
      id: this.#store.nextId(),
      key: randomBytes(16).toString("hex"),
      repset: repset.name,
      peer: request.target,
      mappings,
      options: request.options,
      createdAt: now,
      roots,
      epoch: "",
      durableSeq: 0,
      mirrorNeed: {
        reason: "initial",
        message: isMirrored ? "the target has not been mirrored yet" : "connected with --no-mirror: nothing is known of the target",
        since: now,
        mode: request.options.mirror === "full" ? "full" : "difference",
        extras: "report",
        changedSinceMs: null,
        isAutomatic: isMirrored,
      },
      wasMirrored: false,
      cleanUntilMs: Date.now() - EVENT_LAG_MS,
    };
    this.#store.save(record);
    const connection = await this.#take(record, null);
    await board.until(() => connection.state.kind !== "connecting", 5000);
    return connection.report();
  }

  #refuseTwice(request: ConnectRequest, mappings: readonly Mapping[]): void {
    for (const { connection } of this.#running.values()) {
      const { record } = connection;
      if (record.peer !== request.target) continue;
      for (const mapping of mappings) {
        const other = record.mappings.find((m) => isLoop(m.target, mapping.target));
        if (other === undefined) continue;
        throw new SmError("CONNECTION_EXISTS", `connection ${record.id} (${record.repset}) writes to ${other.target} on ${record.peer} already`, {
          data: { id: record.id },
        });
      }
    }
  }

  /** One set has one source: what another connection of it holds must be what is there now. */
  #refuseOtherRoots(name: string, roots: readonly KnownRoot[]): void {
    const source = this.#sources.get(name);
    if (source === undefined || source.hasRoots(roots)) return;
    const ids = this.connectionsOf(name).join(", ");
    throw new SmError("ROOT_CHANGED", `${source.roots.join(", ")} is not the directory that connection ${ids} of ${name} was made for`);
  }

  async #take(record: ConnectionRecord, restartReason: string | null): Promise<SourceConnection> {
    const { config, dialer, findPeer, board, log } = this.#options;
    const roots = record.roots.map(withBirthTime);
    const source = await this.#source(record.repset, roots);
    const { epoch } = source.journal.stats();
    const isSameStream = record.epoch === epoch;
    const current: ConnectionRecord = {
      ...record,
      roots,
      epoch,
      durableSeq: record.epoch === "" ? source.journal.lastSeq : isSameStream ? record.durableSeq : 0,
    };
    const places = this.#dirty.book(record.id);
    const connection: SourceConnection = new SourceConnection({
      record: current,
      journal: source.journal,
      feed: source,
      dialer,
      places,
      findPeer,
      hello: () => this.#hello(connection, source),
      windowBytes: config.transport.windowMiB * MiB,
      repairBelowBytes: (config.queue.memoryMiB * MiB) / 2,
      captureLagMs: config.capture.walkSeconds * 1000 + EVENT_LAG_MS,
      save: (changed) => this.#store.save(changed),
      onChange: board.changed,
      log,
    });
    source.attach(connection);
    if (restartReason !== null) {
      const since = new Date().toISOString();
      const changedSinceMs = record.cleanUntilMs;
      connection.requireMirror({ reason: "restart", message: restartReason, since, mode: "difference", extras: "remove", changedSinceMs, isAutomatic: true });
    } else {
      this.#store.save(current);
    }
    if (places.damage !== null) source.requireMirror("queue", `what was to be repaired is not known: ${places.damage}`, record.id);
    const abort = new AbortController();
    const done = connection.run(abort.signal).catch((error: unknown) => log.error(`connection ${record.id} failed: ${toSmError(error).message}`));
    this.#running.set(record.id, { connection, source, abort, done });
    board.changed();
    return connection;
  }

  #hello(connection: SourceConnection, source: RepsetSource): Hello {
    const { record } = connection;
    return {
      connectionKey: record.key,
      connectionId: record.id,
      repset: record.repset,
      generation: source.repset.generation,
      rules: [...source.repset.rules],
      mappings: [...record.mappings],
      epoch: source.journal.stats().epoch,
      remapLinks: record.options.remapLinks,
      durability: record.options.durability,
      compression: record.options.compression,
      sourceTimeMs: Date.now(),
      machine: machineIdentity(),
      version: this.#options.version,
    };
  }

  /** The roots are those that were connected, there or not: the source waits for them. */
  async #source(name: string, roots: readonly KnownRoot[]): Promise<RepsetSource> {
    const known = this.#sources.get(name);
    if (known?.hasRoots(roots)) return known;
    if (known !== undefined) throw new SmError("ROOT_CHANGED", `its directories are others than those of another connection of ${name}`);
    const { config, repsets, failpoint, board, log } = this.#options;
    const source = await RepsetSource.open({
      repset: repsets.get(name),
      roots,
      config,
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

  async disconnect(id: number): Promise<void> {
    const { connection, source, abort, done } = this.#get(id);
    abort.abort();
    await done;
    source.detach(connection);
    this.#running.delete(id);
    this.#store.remove(id);
    this.#dirty.remove(id);
    if (source.connections.size === 0) {
      this.#sources.delete(source.repset.name);
      await source.close();
    }
    this.#options.board.changed();
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
    return [...this.#running.values()].map(({ connection }) => connection.report());
  }

  captures(): readonly CaptureReport[] {
    return [...this.#sources.values()].map((source) => source.report());
  }

  /** The set in operation; undefined while it is not connected. */
  sourceOf(repset: string): RepsetSource | undefined {
    return this.#sources.get(repset);
  }

  async show(id: number): Promise<ConnectionReport> {
    return this.#get(id).connection.report();
  }

  /** Connections of a replication set, by number. */
  connectionsOf(repset: string): readonly number[] {
    return [...this.#running.values()].filter(({ connection }) => connection.record.repset === repset).map(({ connection }) => connection.id);
  }

  async sync(id: number, timeoutMs: number): Promise<ConnectionReport> {
    const { connection, source } = this.#get(id);
    const { places } = connection.options;
    const { board } = this.#options;
    const deadline = performance.now() + timeoutMs;
    const left = (): number => Math.max(0, deadline - performance.now());
    const isOver = Symbol("over");
    const work = async (): Promise<void> => {
      const seq = await source.barrier(id);
      for (;;) {
        await board.until(
          () => connection.appliedSeq >= seq && connection.record.mirrorNeed === null && !connection.mirror.isRunning && places.isEmpty,
          left(),
        );
        if (left() === 0) return;
        const probe = await source.probe(id);
        const isMirrored = connection.record.mirrorNeed === null && places.isEmpty;
        if (probe.pending === 0 && connection.appliedSeq >= Math.max(seq, probe.repairSeq) && isMirrored) return;
        await board.wait(board.index, Math.min(left(), 100));
      }
    };
    const timer = new Promise<typeof isOver>((resolve) => setTimeout(() => resolve(isOver), timeoutMs).unref());
    const result = await Promise.race([work().then(() => (left() === 0 ? isOver : undefined)), timer]);
    if (result === isOver) {
      const report = connection.report();
      const why = report.reasons[0]?.message ?? `applied ${report.appliedSeq} of ${report.lastSeq} change sets, ${connection.pendingRepairs} repairs open`;
      throw new SmError("TIMEOUT", `connection ${id} is not in sync after ${timeoutMs / 1000} s: ${why}`, {
        data: { id, targetDataState: report.targetDataState },
      });
    }
    return connection.report();
  }

  async startMirror(id: number, mode: MirrorMode): Promise<MirrorReport> {
    const { connection } = this.#get(id);
    connection.nudge();
    return connection.startMirror(mode);
  }

  async stopMirror(id: number): Promise<MirrorReport> {
    return this.#get(id).connection.stopMirror();
  }

  async waitMirror(id: number, mirrorId: number, timeoutMs: number): Promise<MirrorReport> {
    const { connection } = this.#get(id);
    const isOver = (): boolean => {
      if (connection.mirror.id > mirrorId) return true;
      return connection.mirror.id === mirrorId && !connection.mirror.isRunning && connection.record.mirrorNeed === null;
    };
    await this.#options.board.until(isOver, timeoutMs);
    return connection.mirror.report();
  }

  /** The rules of a set were saved: a connected set goes on with them, unless its roots changed. */
  async rulesSaved(repset: RepsetData): Promise<void> {
    await this.#sources.get(repset.name)?.setRules(repset);
  }

  /** Refuses rules that would move the roots of a connected set. */
  checkRules(name: string, rules: RepsetData["rules"]): void {
    const source = this.#sources.get(name);
    if (source === undefined) return;
    const roots = rootsOf(rules, (path) => isDirectory(path) || source.roots.includes(path));
    if (roots.join("\0") !== source.roots.join("\0")) {
      throw new SmError(
        "REPSET_IN_USE",
        `the change would move the roots of ${name} (${source.roots.join(", ")} to ${roots.join(", ")}) while it is connected`,
      );
    }
  }

  nudgePeer(name: string): void {
    for (const { connection } of this.#running.values()) if (connection.record.peer === name) connection.nudge();
  }

  async close(): Promise<void> {
    clearInterval(this.#ticker);
    await Promise.all([...this.#sources.values()].map((source) => source.stopCapture()));
    for (const { abort } of this.#running.values()) abort.abort();
    await Promise.all([...this.#running.values()].map(({ done }) => done));
    await Promise.all([...this.#sources.values()].map((source) => source.close()));
    this.#dirty.close();
  }
}

export function rootsOfSet(repset: RepsetData): string[] {
  const roots = rootsOf(repset.rules, isDirectory);
  if (roots.length === 0) throw new SmError("REPSET_EMPTY", `replication set ${repset.name} includes nothing`);
  for (const root of roots)
    if (!isDirectory(root)) throw new SmError("ROOT_MISSING", `${root}, which ${repset.name} includes, does not exist`, { data: { path: root } });
  return roots;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** The record of an earlier version lacks it: it is taken from the directory that fits otherwise. */
function withBirthTime(root: KnownRoot): KnownRoot {
  if (root.btime !== "" || !isDirectory(root.path)) return root;
  const found = identityAt(root.path);
  return isSameRoot(root, found) ? { path: root.path, ...found } : root;
}

function refuseLoops(mappings: readonly Mapping[]): void {
  for (const { source } of mappings) {
    const real = realpathSync(source);
    const hit = mappings.find((m) => isLoop(real, m.target) || isLoop(source, m.target));
    if (hit !== undefined) throw new SmError("LOOP", `the target path ${hit.target} and the source ${source} lie inside each other on this machine`);
  }
}
