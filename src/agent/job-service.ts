// The jobs of this agent's connections: starts them in the source workers, keeps what they tell.

import { SmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import type { Config } from "../config/config.js";
import type { SourceConnection } from "../connection/source-connection.js";
import { bytesFromText, isBytePath } from "../model/byte-path.js";
import { isJobOver, type JobControl, type JobReport, type OrphansJobReport, type PlanJobReport, type VerifyJobReport } from "../model/job.js";
import type { MirrorWish } from "../model/mirror-wish.js";
import { NOTHING_SWEPT, type OrphanOptions } from "../model/orphans.js";
import { NO_PARTS, NOTHING_PLANNED, partsOf } from "../model/plan.js";
import type { SourceEvent } from "../model/source-messages.js";
import { NOTHING_VERIFIED, type VerifyOptions } from "../model/verify.js";
import { VerifyLog } from "../observe/verify-log.js";
import { JobStore } from "./job-store.js";
import { planOrder } from "./plan-order.js";
import type { RunningJob } from "./running-job.js";
import { RunningOrphans } from "./running-orphans.js";
import { RunningPlan } from "./running-plan.js";
import { RunningVerify } from "./running-verify.js";
import type { StatusBoard } from "./status-board.js";

export interface JobServiceOptions {
  readonly config: Config;
  /** Throws NOT_FOUND. */
  readonly connection: (id: number) => SourceConnection;
  readonly board: StatusBoard;
  readonly log: Log;
}

export class JobService implements JobControl {
  readonly #options: JobServiceOptions;
  readonly #store: JobStore;
  /** By connection: one at a time. */
  readonly #running = new Map<number, RunningJob>();

  constructor(options: JobServiceOptions) {
    this.#options = options;
    this.#store = JobStore.open(options.config.stateDir, options.log);
  }

  async list(connectionId?: number): Promise<readonly JobReport[]> {
    return this.#store.list().filter((job) => connectionId === undefined || job.connectionId === connectionId);
  }

  async show(id: number): Promise<JobReport> {
    const job = this.#store.get(id);
    if (job === undefined) throw new SmError("NOT_FOUND", `there is no job ${id}`);
    return job;
  }

  async wait(id: number, timeoutMs: number): Promise<JobReport> {
    await this.show(id);
    await this.#options.board.until(() => isJobOver(this.#store.get(id) ?? { status: "Done" }), timeoutMs);
    return this.show(id);
  }

  async stop(id: number): Promise<JobReport> {
    const job = await this.show(id);
    const running = this.#running.get(job.connectionId);
    if (running?.report.id !== id) return job;
    this.#options.connection(job.connectionId).options.feed.send(running.stopCommand);
    return this.#end(running, "Stopped", null);
  }

  async startVerify(connectionId: number, options: VerifyOptions): Promise<JobReport> {
    const connection = this.#options.connection(connectionId);
    this.#refuse(connection);
    const { config, log } = this.#options;
    const { record } = connection;
    const verifyLog = new VerifyLog({ directory: config.logDir, repset: record.repset, ...config.verify, log });
    const verify = { ...options, counts: NOTHING_VERIFIED, differences: 0, findings: [], logFile: verifyLog.path };
    const report: VerifyJobReport = { ...this.#begun(connection), kind: "verify", verify };
    const target = `${record.peer} (${connection.channel?.remoteAddress ?? "not connected"})`;
    verifyLog.begin({ connectionId, content: options.content, source: config.server.name, target });
    connection.options.feed.send({ kind: "verify", connectionId, jobId: report.id, options });
    log.info("verification started", { connection: connectionId, job: report.id, ...options });
    return this.#keep(new RunningVerify(report, verifyLog, record.mappings));
  }

  async startOrphans(connectionId: number, options: OrphanOptions): Promise<JobReport> {
    const connection = this.#options.connection(connectionId);
    this.#refuse(connection);
    refuseOrphans(connection, options);
    const { config, log } = this.#options;
    const { mappings, repset } = connection.record;
    const orphans = { ...options, counts: NOTHING_SWEPT, findings: [] };
    const report: OrphansJobReport = { ...this.#begun(connection), kind: "orphans", orphans };
    const time = report.startedAt.slice(0, 19).replaceAll(":", "-");
    const place = options.to === null ? null : { directory: bytesFromText(options.to), repset: bytesFromText(repset), time };
    const order = { connectionId, jobId: report.id, options, confirmFiles: config.orphans.confirmFiles, place };
    connection.options.feed.send({ kind: "orphans", ...order });
    log.info("orphans job started", { connection: connectionId, job: report.id, ...options });
    return this.#keep(new RunningOrphans(report, mappings, config.orphans.confirmFiles));
  }

  async startPlan(connectionId: number, wish: MirrorWish, namesMax: number): Promise<JobReport> {
    const connection = this.#options.connection(connectionId);
    this.#refuse(connection, false);
    const order = planOrder(connection, wish);
    const plan = { wish, namesMax, counts: NOTHING_PLANNED, parts: NO_PARTS };
    const report: PlanJobReport = { ...this.#begun(connection), kind: "plan", plan };
    connection.options.feed.send({ kind: "plan", connectionId, jobId: report.id, order, namesMax });
    this.#options.log.info("plan started", { connection: connectionId, job: report.id, ...wish });
    return this.#keep(new RunningPlan(report, connection.record.mappings));
  }

  #begun({ id, record }: SourceConnection): Omit<VerifyJobReport, "kind" | "verify"> {
    const times = { startedAt: new Date().toISOString(), finishedAt: null };
    return { id: this.#store.nextId(), connectionId: id, repset: record.repset, target: record.peer, status: "Running", ...times, percent: 0, message: null };
  }

  #keep(running: RunningJob): JobReport {
    this.#running.set(running.report.connectionId, running);
    this.#store.put(running.report, true);
    this.#options.board.changed();
    return running.report;
  }

  #refuse({ id, mirror, record, guard }: SourceConnection, needsReplication = true): void {
    const running = this.#running.get(id);
    if (running !== undefined)
      throw new SmError("JOB_CONFLICT", `job ${running.report.id} of connection ${id} is running`, { data: { job: running.report.id } });
    if (record.isSimulated === true) throw new SmError("SIMULATION", `connection ${id} is a simulation: there is no target to look at`);
    if (mirror.isRunning) throw new SmError("JOB_CONFLICT", `connection ${id} is being mirrored: its target is looked at when that is completed`);
    if (guard.isHeld || guard.isRejected) throw new SmError("JOB_CONFLICT", `connection ${id} is held: its target is not to be as the source is now`);
    if (needsReplication && !record.options.replicate)
      throw new SmError("JOB_CONFLICT", `connection ${id} does not replicate: its target is as it was when it was mirrored`);
  }

  /** What a source worker says about a connection. */
  takeEvent(connectionId: number, event: SourceEvent): void {
    const running = this.#running.get(connectionId);
    if (running === undefined) return;
    if (running.take(event)) this.#store.put(running.report, false);
    else if (event.kind === "verifyEnded" || event.kind === "orphansEnded" || event.kind === "planEnded")
      this.#look(this.#options.connection(connectionId), running);
    else if (event.kind === "mirrorStarted") this.#end(running, "Stopped", "a mirror of the connection began");
    else if (event.kind === "state" && event.state === "Arming") this.#end(running, "Failed", "the source began anew");
  }

  /** Called about once a second: repairs end on the target. */
  tick(): void {
    for (const [connectionId, running] of this.#running) this.#look(this.#options.connection(connectionId), running);
  }

  /** The connection is no more. */
  forget(connectionId: number): void {
    const running = this.#running.get(connectionId);
    if (running !== undefined) this.#end(running, "Stopped", "the connection was ended");
  }

  #look(connection: SourceConnection, running: RunningJob): void {
    const ending = running.ending(connection);
    if (ending !== null) {
      connection.options.feed.send(running.stopCommand);
      this.#end(running, ending.status, ending.message);
      return;
    }
    const { report, what } = running;
    const message = connection.channel === null ? `the target is not connected: the ${what} goes on when it is` : running.waitsFor;
    const status = message === null ? "Running" : "Waiting";
    if (status === report.status && message === report.message) return;
    running.report = { ...report, status, message };
    this.#store.put(running.report, false);
    this.#options.board.changed();
  }

  #end(running: RunningJob, status: "Done" | "Stopped" | "Failed", message: string | null): JobReport {
    const { report, what } = running;
    this.#running.delete(report.connectionId);
    const ended: JobReport = { ...report, status, message, percent: status === "Done" ? 100 : report.percent, finishedAt: new Date().toISOString() };
    running.finish(ended);
    this.#store.put(ended, true);
    const facts = { connection: report.connectionId, job: report.id, ...figuresOf(ended), message };
    this.#options.log.info(`${what} ${status.toLowerCase()}`, facts);
    this.#options.board.changed();
    return ended;
  }
}

function figuresOf(job: JobReport): Readonly<Record<string, number>> {
  if (job.kind === "verify") return { differences: job.verify.differences };
  if (job.kind === "plan") return { files: job.plan.counts.files, ...partsOf((action) => job.plan.parts[action].files) };
  const { found, done, kept, failed } = job.orphans.counts;
  return { files: found.files, directories: found.directories, filesDone: done.files, directoriesDone: done.directories, kept, failed };
}

/** Whether a target knows orphans is said when it is connected. */
function refuseOrphans({ id, channel }: SourceConnection, { action, to }: OrphanOptions): void {
  if ((action === "move") !== (to !== null)) throw new SmError("USAGE", "a directory of the target is given to move orphans to, and for nothing else");
  if (to !== null && !isAbsolutePath(to)) throw new SmError("USAGE", `${JSON.stringify(to)} is not an absolute path without "..", "." and a trailing slash`);
  if (channel === null) throw new SmError("JOB_CONFLICT", `connection ${id} is not connected to its target: orphans are looked for there`);
  if (!channel.sweepsOrphans) throw new SmError("UNSUPPORTED", `the target of connection ${id} is of a version that does not know orphans`);
}

function isAbsolutePath(path: string): boolean {
  return path.startsWith("/") && path !== "/" && isBytePath(bytesFromText(path.slice(1)));
}
