// An AgentControl that keeps everything in memory: the test double of the port for the faces of the control plane.
// `knobs` let a test hold calls back and make them fail; everything else follows the contract of the port.

import { SmError } from "../../src/base/errors.js";
import type { AuditControl, AuditEntry } from "../../src/model/audit.js";
import type { PeerAddress } from "../../src/model/channel-port.js";
import type { ConfigControl } from "../../src/model/config-control.js";
import type { ConnectionPatch, GuardChange } from "../../src/model/connection-spec.js";
import type { AgentControl, ConnectRequest, PeerReport, RepsetSaved, RuleEdit, TargetChoice } from "../../src/model/control-port.js";
import type { PathExplanation } from "../../src/model/explanation.js";
import type { HookControl, HookReport } from "../../src/model/hook.js";
import type { JobControl, JobReport } from "../../src/model/job.js";
import type { MirrorWish } from "../../src/model/mirror-wish.js";
import { NOTHING_SWEPT } from "../../src/model/orphans.js";
import { NO_PARTS, NOTHING_PLANNED } from "../../src/model/plan.js";
import { NOTHING_RESTORED, type RestoreStart } from "../../src/model/restore.js";
import type { RepsetData, Rule } from "../../src/model/rule.js";
import type { SimulationControl } from "../../src/model/simulation.js";
import { SimulationFigures } from "../../src/model/simulation-figures.js";
import { sizingReport } from "../../src/model/sizing-report.js";
import type { ConnectionReport, MirrorReport, StatusReport } from "../../src/model/status.js";
import type { TaskControl, TaskReport } from "../../src/model/task.js";
import type { ScheduleChange } from "../../src/model/transmission.js";
import type { VerificationControl } from "../../src/model/verification-control.js";
import { NOTHING_VERIFIED } from "../../src/model/verify.js";
import { memoryLog } from "./memory-log.js";
import { captureReport, connectionReport, idleMirror, reloadReport, SINCE, settingReport, simulationRow, transmissionReport } from "./memory-reports.js";
import { MemoryUsers } from "./memory-users.js";

export { captureReport, connectionReport, idleMirror, simulationRow, transmissionReport };

export interface MemoryAgentOptions {
  readonly pid?: number;
  readonly listen?: string;
  /** The outcome that every mirror has; `null` = it goes on until it is stopped. */
  readonly mirrorEnds?: Partial<MirrorReport> | null;
  readonly onStop?: () => void;
}

export class MemoryAgentControl implements AgentControl {
  readonly #options: MemoryAgentOptions;
  readonly #repsets = new Map<string, RepsetData>();
  readonly #connections = new Map<number, ConnectionReport>();
  readonly #jobs = new Map<number, JobReport>();
  #sizesAsked = 0;
  readonly #peers = new Map<string, PeerReport>();
  readonly #watchers = new Set<() => void>();
  #index = 1;
  #mirrorId = 0;
  /** Set by a test: what `sync` does instead of resolving. */
  syncFails: SmError | undefined;
  readonly calls: string[] = [];

  constructor(options: MemoryAgentOptions = {}) {
    this.#options = { mirrorEnds: { outcome: "done", percent: 100 }, ...options };
  }

  /** What the dispatcher wrote, the newest last. */
  readonly audited: AuditEntry[] = [];
  readonly audit: AuditControl = {
    write: async (entry) => {
      this.audited.push(entry);
    },
    list: async ({ limit, command }) =>
      this.audited
        .filter((entry) => command === null || entry.command === command)
        .reverse()
        .slice(0, limit),
  };

