// Restores as the control plane sees them: begins one, keeps its job, settles what becomes of the connection that made the copy.
//   to this machine: hold the connection ─▶ pull ─▶ release it        to another one: the copy here is sent there

import { randomBytes } from "node:crypto";
import { SmError, toSmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import type { Config } from "../config/config.js";
import { holdForRestore, oweRestore } from "../connection/restore-hold.js";
import type { SourceConnection } from "../connection/source-connection.js";
import type { TargetService } from "../connection/target-service.js";
import type { Peer } from "../model/channel-port.js";
import { isJobOver, type JobReport, type RestoreJobReport } from "../model/job.js";
import {
  isSameMappings,
  NOTHING_RESTORED,
  type RestoreNews,
  type RestoreRequest,
  type RestoreStart,
  restoreContradiction,
  reversed,
} from "../model/restore.js";
import { LOCALHOST } from "../transport/identity.js";
import { dialForRestore } from "../transport/restore-call.js";
import type { WsSourceDialer } from "../transport/source-dialer.js";
import type { JobService } from "./job-service.js";
import type { RestoreHolder } from "./restore-holder.js";
import { type PullEnding, RestorePull } from "./restore-pull.js";
import type { SourceService } from "./source-service.js";
import { sourceSettled } from "./source-settled.js";
import type { StatusBoard } from "./status-board.js";

export interface RestoreServiceOptions {
  readonly config: Config;
  readonly holder: RestoreHolder;
  readonly source: SourceService;
  readonly target: Pick<TargetService, "acceptRestore" | "dismiss">;
  readonly jobs: JobService;
  readonly dialer: WsSourceDialer;
  readonly findPeer: (name: string) => Peer;
  readonly board: StatusBoard;
  readonly log: Log;
}

interface Running {
  job: RestoreJobReport;
  /** Ends it; what is being written is completed first. */
  readonly stop: (ending: PullEnding) => void;
  readonly done: Promise<void>;
}

const ASK_MS = 20_000;
const CHANNEL_MS = 10_000;

export class RestoreService {
  readonly #options: RestoreServiceOptions;
  readonly #running = new Map<number, Running>();
  /** Connections whose holder is asked, before there is a job. */
  readonly #starting = new Set<number>();

  constructor(options: RestoreServiceOptions) {
    this.#options = options;
    // What was under way when the agent ended is to be asked for again.
    for (const connection of options.source.connections) {
      if (connection.record.restore?.state === "running") oweRestore(connection, "the agent was restarted while its source was being restored");
    }
  }

  async start(wish: RestoreStart): Promise<JobReport> {
    const { config, findPeer } = this.#options;
    const contradiction = restoreContradiction(wish.options);
    if (contradiction !== null) throw new SmError("USAGE", contradiction);
    const isHere = (name: string): boolean => name === config.server.name || name === LOCALHOST;
    if (wish.to === null || (isHere(wish.to) && !isHere(wish.from))) return this.#startHere(wish, findPeer(isHere(wish.from) ? LOCALHOST : wish.from));
    if (!isHere(wish.from))
      throw new SmError("USAGE", `to restore to another machine, give this command on ${wish.from}, which has the copy; this agent is ${config.server.name}`);
    if (isHere(wish.to)) throw new SmError("USAGE", "the copy is on this machine already: --to names another one");
    return this.#startThere(wish, findPeer(wish.to));
  }

  /** Ends the restores of a set, or of all; those that are over stay as they are. */
  async stop(repset: string | null): Promise<readonly JobReport[]> {
    const meant = [...this.#running.values()].filter(({ job }) => repset === null || job.repset === repset);
    if (meant.length === 0 && repset !== null) throw new SmError("NOT_FOUND", `no restore of ${repset} is running`);
    return Promise.all(meant.map(({ job }) => this.#stop(job.id)));
  }

  async #stop(id: number): Promise<JobReport> {
    const running = this.#running.get(id);
    if (running !== undefined) {
      running.stop({ status: "Stopped", message: "stopped by hand" });
      await running.done;
    }
    return this.#options.jobs.show(id);
  }

  /** From a peer's copy to this machine. */
  async #startHere(wish: RestoreStart, peer: Peer): Promise<JobReport> {
    const connection = this.#connectionOf(wish.repset, peer.name);
    if (connection === null) return this.#pull(wish, peer, null);
    this.#refuseTwice(connection.id);
    this.#starting.add(connection.id);
    try {
      return await this.#pull(wish, peer, connection);
    } finally {
      this.#starting.delete(connection.id);
    }
  }

  async #pull(wish: RestoreStart, peer: Peer, connection: SourceConnection | null): Promise<JobReport> {
    const { repset, options } = wish;
    const request: RestoreRequest = {
      key: randomBytes(16).toString("hex"),
      repset,
      connectionKey: connection?.record.key ?? null,
      options,
      compression: connection?.record.options.compression ?? "off",
      isInquiry: false,
    };
    const offer = await this.#inquire(peer, request);
    if (connection !== null && !isSameMappings(offer.mappings, reversed(connection.record.mappings)))
      throw new SmError("MAP_INVALID", `the copy on ${peer.name} is mapped otherwise than connection ${connection.id}`);
    if (connection !== null) await this.#hold(connection, request, peer.name);
    const job = this.#newJob(wish, connection?.id ?? 0, this.#options.config.server.name, offer);
    const { findPeer, dialer, target, log } = this.#options;
    const pull = new RestorePull({
      request,
      peerName: peer.name,
      findPeer: () => findPeer(peer.name),
      dialer,
      target,
      mappings: offer.mappings,
      isOwnPlace: connection !== null,
      onNews: (news) => this.#takeNews(job.id, news),
      onWait: (message) => this.#update(job.id, { status: "Waiting", message }),
      log,
    });
    const done = pull.run().then((ending) => this.#settle(job.id, ending, connection?.id ?? null));
    return this.#keep({ job, stop: (ending) => pull.stop(ending), done: this.#guarded(job.id, done) });
  }

  /** From the copy here to another machine, which is a target like any other. */
  async #startThere(wish: RestoreStart, peer: Peer): Promise<JobReport> {
    const { holder, dialer } = this.#options;
    const found = holder.find(wish.repset, null, null);
    const key = randomBytes(16).toString("hex");
    const job = this.#newJob(wish, 0, peer.name, { mappings: reversed(found.copy.mappings), doubt: found.doubt });
    const settle: { resolve: (ending: PullEnding) => void } = { resolve: () => undefined };
    const ended = new Promise<PullEnding>((resolve) => {
      settle.resolve = resolve;
    });
    const onNews = (news: RestoreNews): void => {
      this.#takeNews(job.id, news);
      if (news.status === "done") settle.resolve({ status: "Done", message: news.message });
      if (news.status === "failed") settle.resolve({ status: "Failed", message: news.message });
    };
    const run = await holder.send(found, { key, options: wish.options, receiver: peer.name, onNews });
    const done = ended.then(async (ending) => {
      await run.close();
      await dialer.sayGoodbye(peer, key, AbortSignal.timeout(ASK_MS)).catch(() => undefined);
      this.#end(job.id, ending);
    });
    return this.#keep({ job, stop: settle.resolve, done: this.#guarded(job.id, done) });
  }

  #connectionOf(repset: string, peer: string): SourceConnection | null {
    const found = this.#options.source.connections.filter(({ record }) => record.repset === repset && record.peer === peer);
    if (found.length > 1) throw new SmError("USAGE", `connections ${found.map(({ id }) => id).join(", ")} of ${repset} go to ${peer}: disconnect all but one`);
    return found[0] ?? null;
  }

  #refuseTwice(connectionId: number): void {
    const running = [...this.#running.values()].find(({ job }) => job.connectionId === connectionId);
    if (running !== undefined) throw new SmError("JOB_CONFLICT", `job ${running.job.id} restores the source of connection ${connectionId} already`);
    if (this.#starting.has(connectionId)) throw new SmError("JOB_CONFLICT", `a restore of the source of connection ${connectionId} just begins`);
  }

  /** What the holder has, before anything is held on its account. */
  async #inquire(peer: Peer, request: RestoreRequest): Promise<RestoreNews> {
    const { dialer, log } = this.#options;
    let offer: RestoreNews | null = null;
    const over = new AbortController();
    const accept = (): never => {
      throw new SmError("PROTOCOL", "nothing was asked to be sent yet");
    };
    const onNews = (news: RestoreNews): void => {
      offer = news;
      over.abort();
    };
    const signal = AbortSignal.any([over.signal, AbortSignal.timeout(ASK_MS)]);
    await dialForRestore({ dialer, peer, request: { ...request, isInquiry: true }, accept: async () => accept(), onNews, log }, signal);
    if (offer === null) throw new SmError("CHANNEL_LOST", `${peer.name} did not say what it has of ${request.repset}`);
    return offer;
  }

  /** Nothing goes to the copy any more when it resolves. */
  async #hold(connection: SourceConnection, { key, options }: RestoreRequest, peer: string): Promise<void> {
    const { jobs, board } = this.#options;
    const message = `the source is being restored from ${peer}`;
    jobs.hold(connection.id, message);
    holdForRestore(connection, { key, isOfPaths: options.paths !== null, message });
    await board.until(() => connection.channel === null, CHANNEL_MS);
  }

  #newJob({ repset, from, options }: RestoreStart, connectionId: number, to: string, offer: Pick<RestoreNews, "mappings" | "doubt">): RestoreJobReport {
    const { mappings, doubt } = offer;
    const times = { startedAt: new Date().toISOString(), finishedAt: null };
    const restore = { ...options, bytesPerSecond: options.bytesPerSecond ?? null, from, to, mappings, counts: NOTHING_RESTORED, doubt };
    const id = this.#options.jobs.nextId();
    const startedBy = "person";
    return { id, kind: "restore", connectionId, repset, target: to, startedBy, status: "Running", ...times, percent: 0, message: null, restore };
  }

  #keep(running: Running): JobReport {
    const { id } = running.job;
    this.#running.set(id, running);
    this.#options.jobs.keep(running.job, () => this.#stop(id));
    logEvent(this.#options.log, "restoreStarted", { job: id, repset: running.job.repset, peer: running.job.restore.from, target: running.job.target });
    return running.job;
  }

  #takeNews(id: number, { percent, message, counts, doubt }: RestoreNews): void {
    const running = this.#running.get(id);
    if (running === undefined) return;
    this.#update(id, { status: "Running", percent: Math.min(99, percent), message, restore: { ...running.job.restore, counts, doubt } });
  }

  #update(id: number, part: Partial<RestoreJobReport>): void {
    const running = this.#running.get(id);
    if (running === undefined || isJobOver(running.job)) return;
    running.job = { ...running.job, ...part };
    this.#options.jobs.keep(running.job, () => this.#stop(id));
  }

  /** The connection goes on, or is held until its source has its data back; then the job is over. */
  async #settle(id: number, ending: PullEnding, connectionId: number | null): Promise<void> {
    if (connectionId === null) return this.#end(id, ending);
    const owe = (why: string): void => this.#owe(connectionId, why);
    if (ending.status !== "Done") {
      owe(`the restore was ${ending.status.toLowerCase()} before its end: ${ending.message ?? ""}`);
      return this.#end(id, ending);
    }
    try {
      await this.#release(connectionId);
      this.#end(id, ending);
    } catch (error) {
      const message = `all is back, but replication cannot go on: ${toSmError(error).message}`;
      owe(message);
      this.#end(id, { status: "Failed", message });
    }
  }

  /** Of a connection that could not be taken up again the status says why. */
  #owe(connectionId: number | undefined, why: string): void {
    for (const connection of this.#options.source.connections) if (connection.id === connectionId) oweRestore(connection, why);
  }

  async #release(id: number): Promise<void> {
    const { source } = this.#options;
    const connection = source.connection(id);
    const { restore, repset } = connection.record;
    const isWhole = this.#isWholeRestored(id);
    if (restore != null && !isWhole && !restore.isPart) {
      oweRestore(connection, "only some paths were restored, and the source lacks more");
      return;
    }
    // What the restore wrote is behind the connection before it goes on.
    await sourceSettled(connection, source.sourceOf(repset));
    await source.goOnRestored(id);
  }

  #isWholeRestored(connectionId: number): boolean {
    return [...this.#running.values()].some(({ job }) => job.connectionId === connectionId && job.restore.paths === null);
  }

  #end(id: number, { status, message }: PullEnding): void {
    const running = this.#running.get(id);
    if (running === undefined) return;
    const percent = status === "Done" ? 100 : running.job.percent;
    running.job = { ...running.job, status, message, percent, finishedAt: new Date().toISOString() };
    this.#running.delete(id);
    this.#options.jobs.keep(running.job, () => this.#stop(id));
    const facts = { job: id, repset: running.job.repset };
    if (status === "Done") logEvent(this.#options.log, "restoreEnded", facts);
    else logEvent(this.#options.log, status === "Failed" ? "restoreFailed" : "restoreStopped", { ...facts, reason: message ?? "" });
  }

  /** A defect ends the job, too; the connection goes on standing still, and says why. */
  async #guarded(id: number, done: Promise<void>): Promise<void> {
    try {
      await done;
    } catch (error) {
      const { message } = toSmError(error);
      this.#owe(this.#running.get(id)?.job.connectionId, `the restore failed: ${message}`);
      this.#end(id, { status: "Failed", message });
    }
  }

  async close(): Promise<void> {
    const all = [...this.#running.values()];
    for (const { stop } of all) stop({ status: "Stopped", message: "the agent was stopped" });
    await Promise.all(all.map(({ done }) => done));
  }
}
