// The composition root: builds the agent from its configuration, supervises it, stops it in order.
//   control (HTTP on sockets) ─▶ services ─▶ source: capture, journal, connections ══▶ peers ══▶ target: apply
// Opened things are closed last-in-first-out, on a failed start too.

import { mkdirSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { SmError, toSmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import { armFailpointText } from "../base/failpoint.js";
import type { Log } from "../base/log.js";
import { programVersion } from "../base/program-files.js";
import { delay } from "../base/wait.js";
import { type Config, parseEndpoint } from "../config/config.js";
import { ConfigInForce } from "../config/config-in-force.js";
import { RepsetStore } from "../config/repset-store.js";
import type { SourceConnection } from "../connection/source-connection.js";
import { TargetQuarantine } from "../connection/target-quarantine.js";
import { TargetService } from "../connection/target-service.js";
import { ControlServer } from "../control/http-server.js";
import { keepBufferMemory } from "../fs/heap.js";
import type { Peer, PeerAddress } from "../model/channel-port.js";
import type { AgentControl } from "../model/control-port.js";
import type { Reason, StatusReport } from "../model/status.js";
import type { AgentLog } from "../observe/agent-log.js";
import { LogFeed } from "../observe/log-feed.js";
import { Bootstrap } from "../transport/bootstrap.js";
import { Identity } from "../transport/identity.js";
import { PeerServer } from "../transport/peer-server.js";
import { PeerStore } from "../transport/peer-store.js";
import { WsSourceDialer } from "../transport/source-dialer.js";
import { type AgentFlags, type ConfigSource, loadAgentConfig } from "./agent-config.js";
import { AgentLock } from "./agent-lock.js";
import { AgentRights } from "./agent-rights.js";
import { AgentVoice } from "./agent-voice.js";
import { ConnectionStore } from "./connection-store.js";
import { ExplainService } from "./explain-service.js";
import { checkFileRights } from "./file-rights.js";
import { HookService } from "./hook-service.js";
import { JobDuties } from "./job-duties.js";
import { dialerOptions, serverOptions, targetSettings } from "./live-settings.js";
import { machineIdentity } from "./machine.js";
import { openConfigService } from "./open-config-service.js";
import { logReasons, openLog } from "./open-log.js";
import { PeerService } from "./peer-service.js";
import { QueueLimitsFile } from "./queue-limits.js";
import { QueueService } from "./queue-service.js";
import { ReloadSignal } from "./reload-signal.js";
import { RemoteAccess } from "./remote-access.js";
import { ReplicationService } from "./replication-service.js";
import { RepsetService } from "./repset-service.js";
import { RestoreHolder } from "./restore-holder.js";
import { RestoreService } from "./restore-service.js";
import { Simulations } from "./simulations.js";
import { SourceService, type SourceServiceOptions } from "./source-service.js";
import { StatusBoard } from "./status-board.js";
import { TaskService } from "./task-service.js";
import { TransmissionService } from "./transmission-service.js";

export interface RunAgentOptions {
  readonly flags: AgentFlags;
  readonly env: Readonly<Record<string, string | undefined>>;
  onReady(ready: { readonly pid: number; readonly listen: string; readonly adminSocket: string }): void;
  /** Calls back at each word that files were changed (SIGHUP). Returns the unsubscribe. */
  listenReload(listener: () => void): () => void;
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
  const reload = new ReloadSignal(options.listenReload);
  const settings = new ConfigInForce(loadAgentConfig({ flags, env }));
  const { config } = settings;
  const failpoint = env.SM_FAILPOINT ?? null;
  if (failpoint !== null) armFailpointText(failpoint);
  process.umask(0);
  // The stream of network buffers keeps incremental marking busy on every core, and gains nothing: the heap is small.
  setFlagsFromString("--no-incremental-marking");
  mkdirSync(config.stateDir, { recursive: true, mode: 0o700 });
  mkdirSync(config.runtimeDir, { recursive: true, mode: 0o755 });
  const unwise = checkFileRights(config);
  const closers: (() => Promise<void> | void)[] = [() => reload.close()];
  const stop = new AbortController();
  // The program may have been told to stop while it was still loading.
  const [toStop, atOnce] = [Promise.race([aborted(options.signal), aborted(stop.signal)]), aborted(options.abort)];
  const lock = AgentLock.take(config.stateDir);
  closers.push(() => lock.release());
  try {
    const log = openLog(config);
    closers.push(() => log.close());
    for (const sentence of unwise) log.warn(sentence);
    const voice = new AgentVoice(log, config);
    closers.push(() => voice.ended());
    const starting = startServices({ from: { flags, env }, settings, reload, failpoint, log, closers, stop: () => stop.abort() }).catch((error: unknown) => {
      voice.failed(error);
      throw error;
    });
    const ready = await Promise.race([starting, atOnce]);
    if (ready !== undefined) {
      voice.started(programVersion(), ready.listen);
      options.onReady({ pid: process.pid, ...ready });
      await toStop;
      voice.stopping();
    }
  } finally {
    const limit = delay(DRAIN_DEADLINE_MS).then(() => undefined);
    await Promise.race([closeAll(closers), atOnce, limit]);
  }
  process.exit(0);
}

interface StartOptions {
  readonly from: ConfigSource;
  readonly settings: ConfigInForce;
  readonly reload: ReloadSignal;
  readonly failpoint: string | null;
  readonly log: AgentLog;
  readonly closers: (() => Promise<void> | void)[];
  readonly stop: () => void;
}

async function startServices(options: StartOptions): Promise<{ listen: string; adminSocket: string }> {
  const { settings, failpoint, log, closers, stop } = options;
  const { config } = settings;
  const listen = requireListen(config.server.listen);
  const version = programVersion();
  const startedAt = new Date().toISOString();
  const board = openBoard(log);
  const rights = closing(closers, await AgentRights.open({ config, log, onChange: board.changed }));
  const trust = await openTrust(config);
  const { identity, peers } = trust;
  const dialer = await WsSourceDialer.open(dialerOptions({ identity, peers, log }, config));
  let feedsChanged = (): void => undefined;
  const common = { version, failpoint, log };
  const news = { onFeeds: () => feedsChanged(), onChange: board.changed };
  const target = closing(closers, await TargetService.open({ ...targetOptions(config, identity, peers), ...common, ...news }));
  const limits = openLimits(config, log);
  const findPeer = (name: string): Peer => peerService.find(name);
  const holder = closing(closers, new RestoreHolder({ config, limits: () => limits.inForce, target, dialer, findPeer, ...common, onChange: board.changed }));
  const remote = await RemoteAccess.open({ config, identity, peers, onChange: board.changed, log });
  const doors = { accept: target.accept, dismiss: holder.dismiss, acceptRestore: holder.accept, takeRequest: remote.take };
  const server = closing(closers, await PeerServer.open(serverOptions({ ...trust, listen, ...doors, log }, config)));
  const repsetStore = closing(closers, await RepsetStore.open(config.configDir, log));
  const pairing = { server: () => server, onPaired: (name: string) => source.nudgePeer(name) };
  const peerService: PeerService = new PeerService({ ...trust, config, dialer, log, ...pairing, onChange: board.changed });
  const rotation = closing(closers, peerService.rotation);
  const simulations = closing(closers, new Simulations({ config, ...common }));
  const duties: JobDuties = new JobDuties({ config, connection: (id) => source.connection(id), board, log });
  const parts = { config, limits, findPeer, board };
  const simulated = { dialer: simulations.over(dialer), jobs: alsoOf(duties, simulations), simulations };
  const fed = { repsets: repsetStore, target };
  const source: SourceService = closing(closers, await SourceService.open({ ...parts, ...simulated, ...fed, ...common }));
  const restores = closing(closers, new RestoreService({ ...parts, dialer, jobs: duties.jobs, holder, source, target, log }));
  peers.onRemoved(({ name }) => source.peerRemoved(name));
  feedsChanged = () => source.feedsChanged();
  feedsChanged();
  const status = (): StatusReport => ({
    agent: { pid: process.pid, version, name: config.server.name, startedAt, ...present(server.address, [rights, rotation, remote, source.unusable], log) },
    index: board.index,
    targets: target.reports(),
    ...source.status(),
    config: configuration.status,
  });
  const queue = new QueueService({ directory: config.queue.directory, limits, queues: () => source.queues(), onChange: board.changed, log });
  const switches = { replication: new ReplicationService({ source, jobs: duties, board }), verification: duties.verification };
  const configured = { repsets: repsetStore, source, queue, ...switches, onChange: board.changed };
  const configuration = closing(closers, openConfigService({ ...options, ...configured }));
  const control: AgentControl = {
    repsets: closing(closers, new RepsetService(repsetStore, source)),
    connections: source,
    ...duties.controls,
    simulation: simulations,
    restores,
    log: new LogFeed(log),
    audit: rights.audit,
    ...orderControls(source, board),
    targets: target,
    peers: peerService,
    queue,
    ...{ users: remote.users, config: configuration, ...switches },
    quarantine: new TargetQuarantine(target, () => targetSettings(config).quarantine.limitMs),
    explain: explainerOf(repsetStore, source),
    status,
    waitStatus: (since, timeoutMs) => board.wait(since, timeoutMs).then(status),
    stop: async () => stop(),
  };
  const adminSocket = await openFaces(control, { rights, remote }, { config, log, closers });
  for (const each of [configuration, rotation]) void each.start();
  options.reload.listen(() => void configuration.reloadByItself());
  return { listen: displayListen(server.address), adminSocket };
}

async function openTrust({ stateDir, server }: Config) {
  return { identity: await Identity.open(stateDir, server.name), peers: await PeerStore.open(stateDir), bootstrap: await Bootstrap.open(stateDir) };
}

type Doors = { readonly rights: AgentRights; readonly remote: RemoteAccess };

/** From here on the agent can be asked, on this machine and from others. */
async function openFaces(
  agent: AgentControl,
  { rights, remote }: Doors,
  { config, log, closers }: Pick<StartOptions, "log" | "closers"> & { readonly config: Config },
) {
  const http = closing(closers, await ControlServer.open({ agent, runtimeDir: config.runtimeDir, accountOf: rights.accountOf, log }));
  await remote.serve(agent);
  closers.push(() => remote.close());
  return http.adminSocket;
}

function openBoard(log: AgentLog): StatusBoard {
  const board = new StatusBoard();
  log.onFault(board.changed);
  return board;
}

function requireListen(text: string): PeerAddress {
  const listen = parseEndpoint(text);
  if (listen === undefined) throw new SmError("USAGE", `--listen ${text} is not HOST:PORT`);
  return listen;
}

/** What changes of an agent while it runs. */
function present(address: PeerAddress, voices: readonly { reasons(): readonly Reason[] }[], log: AgentLog) {
  const reasons = [...voices.flatMap((voice) => voice.reasons()), ...logReasons(log)];
  return { listen: displayListen(address), memoryBytes: process.memoryUsage.rss(), reasons };
}

function explainerOf(repsets: RepsetStore, source: SourceService): AgentControl["explain"] {
  const explainer = new ExplainService({ repsets, sourceOf: (repset) => source.sourceOf(repset) });
  return (path) => explainer.explain(path);
}

function orderControls(source: SourceService, board: StatusBoard): Pick<AgentControl, "transmission" | "tasks" | "hooks"> {
  const connection = (id: number): SourceConnection => source.connection(id);
  const connections = (): readonly SourceConnection[] => source.connections;
  const programs = { tasks: new TaskService({ connection, connections, board }), hooks: new HookService({ connection, connections }) };
  return { transmission: new TransmissionService(connection), ...programs };
}

function targetOptions(config: Config, identity: Identity, peers: PeerStore) {
  const connections = (): ConnectionStore => ConnectionStore.open(config.stateDir);
  return {
    settings: targetSettings(config),
    machine: machineIdentity(),
    isOwn: (fingerprint: string) => identity.wasOwn(fingerprint),
    fingerprintOf: (peer: string) => peers.get(peer)?.fingerprint ?? identity.fingerprint,
    isConnection: (key: string) =>
      connections()
        .list()
        .some((record) => record.key === key),
  };
}

/** Closed when the agent stops, in the reverse order. */
function closing<T extends { close(): Promise<void> | void }>(closers: (() => Promise<void> | void)[], opened: T): T {
  closers.push(() => opened.close());
  return opened;
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
  const limits = QueueLimitsFile.open(config.stateDir, () => config.queue);
  if (limits.changed.length > 0) logEvent(log, "queueLimitsDiffer", {}, { ...limits.inForce });
  return limits;
}

function displayListen({ host, port }: PeerAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
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