  readonly repsets = {
    list: async () => [...this.#repsets.values()],
    show: async (name: string) => this.#repset(name),
    create: async (name: string, rules: readonly Rule[]): Promise<RepsetSaved> => {
      if (this.#repsets.has(name)) throw new SmError("ALREADY_EXISTS", `replication set ${name} exists`);
      return this.#save({ name, generation: 1, rules });
    },
    save: async (name: string, rules: readonly Rule[], generation?: number) => {
      const repset = this.#atGeneration(name, generation);
      return this.#save({ ...repset, generation: repset.generation + 1, rules });
    },
    remove: async (name: string) => {
      this.#repset(name);
      this.#repsets.delete(name);
    },
    rename: async (name: string, to: string) => {
      const repset = { ...this.#repset(name), name: to };
      this.#repsets.delete(name);
      return this.#save(repset).repset;
    },
    copy: async (name: string, to: string) => this.#save({ ...this.#repset(name), name: to, generation: 1 }).repset,
    addRule: async (name: string, rule: Rule, generation?: number) => {
      const repset = this.#atGeneration(name, generation);
      return this.#save({ ...repset, generation: repset.generation + 1, rules: [...repset.rules, rule] });
    },
    removeRule: async (name: string, path: string, mode: Rule["mode"] | undefined, generation?: number) => {
      const repset = this.#atGeneration(name, generation);
      const rules = repset.rules.filter((rule) => rule.path !== path || (mode !== undefined && rule.mode !== mode));
      return this.#save({ ...repset, generation: repset.generation + 1, rules });
    },
    planRules: async (name: string, _edit: RuleEdit, { generation }: { readonly generation: number | undefined }) => {
      const repset = this.#atGeneration(name, generation);
      const part = { files: 0, directories: 0, bytes: 0, names: [] };
      return { repset, dropped: [], included: part, excluded: part, problems: 0, connections: [] };
    },
    /** Who waits only a while is told the half of it first. */
    size: async (name: string, waitMs?: number) => {
      this.#repset(name);
      this.#sizesAsked += 1;
      if (waitMs !== undefined && this.#sizesAsked === 1) return { files: 1, directories: 0, bytes: 5, problems: 0, isComplete: false };
      return { files: 3, directories: 1, bytes: 4096, problems: 0, isComplete: true };
    },
  };

  readonly connections = {
    connect: async (request: ConnectRequest) => {
      this.calls.push(JSON.stringify(request));
      this.#repset(request.repset);
      const mappings = request.map.kind === "pairs" ? request.map.pairs : [{ source: "/home", target: "/home" }];
      const id = this.#connections.size + 1;
      this.setConnection(connectionReport({ id, repset: request.repset, target: request.target, mappings }));
      if (request.options.mirror !== "none") await this.connections.startMirror(id, { mode: request.options.mirror, content: "times", newerOnly: false });
      return this.#connection(id);
    },
    disconnect: async (id: number) => {
      this.#connection(id);
      this.#connections.delete(id);
      this.#changed();
      return { isTargetTold: true };
    },
    list: async () => [...this.#connections.values()],
    show: async (id: number) => this.#connection(id),
    setOptions: async (id: number, patch: ConnectionPatch) => {
      this.setConnection({ ...this.#connection(id), ...patch, compressionInUse: patch.compression ?? this.#connection(id).compressionInUse });
      return this.#connection(id);
    },
    sync: async (id: number, timeoutMs: number) => {
      this.calls.push(`sync ${id} ${timeoutMs}`);
      if (this.syncFails !== undefined) throw this.syncFails;
      return this.#connection(id);
    },
    approve: async (id: number) => this.#decided(id, "approve"),
    reject: async (id: number) => this.#decided(id, "reject"),
    setGuard: async (id: number, guards: GuardChange) => this.#decided(id, `guard ${guards.guard} ${guards.guardChanged}`),
    startMirror: async (id: number, { orphans: _, ...wish }: MirrorWish) => {
      this.#mirrorId += 1;
      const running = idleMirror({
        status: "Mirroring",
        ...wish,
        paths: wish.paths ?? null,
        id: this.#mirrorId,
        percent: 0,
        outcome: "running",
        startedAt: SINCE,
      });
      this.setConnection({ ...this.#connection(id), mirror: running });
      const ends = this.#options.mirrorEnds;
      if (ends) queueMicrotask(() => this.endMirror(id, ends));
      return running;
    },
    pauseMirror: async (id: number, isPaused: boolean) => {
      const report = this.#connection(id);
      const mirror = { ...report.mirror, status: isPaused ? ("Paused" as const) : ("Mirroring" as const) };
      this.setConnection({ ...report, mirror });
      return mirror;
    },
    stopMirror: async (id: number) => this.endMirror(id, { outcome: "stopped" }),
    waitMirror: async (id: number, mirrorId: number, timeoutMs: number) => {
      const deadline = Date.now() + timeoutMs;
      for (;;) {
        const { mirror } = this.#connection(id);
        const left = deadline - Date.now();
        if (mirror.id !== mirrorId || mirror.outcome !== "running" || left <= 0) return mirror;
        await this.waitStatus(this.#index, left);
      }
    },
  };

  readonly #tasks: TaskReport[] = [];

  readonly tasks: TaskControl = {
    queue: async (connectionId, wish) => {
      this.#connection(connectionId);
      const run = { phase: "execute", outcome: "exited", exitCode: 0, signal: null, output: "backed up\n", why: "", ms: 1200 } as const;
      const ended = { state: "ended", outcome: "done", why: "", runs: [run], seq: 7, queuedAt: SINCE, endedAt: SINCE } as const;
      this.#tasks.unshift({ connectionId, number: this.#tasks.length + 1, ...wish, ...ended });
      return this.#tasks[0] as TaskReport;
    },
    list: async (id) => this.#tasks.filter(({ connectionId }) => id === undefined || connectionId === id),
    show: async (connectionId, number) => {
      const task = this.#tasks.find((one) => one.connectionId === connectionId && one.number === number);
      if (task === undefined) throw new SmError("NOT_FOUND", `connection ${connectionId} has no task ${number}`);
      return task;
    },
    wait: async (connectionId, number) => this.tasks.show(connectionId, number),
  };

  readonly #hooks: HookReport[] = [];

  readonly hooks: HookControl = {
    add: async (connectionId, hook, isReplacing) => {
      this.#connection(connectionId);
      const at = this.#hooks.findIndex((one) => one.connectionId === connectionId && one.name === hook.name);
      if (at >= 0 && !isReplacing) throw new SmError("ALREADY_EXISTS", `connection ${connectionId} has a hook ${hook.name}`);
      if (at >= 0) this.#hooks.splice(at, 1);
      const added = { connectionId, ...hook, lastRun: null, isRunning: false };
      this.#hooks.push(added);
      return added;
    },
    list: async (id) => this.#hooks.filter(({ connectionId }) => id === undefined || connectionId === id),
    show: async (connectionId, name) => {
      const hook = this.#hooks.find((one) => one.connectionId === connectionId && one.name === name);
      if (hook === undefined) throw new SmError("NOT_FOUND", `connection ${connectionId} has no hook ${name}`);
      return hook;
    },
    remove: async (connectionId, name) => {
      const hook = await this.hooks.show(connectionId, name);
      this.#hooks.splice(this.#hooks.indexOf(hook), 1);
      return hook;
    },
  };

  readonly queue = {
    show: async () => ({ directory: "/queue", limits: { memoryMiB: 128, diskMiB: null, minFreeMiB: 50, alertPercent: 50 }, changed: [], sets: [] }),
    set: async (change: unknown) => {
      this.calls.push(`queue.set ${JSON.stringify(change)}`);
      return this.queue.show();
    },
  };

  readonly config: ConfigControl = {
    get: async (key) => [settingReport(key ?? "queue.memoryMiB")],
    set: async (key, value) => {
      this.calls.push(`config.set ${key} ${JSON.stringify(value)}`);
      return reloadReport();
    },
    unset: async (key) => {
      this.calls.push(`config.unset ${key}`);
      return reloadReport();
    },
    reload: async (options) => {
      this.calls.push(`config.reload ${JSON.stringify(options)}`);
      return reloadReport({ isDryRun: options.isDryRun });
    },
    export: async () => ({ document: { "sm.yaml": {} }, text: "sm.yaml: {}\n", files: [{ path: "sm.yaml", text: "{}\n" }] }),
  };

  readonly quarantine = {
    list: async () => [],
    order: async (order: string, path: string | null) => {
      this.calls.push(`quarantine.${order} ${path}`);
      return [];
    },
  };

  readonly peers = {
    list: async () => [...this.#peers.values()],
    bootstrapCreate: async (request: { siteName: string | undefined; addresses: readonly PeerAddress[]; ttlSeconds: number }) => {
      this.calls.push(JSON.stringify(request));
      return { token: Buffer.from(request.siteName ?? "agent").toString("base64"), expiresAt: SINCE };
    },
    bootstrapImport: async (request: { token: string; siteName: string | undefined }) => {
      const name = Buffer.from(request.token, "base64").toString();
      if (name === "") throw new SmError("TOKEN_INVALID", "the token is not one");
      const peer: PeerReport = { name, fingerprint: "ab".repeat(32), addresses: [{ host: "10.0.0.2", port: 1500 }], addedAt: SINCE, reachable: true };
      this.#peers.set(name, peer);
      return { peer, roundTripMs: 1.5 };
    },
    remove: async (name: string) => {
      if (!this.#peers.delete(name)) throw new SmError("PEER_UNKNOWN", `there is no peer ${name}`);
      return { closedChannels: 0 };
    },
    identity: () => ({ fingerprint: "cd".repeat(32), validFrom: SINCE, validTo: SINCE, rotation: null }),
    rotate: async ({ isForced }: { isForced: boolean }) => {
      const waiting = [...this.#peers.keys()].map((name) => ({ name, why: null }));
      const rotation = isForced || waiting.length === 0 ? null : { fingerprint: "ef".repeat(32), startedAt: SINCE, until: SINCE, waiting };
      return { fingerprint: "ef".repeat(32), former: "cd".repeat(32), rotation, pairAnew: isForced ? [...this.#peers.keys()] : [] };
    },
  };

  readonly users = new MemoryUsers();

  readonly jobs: JobControl = {
    list: async (id) => [...this.#jobs.values()].filter((job) => id === undefined || job.connectionId === id).reverse(),
    show: async (id) => this.#job(id),
    wait: async (id) => this.#job(id),
    stop: async (id) => {
      this.#jobs.set(id, { ...this.#job(id), status: "Stopped", finishedAt: SINCE });
      return this.#job(id);
    },
    startOrphans: async (connectionId, options) => {
      const id = this.#jobs.size + 1;
      const { repset, target } = await this.connections.show(connectionId);
      const orphans = { ...options, counts: NOTHING_SWEPT, findings: [] };
      const times = { startedAt: SINCE, finishedAt: SINCE };
      const startedBy = "person";
      this.#jobs.set(id, { id, kind: "orphans", connectionId, repset, target, startedBy, status: "Done", ...times, percent: 100, message: null, orphans });
      return this.#job(id);
    },
    startPlan: async (connectionId, wish, namesMax) => {
      const id = this.#jobs.size + 1;
      const { repset, target } = await this.connections.show(connectionId);
      const plan = { wish, namesMax, counts: NOTHING_PLANNED, parts: NO_PARTS };
      const times = { startedAt: SINCE, finishedAt: SINCE };
      this.#jobs.set(id, { id, kind: "plan", connectionId, repset, target, startedBy: "person", status: "Done", ...times, percent: 100, message: null, plan });
      return this.#job(id);
    },
    startVerify: async (connectionId, options) => {
      const id = this.#jobs.size + 1;
      const { repset, target } = await this.connections.show(connectionId);
      const verify = { ...options, counts: NOTHING_VERIFIED, differences: 0, findings: [], logFile: `/var/log/sm/${repset} SMVerify.log`, orphansJob: null };
      const times = { startedAt: SINCE, finishedAt: SINCE };
      const startedBy = "person";
      this.#jobs.set(id, { id, kind: "verify", connectionId, repset, target, startedBy, status: "Done", ...times, percent: 100, message: null, verify });
      return this.#job(id);
    },
  };

  readonly verification: VerificationControl = {
    showScrub: async (id) => this.#connection(id).scrub,
    setScrub: async (id) => this.#connection(id).scrub,
    showSchedule: async (id) => this.#connection(id).verifyPlan,
    setSchedule: async (id) => this.#connection(id).verifyPlan,
  };

  readonly simulation: SimulationControl = {
    report: async (id, question) => {
      const figures = new SimulationFigures();
      figures.add(simulationRow());
      return { files: [`/var/log/sm/home simulation ${id}.csv`], report: sizingReport(figures, question, (ms) => new Date(ms).getUTCHours()) };
    },
  };

  #job(id: number): JobReport {
    const job = this.#jobs.get(id);
    if (job === undefined) throw new SmError("NOT_FOUND", `there is no job ${id}`);
    return job;
  }

  readonly replication = {
    stop: async (id: number) => this.#decided(id, "replication stop"),
    start: async (id: number, mirrors: boolean) => this.#decided(id, `replication start ${mirrors}`),
  };

  readonly transmission = {
    show: async (id: number) => transmissionReport(this.#connection(id).id),
    command: async (id: number, verb: string) => {
      this.calls.push(`transmission ${verb} ${id}`);
      return transmissionReport(this.#connection(id).id);
    },
    setSchedule: async (id: number, change: ScheduleChange | null) => {
      this.calls.push(JSON.stringify(change));
      return transmissionReport(this.#connection(id).id);
    },
    setLimit: async (id: number, change: unknown) => {
      this.calls.push(JSON.stringify(change));
      return transmissionReport(this.#connection(id).id);
    },
  };

  readonly restores = {
    start: async (wish: RestoreStart): Promise<JobReport> => {
      this.calls.push(`restore ${JSON.stringify(wish)}`);
      const { repset, from, to, options } = wish;
      const target = to ?? "alpha";
      const times = { startedAt: SINCE, finishedAt: SINCE };
      const restore = {
        ...options,
        bytesPerSecond: options.bytesPerSecond ?? null,
        from,
        to: target,
        mappings: [{ source: "/backup/home", target: "/home" }],
        counts: NOTHING_RESTORED,
        doubt: null,
      };
      const common = { id: 9, connectionId: 0, repset, target, startedBy: "person", ...times } as const;
      const job: JobReport = { ...common, kind: "restore", status: "Done", percent: 100, message: null, restore };
      this.#jobs.set(job.id, job);
      return job;
    },
    stop: async (repset: string | null) => {
      this.calls.push(`restore stop ${repset}`);
      return [];
    },
  };

  readonly targets = {
    pause: async (choice: TargetChoice) => {
      this.calls.push(`pause ${JSON.stringify(choice)}`);
      return [];
    },
    forget: async (choice: TargetChoice) => {
      this.calls.push(`forget ${JSON.stringify(choice)}`);
      return [];
    },
    resume: async (choice: TargetChoice) => {
      this.calls.push(`resume ${JSON.stringify(choice)}`);
      return [];
    },
  };

  #decided(id: number, word: string): ConnectionReport {
    this.calls.push(`${word} ${id}`);
    return this.#connection(id);
  }

  readonly log = memoryLog;

  async explain(path: string): Promise<PathExplanation> {
    return { path, onDisk: null, sets: [] };
  }

  status(): StatusReport {
    return {
      agent: {
        pid: this.#options.pid ?? process.pid,
        version: "0.1.0",
        name: "alpha",
        startedAt: SINCE,
        listen: this.#options.listen ?? "127.0.0.1:1500",
        memoryBytes: 80 * 1024 * 1024,
        reasons: [],
      },
      index: this.#index,
      connections: [...this.#connections.values()],
      targets: [],
      goodbyes: [],
      config: { needsRestart: [], problems: [] },
      captures: [...new Set([...this.#connections.values()].map(({ repset }) => repset))].map((repset) => captureReport(repset)),
    };
  }

  async waitStatus(since: number, timeoutMs: number): Promise<StatusReport> {
    if (this.#index <= since) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          this.#watchers.delete(done);
          resolve();
        };
        const timer = setTimeout(done, timeoutMs);
        this.#watchers.add(done);
      });
    }
    return this.status();
  }

  async stop(): Promise<void> {
    this.calls.push("stop");
    this.#options.onStop?.();
  }

  get watcherCount(): number {
    return this.#watchers.size;
  }

  setConnection(report: ConnectionReport): void {
    this.#connections.set(report.id, report);
    this.#changed();
  }

  endMirror(id: number, overrides: Partial<MirrorReport>): MirrorReport {
    const report = this.#connection(id);
    const mirror = { ...report.mirror, status: "Idle" as const, finishedAt: SINCE, ...overrides };
    this.setConnection({ ...report, mirror });
    return mirror;
  }

  #changed(): void {
    this.#index += 1;
    for (const wake of [...this.#watchers]) wake();
  }

  #save(repset: RepsetData): RepsetSaved {
    this.#repsets.set(repset.name, repset);
    return { repset, dropped: [] };
  }

  #atGeneration(name: string, generation: number | undefined): RepsetData {
    const repset = this.#repset(name);
    if (generation !== undefined && generation !== repset.generation) throw new SmError("REPSET_GENERATION", `set ${name} is at ${repset.generation}`);
    return repset;
  }

  #repset(name: string): RepsetData {
    const repset = this.#repsets.get(name);
    if (repset === undefined) throw new SmError("NOT_FOUND", `there is no replication set ${name}`);
    return repset;
  }

  #connection(id: number): ConnectionReport {
    const connection = this.#connections.get(id);
    if (connection === undefined) throw new SmError("NOT_FOUND", `there is no connection ${id}`);
    return connection;
  }
}
