// The composition root: builds the agent from its configuration, supervises it, stops it in order.
//   control (HTTP on sockets) ─▶ services ─▶ source: capture, journal, connections ══▶ peers ══▶ target: apply
// Opened things are closed last-in-first-out, on a failed start too.

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { SmError, toSmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import { armFailpointText } from "../base/failpoint.js";
import type { Log } from "../base/log.js";
import { MiB } from "../base/units.js";
import { delay } from "../base/wait.js";
import { type Config, parseEndpoint } from "../config/config.js";
import { loadConfig } from "../config/load-config.js";
import { RepsetStore } from "../config/repset-store.js";
import type { SourceConnection } from "../connection/source-connection.js";
import { TargetQuarantine } from "../connection/target-quarantine.js";
import { TargetService } from "../connection/target-service.js";
import type { TargetSettings } from "../connection/target-settings.js";
import { ControlServer } from "../control/http-server.js";
import { keepBufferMemory } from "../fs/heap.js";
import type { Peer, PeerAddress } from "../model/channel-port.js";
import type { AgentControl } from "../model/control-port.js";
import type { StatusReport } from "../model/status.js";
import type { AgentLog } from "../observe/agent-log.js";
import { LogFeed } from "../observe/log-feed.js";
import { Bootstrap } from "../transport/bootstrap.js";
import type { LinkTiming } from "../transport/frame-link.js";
import { Identity } from "../transport/identity.js";
import { PeerServer } from "../transport/peer-server.js";
import { PeerStore } from "../transport/peer-store.js";
import { type DialerOptions, WsSourceDialer } from "../transport/source-dialer.js";
import { AgentLock } from "./agent-lock.js";
import { AgentRights, type AgentRightsOptions } from "./agent-rights.js";
import { AgentVoice } from "./agent-voice.js";
import { ConnectionStore } from "./connection-store.js";
import { ExplainService } from "./explain-service.js";
import { checkFileRights } from "./file-rights.js";
import { JobDuties } from "./job-duties.js";
import { machineIdentity } from "./machine.js";
import { logReasons, openLog } from "./open-log.js";
import { PeerService } from "./peer-service.js";
import { QueueLimitsFile } from "./queue-limits.js";
import { QueueService } from "./queue-service.js";
import { RepsetService } from "./repset-service.js";
import { RestoreHolder } from "./restore-holder.js";
import { RestoreService } from "./restore-service.js";
import { Simulations, type SimulationsOptions } from "./simulations.js";
import { SourceService, type SourceServiceOptions } from "./source-service.js";
import { StatusBoard } from "./status-board.js";
import { TaskService } from "./task-service.js";
import { TransmissionService } from "./transmission-service.js";

export interface AgentFlags {
  readonly configDir?: string;
  readonly stateDir?: string;
  readonly runtimeDir?: string;
  readonly logDir?: string;
  readonly listen?: string;
  readonly siteName?: string;
}

export interface RunAgentOptions {
  readonly flags: AgentFlags;
  readonly env: Readonly<Record<string, string | undefined>>;
  onReady(ready: { readonly pid: number; readonly listen: string; readonly adminSocket: string }): void;
  /** Aborts on the first signal: drain and stop. */
  readonly signal: AbortSignal;
  /** Aborts on the second: stop at once. */
  readonly abort: AbortSignal;
}

const DRAIN_DEADLINE_MS = 10_000;

/** Runs one agent until told to stop; rejects when it cannot start. */
export async function runAgent(options: RunAgentOptions): Promise<void> {
  const { flags, env } = options;
  keepBufferMemory();
  const loaded = loadConfig({ flags, env });
  const config = withFlags(loaded, flags);
  const failpoint = env.SM_FAILPOINT ?? null;
  if (failpoint !== null) armFailpointText(failpoint);
  process.umask(0);
  // The stream of network buffers keeps incremental marking busy on every core, and gains nothing: the heap is small.
  setFlagsFromString("--no-incremental-marking");
  mkdirSync(config.stateDir, { recursive: true, mode: 0o700 });
  mkdirSync(config.runtimeDir, { recursive: true, mode: 0o755 });
  const unwise = checkFileRights(config);
  const closers: (() => Promise<void> | void)[] = [];
  const stop = new AbortController();
  options.signal.addEventListener("abort", () => stop.abort(), { once: true });
  const lock = AgentLock.take(config.stateDir);
  closers.push(() => lock.release());
  try {
    const log = openLog(config);
    closers.push(() => log.close());
    for (const sentence of unwise) log.warn(sentence);
    const voice = new AgentVoice(log, config);
    closers.push(() => voice.ended());
    const ready = await startServices({ config, failpoint, log, closers, stop: () => stop.abort() }).catch((error: unknown) => {
      voice.failed(error);
      throw error;
    });
    voice.started(readVersion(), ready.listen);
    options.onReady({ pid: process.pid, ...ready });
    await aborted(stop.signal);
    voice.stopping();
  } finally {
    const hurry = new Promise<void>((resolve) => options.abort.addEventListener("abort", () => resolve(), { once: true }));
    const limit = delay(DRAIN_DEADLINE_MS).then(() => undefined);
    await Promise.race([closeAll(closers), hurry, limit]);
  }
  process.exit(0);
}

function withFlags(config: Config, flags: AgentFlags): Config {
  const server = { ...config.server };
  if (flags.listen !== undefined) server.listen = flags.listen;
  if (flags.siteName !== undefined) server.name = flags.siteName;
  return { ...config, server };
}

interface StartOptions {
  readonly config: Config;
  readonly failpoint: string | null;
  readonly log: AgentLog;
  readonly closers: (() => Promise<void> | void)[];
  readonly stop: () => void;
}

async function startServices({ config, failpoint, log, closers, stop }: StartOptions): Promise<{ listen: string; adminSocket: string }> {
  const listen = parseEndpoint(config.server.listen);
  if (listen === undefined) throw new SmError("USAGE", `--listen ${config.server.listen} is not HOST:PORT`);
  const version = readVersion();
  const startedAt = new Date().toISOString();
  const board = openBoard(log);
  const rights = await openRights({ config, log, onChange: board.changed }, closers);
  const identity = await Identity.open(config.stateDir, config.server.name);
  const peers = await PeerStore.open(config.stateDir);
  const trust = { identity, peers, bootstrap: await Bootstrap.open(config.stateDir) };
  const dialer = await openDialer(config, { identity, peers, log });
  let feedsChanged = (): void => undefined;
  const common = { version, failpoint, log };
  const target = await TargetService.open({ ...targetOptions(config, identity, peers), ...common, onFeeds: () => feedsChanged(), onChange: board.changed });
  closers.push(() => target.close());
  const limits = openLimits(config, log);
  const findPeer = (name: string): Peer => peerService.find(name);
  const holder = new RestoreHolder({ config, limits: () => limits.inForce, target, dialer, findPeer, ...common, onChange: board.changed });
  closers.push(() => holder.close());
  const doors = { accept: target.accept, dismiss: holder.dismiss, acceptRestore: holder.accept, compressBytesMin: config.transport.compressMinBytes };
  const server = await PeerServer.open({ ...trust, listen, ...doors, log, limits: linkTiming(config), runsTasks: config.target.tasks });
  closers.push(() => server.close());
  const repsetStore = await RepsetStore.open(config.configDir, log);
  closers.push(() => repsetStore.close());
  const peerService: PeerService = new PeerService({
    ...trust,
    ...{ config, dialer, log },
    server: () => server,
    onPaired: (name) => source.nudgePeer(name),
  });
  const simulations = openSimulations({ config, ...common }, closers);
  const duties: JobDuties = new JobDuties({ config, connection: (id) => source.connection(id), board, log });
  const parts = { config, limits, findPeer, board };
  const simulated = { dialer: simulations.over(dialer), jobs: alsoOf(duties, simulations), simulations };
  const source: SourceService = await SourceService.open({ ...parts, ...simulated, repsets: repsetStore, feeds: () => target.feeds, ...common });
  closers.push(() => source.close());
  const restores = new RestoreService({ ...parts, dialer, jobs: duties.jobs, holder, source, target, log });
  closers.push(() => restores.close());
  peers.onRemoved(({ name }) => source.peerRemoved(name));
  feedsChanged = () => source.feedsChanged();
  feedsChanged();
  const status = (): StatusReport => ({
    agent: { pid: process.pid, version, name: config.server.name, startedAt, ...present(server.address, rights, log) },
    index: board.index,
    targets: target.reports(),
    ...source.status(),
  });
  const explainer = new ExplainService({ repsets: repsetStore, sourceOf: (repset) => source.sourceOf(repset) });
  const control: AgentControl = {
    repsets: openRepsets(repsetStore, source, closers),
    connections: source,
    ...duties.controls,
    simulation: simulations,
    restores,
    log: new LogFeed(log),
    audit: rights.audit,
    ...orderControls(source, board),
    targets: target,
    peers: peerService,
    queue: new QueueService({ directory: config.queue.directory, limits, queues: () => source.queues(), onChange: board.changed, log }),
    quarantine: new TargetQuarantine(target, targetSettings(config).quarantine.limitMs),
    explain: (path) => explainer.explain(path),
    status,
    waitStatus: (since, timeoutMs) => board.wait(since, timeoutMs).then(status),
    stop: async () => stop(),
  };
  const http = await ControlServer.open({ agent: control, runtimeDir: config.runtimeDir, accountOf: rights.accountOf, log });
  closers.push(() => http.close());
  return { listen: displayListen(server.address), adminSocket: join(config.runtimeDir, "admin.sock") };
}

function openBoard(log: AgentLog): StatusBoard {
  const board = new StatusBoard();
  log.onFault(board.changed);
  return board;
}

async function openRights(options: AgentRightsOptions, closers: (() => Promise<void> | void)[]): Promise<AgentRights> {
  const rights = await AgentRights.open(options);
  closers.push(() => rights.close());
  return rights;
}

/** What changes of an agent while it runs. */
function present(address: PeerAddress, rights: AgentRights, log: AgentLog) {
  return { listen: displayListen(address), memoryBytes: process.memoryUsage.rss(), reasons: [...rights.reasons(), ...logReasons(log)] };
}

function orderControls(source: SourceService, board: StatusBoard): Pick<AgentControl, "transmission" | "tasks"> {
  const connection = (id: number): SourceConnection => source.connection(id);
  return { transmission: new TransmissionService(connection), tasks: new TaskService({ connection, connections: () => source.connections, board }) };
}

function targetOptions(config: Config, identity: Identity, peers: PeerStore) {
  const connections = (): ConnectionStore => ConnectionStore.open(config.stateDir);
  return {
    settings: targetSettings(config),
    machine: machineIdentity(),
    agent: identity.fingerprint,
    fingerprintOf: (peer: string) => peers.get(peer)?.fingerprint ?? identity.fingerprint,
    isConnection: (key: string) =>
      connections()
        .list()
        .some((record) => record.key === key),
  };
}

function openDialer(config: Config, common: Pick<DialerOptions, "identity" | "peers" | "log">): Promise<WsSourceDialer> {
  const { connectTimeoutMs, compressMinBytes: compressBytesMin, sockets } = config.transport;
  return WsSourceDialer.open({ ...common, timing: { ...linkTiming(config), connectTimeoutMs }, compressBytesMin, sockets });
}

function linkTiming({ transport: { heartbeatMs, deadMs } }: Config): Omit<LinkTiming, "closeMs"> {
  return { heartbeatMs, deadMs };
}

function openRepsets(store: RepsetStore, source: SourceService, closers: (() => Promise<void> | void)[]): RepsetService {
  const repsets = new RepsetService(store, source);
  closers.push(() => repsets.close());
  return repsets;
}

function openSimulations(options: SimulationsOptions, closers: (() => Promise<void> | void)[]): Simulations {
  const simulations = new Simulations(options);
  closers.push(() => simulations.close());
  return simulations;
}

/** What a source says of a connection concerns both. */
function alsoOf(jobs: JobDuties, simulations: Simulations): SourceServiceOptions["jobs"] {
  return {
    takeEvent: (id, event) => {
      simulations.takeEvent(id, event);
      jobs.takeEvent(id, event);
    },
    tick: (connections) => {
      simulations.tick();
      jobs.tick(connections);
    },
    forget: (id) => {
      simulations.forget(id);
      jobs.forget(id);
    },
  };
}

function openLimits(config: Config, log: Log): QueueLimitsFile {
  const limits = QueueLimitsFile.open(config.stateDir, config.queue);
  if (limits.changed.length > 0) logEvent(log, "queueLimitsDiffer", {}, { ...limits.inForce });
  return limits;
}

function targetSettings({ server, target, apply, orphans, watchdog, ...directories }: Config): TargetSettings {
  const { configDir, stateDir, runtimeDir, logDir, queue } = directories;
  return {
    name: server.name,
    isEnabled: target.enabled,
    stateDir,
    ownDirectories: [configDir, stateDir, runtimeDir, logDir, queue.directory],
    allowedRoots: target.allowedRoots,
    stageBytesMax: target.stageMiB * MiB,
    tasks: { isEnabled: target.tasks, directory: target.taskDirectory, keys: { enabled: "target.tasks", directory: "target.taskDirectory" } },
    orphanLog: orphans.log,
    retryInitialMs: apply.retryInitialMs,
    retryMaxMs: apply.retryMaxMs,
    stallMs: watchdog.stallSeconds === 0 ? null : watchdog.stallSeconds * 1000,
    quarantine: {
      refusals: apply.refusals,
      limitMs: apply.retryLimitSeconds === null ? null : apply.retryLimitSeconds * 1000,
      retryMs: apply.quarantineRetrySeconds * 1000,
    },
  };
}

function displayListen({ host, port }: PeerAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function readVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(text) as { version: string };
  return version;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

async function closeAll(closers: (() => Promise<void> | void)[]): Promise<void> {
  for (const close of closers.reverse()) {
    try {
      await close();
    } catch (error) {
      process.stderr.write(`while stopping: ${toSmError(error).message}\n`);
    }
  }
}
