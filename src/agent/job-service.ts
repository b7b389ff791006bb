// The jobs of this agent's connections: starts them in the source workers, keeps what they tell.

import { SmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import type { Config } from "../config/config.js";
import { isToBeRestored } from "../connection/restore-hold.js";
import type { SourceConnection } from "../connection/source-connection.js";
import { bytesFromText } from "../model/byte-path.js";
import { isJobOver, type JobControl, type JobOrigin, type JobReport, type OrphansJobReport, type PlanJobReport, type VerifyJobReport } from "../model/job.js";
import type { MirrorWish } from "../model/mirror-wish.js";
import { contradictionInOrphans, NOTHING_SWEPT, type OrphanOptions } from "../model/orphans.js";
import { NO_PARTS, NOTHING_PLANNED, partsOf } from "../model/plan.js";
import type { SourceEvent } from "../model/source-messages.js";
import { NOTHING_VERIFIED, type VerifyOptions } from "../model/verify.js";
import { VerifyLog } from "../observe/verify-log.js";
import { logEnding, logWaiting } from "./job-log.js";
import { JobStore } from "./job-store.js";
import { whyJobsWait } from "./job-waits.js";
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

const UNKNOWN_TO_TARGET = "the target is of a version that does not know orphans";

export class JobService implements JobControl {
  readonly #options: JobServiceOptions;
  readonly #store: JobStore;
  /** By connection: one at a time. */
  readonly #running = new Map<number, RunningJob>();
  /** Those that no source worker of this agent runs, by their number: how they are ended. */
  readonly #others = new Map<number, () => Promise<JobReport>>();
  /** Told of each job that ended before its time, without anybody wanting that. */
  onCut: (job: JobReport) => void = () => undefined;

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
    const other = this.#others.get(id);
    if (other !== undefined) return other();
    const { startedBy, connectionId } = job;
    if (startedBy === "scrub" && !isJobOver(job))
      throw new SmError("JOB_CONFLICT", `job ${id} is a round of the scrub of connection ${connectionId}: \`sm verify scrub ${connectionId} --off\` ends it`);
    const running = this.#running.get(job.connectionId);
    if (running?.report.id !== id) return job;
    this.#options.connection(job.connectionId).options.feed.send(running.stopCommand);
    return this.#end(running, "Stopped", null);
  }

  nextId(): number {
    return this.#store.nextId();
  }

  /** Keeps the report of a job that runs elsewhere; `stop` ends it while it is not over. */
  keep(job: JobReport, stop: () => Promise<JobReport>): void {
    const isNew = !this.#others.has(job.id);
    if (isJobOver(job)) this.#others.delete(job.id);
    else this.#others.set(job.id, stop);
    this.#store.put(job, isNew || isJobOver(job));
    this.#options.board.changed();
  }

  async startVerify(connectionId: number, options: VerifyOptions): Promise<JobReport> {
    const connection = this.#options.connection(connectionId);
    this.#refuse(connection);
    if (options.orphans !== null) refuseOrphans(connection, options.orphans, false);
    return this.beginVerify(connection, options, "person");
  }

  /** Nothing is in its way (`whyNotNow`). */
  beginVerify(connection: SourceConnection, options: VerifyOptions, startedBy: JobOrigin): JobReport {
    const running = this.#openVerify(connection, options, startedBy, undefined);
    const { id } = running.report;
    connection.options.feed.send({ kind: "verify", connectionId: connection.id, jobId: id, options });
    logEvent(this.#options.log, "verifyStarted", { connection: connection.id, job: id }, { startedBy, ...options });
    return this.#keep(running);
  }

  /** `before`: what is known of it, when it goes on. Nothing is sent yet. */
  #openVerify(connection: SourceConnection, options: VerifyOptions, startedBy: JobOrigin, before: VerifyJobReport | undefined): RunningVerify {
    const { config, log } = this.#options;
    const { record, id: connectionId, channel } = connection;
    const verifyLog = new VerifyLog({ directory: config.logDir, repset: record.repset, ...config.verify, log });
    const known = before?.verify ?? { counts: NOTHING_VERIFIED, differences: 0, findings: [], orphansJob: null };
    const verify = { ...known, ...options, logFile: verifyLog.path };
    const facts = before === undefined ? this.#begun(connection, startedBy) : { ...before, status: "Running" as const, message: null };
    const target = `${record.peer} (${channel?.remoteAddress ?? "not connected"})`;
    verifyLog.begin({ connectionId, content: options.content, source: config.server.name, target });
    return new RunningVerify({ ...facts, kind: "verify", verify }, verifyLog, record.mappings);
  }

  /** A round of a scrub, beside the other jobs: a new one, or job `id` that goes on. */
  openScrub(connection: SourceConnection, options: VerifyOptions, id: number | null): RunningVerify {
    const known = id === null ? undefined : this.#store.get(id);
    const before = known?.kind === "verify" && !isJobOver(known) ? known : undefined;
    const running = this.#openVerify(connection, options, "scrub", before);
    this.keepScrub(running.report, true);
    return running;
  }

  /** `isLasting`: on disk, too. */
  keepScrub(report: JobReport, isLasting: boolean): void {
    this.#store.put(report, isLasting);
  }

  /** The round is over. */
  endScrub(id: number, status: "Done" | "Stopped", message: string | null): void {
    const report = this.#store.get(id);
    if (report === undefined || isJobOver(report)) return;
    const percent = status === "Done" ? 100 : report.percent;
    this.#store.put({ ...report, status, message, percent, finishedAt: new Date().toISOString() }, true);
    const differences = report.kind === "verify" ? report.verify.differences : 0;
    logEvent(this.#options.log, "scrubEnded", { connection: report.connectionId, job: id, outcome: status.toLowerCase(), differences }, { reason: message });
    this.#options.board.changed();
  }

  async startOrphans(connectionId: number, options: OrphanOptions): Promise<JobReport> {
    const connection = this.#options.connection(connectionId);
    this.#refuse(connection);
    refuseOrphans(connection, options, true);
    return this.beginOrphans(connection, options, "person");
  }

  /** Nothing is in its way (`whyNotNow`). */
  beginOrphans(connection: SourceConnection, options: OrphanOptions, startedBy: JobOrigin): JobReport {
    const { config, log } = this.#options;
    const { id: connectionId, channel } = connection;
    const { mappings, repset } = connection.record;
    const orphans = { ...options, counts: NOTHING_SWEPT, findings: [] };
    const report: OrphansJobReport = { ...this.#begun(connection, startedBy), kind: "orphans", orphans };
    const running = new RunningOrphans(report, mappings, config.orphans.confirmFiles);
    this.#keep(running);
    // It would end the channel at the question.
    if (channel !== null && !channel.sweepsOrphans) return this.#end(running, "Failed", UNKNOWN_TO_TARGET);
    const time = report.startedAt.slice(0, 19).replaceAll(":", "-");
    const place = options.to === null ? null : { directory: bytesFromText(options.to), repset: bytesFromText(repset), time };
    const order = { connectionId, jobId: report.id, options, confirmFiles: config.orphans.confirmFiles, place };
    connection.options.feed.send({ kind: "orphans", ...order });
    logEvent(log, "orphansStarted", { connection: connectionId, job: report.id, action: options.action }, { startedBy, ...options });
    return report;
  }

  async startPlan(connectionId: number, wish: MirrorWish, namesMax: number): Promise<JobReport> {
    const connection = this.#options.connection(connectionId);
    this.#refuse(connection, false);
    const order = planOrder(connection, wish);
    const plan = { wish, namesMax, counts: NOTHING_PLANNED, parts: NO_PARTS };
    const report: PlanJobReport = { ...this.#begun(connection, "person"), kind: "plan", plan };
    connection.options.feed.send({ kind: "plan", connectionId, jobId: report.id, order, namesMax });
    logEvent(this.#options.log, "planStarted", { connection: connectionId, job: report.id }, { ...wish });
    return this.#keep(new RunningPlan(report, connection.record.mappings));
  }

  #begun({ id, record }: SourceConnection, startedBy: JobOrigin): Omit<VerifyJobReport, "kind" | "verify"> {
    const { repset, peer: target } = record;
    const times = { startedAt: new Date().toISOString(), finishedAt: null };
    return { id: this.#store.nextId(), connectionId: id, repset, target, startedBy, status: "Running", ...times, percent: 0, message: null };
  }

  #keep(running: RunningJob): JobReport {
    this.#running.set(running.report.connectionId, running);
    this.#store.put(running.report, true);
    this.#options.board.changed();
    return running.report;
  }

  /** What is in the way of a job that nobody waits for; null = it may begin. */
  whyNotNow(connection: SourceConnection): string | null {
    const { id, mirror, record } = connection;
    const running = this.#running.get(id);
    if (running !== undefined) return `job ${running.report.id} of the connection is running`;
    if (mirror.isRunning) return "the connection is being mirrored";
    if (record.mirrorNeed?.isAutomatic === true) return "a mirror of the connection is still to be done";
    if (!record.options.replicate) return `replication of the connection is stopped: its target is not to be as its source is (\`sm replication start ${id}\`)`;
    return whyJobsWait(connection, Date.now());
  }

  isRunning(job: number): boolean {
    const report = this.#store.get(job);
    return report !== undefined && !isJobOver(report);
  }

  /** It was running when the agent ended. */
  wasInterrupted(job: number): boolean {
    return this.#store.wasInterrupted(job);
  }

  /** The orphans job behind a verification has begun. */
  noteSweep(verification: number, orphansJob: number): void {
    const job = this.#store.get(verification);
    if (job?.kind === "verify") this.#store.put({ ...job, verify: { ...job.verify, orphansJob } }, true);
    this.#options.board.changed();
  }

  #refuse(connection: SourceConnection, needsReplication = true): void {
    const { id, mirror, record, guard } = connection;
    const running = this.#running.get(id);
    if (running !== undefined)
      throw new SmError("JOB_CONFLICT", `job ${running.report.id} of connection ${id} is running`, { data: { job: running.report.id } });
    if (record.isSimulated === true) throw new SmError("SIMULATION", `connection ${id} is a simulation: there is no target to look at`);
    if (isToBeRestored(connection)) throw new SmError("JOB_CONFLICT", `connection ${id} is held: its source is to be restored first`);
    if (mirror.isRunning) throw new SmError("JOB_CONFLICT", `connection ${id} is being mirrored: its target is looked at when that is completed`);
    if (guard.isHeld || guard.isRejected) throw new SmError("JOB_CONFLICT", `connection ${id} is held: its target is not to be as the source is now`);
    if (needsReplication && !record.options.replicate)
      throw new SmError("REPLICATION_STOPPED", `replication of connection ${id} is stopped: its target is not to be as its source is`);
  }

  /** What a source worker says about a connection. */
  takeEvent(connectionId: number, event: SourceEvent): void {
    const running = this.#running.get(connectionId);
    if (running === undefined) return;
    if (running.take(event)) this.#store.put(running.report, false);
    else if (event.kind === "verifyEnded" || event.kind === "orphansEnded" || event.kind === "planEnded")
      this.#look(this.#options.connection(connectionId), running);
    else if (event.kind === "mirrorStarted") this.#cut(running, "Stopped", "a mirror of the connection began");
    else if (event.kind === "state" && event.state === "Arming") this.#lose(running, "the source began anew");
    else if (event.kind === "halt" && event.error !== null) this.#lose(running, `the source is halted: ${event.error.message}`);
  }

  /** Its worker is no more, or is about to begin: the order may still lie before that one, and nobody would hear of what it does. */
  #lose(running: RunningJob, why: string): void {
    this.#options.connection(running.report.connectionId).options.feed.send(running.stopCommand);
    this.#cut(running, "Failed", why);
  }

  /** Called about once a second: repairs end on the target. A connection that is being taken up anew is not among them. */
  tick(connections: readonly SourceConnection[]): void {
    for (const connection of connections) {
      const running = this.#running.get(connection.id);
      if (running !== undefined) this.#look(connection, running);
    }
  }

  /** Nothing goes to the target any more: its job is over, and a scrub waits. */
  hold(connectionId: number, why: string): void {
    const running = this.#running.get(connectionId);
    if (running !== undefined) this.#end(running, "Stopped", why);
  }

  /** Its target is not to become as its source is: what looks at both would judge what is meant to be. A plan only tells. */
  replicationStopped(connectionId: number): void {
    const running = this.#running.get(connectionId);
    if (running === undefined || running.report.kind === "plan") return;
    this.#options.connection(connectionId).options.feed.send(running.stopCommand);
    this.#cut(running, "Stopped", "replication of the connection was stopped");
  }

  /** The connection is no more. */
  forget(connectionId: number): void {
    this.hold(connectionId, "the connection was ended");
    for (const { id, startedBy, connectionId: of } of this.#store.list())
      if (startedBy === "scrub" && of === connectionId) this.endScrub(id, "Stopped", "the connection was ended");
  }

  #look(connection: SourceConnection, running: RunningJob): void {
    const ending = running.ending(connection);
    if (ending !== null) {
      connection.options.feed.send(running.stopCommand);
      const job = this.#end(running, ending.status, ending.message);
      const orphans = job.kind === "verify" && job.status === "Done" ? job.verify.orphans : null;
      if (orphans !== null) connection.keep({ sweep: { orphans, behind: { kind: "verify", id: job.id }, since: new Date().toISOString() } }, true);
      return;
    }
    const { report, what } = running;
    const why = whyJobsWait(connection, Date.now());
    const message = why === null ? running.waitsFor : `${why}: the ${what} goes on when that is over`;
    const status = message === null ? "Running" : "Waiting";
    if (status === report.status && message === report.message) return;
    if (status !== report.status) logWaiting(this.#options.log, report, message);
    running.report = { ...report, status, message };
    this.#store.put(running.report, false);
    this.#options.board.changed();
  }

  #cut(running: RunningJob, status: "Stopped" | "Failed", message: string): void {
    this.onCut(this.#end(running, status, message));
  }

  #end(running: RunningJob, status: "Done" | "Stopped" | "Failed", message: string | null): JobReport {
    const { report } = running;
    this.#running.delete(report.connectionId);
    const ended: JobReport = { ...report, status, message, percent: status === "Done" ? 100 : report.percent, finishedAt: new Date().toISOString() };
    running.finish(ended);
    this.#store.put(ended, true);
    if (ended.kind !== "restore") logEnding(this.#options.log, ended, figuresOf(ended));
    this.#options.board.changed();
    return ended;
  }
}

function figuresOf(job: JobReport): Readonly<Record<string, number>> {
  if (job.kind === "restore") return {};
  if (job.kind === "verify") return { differences: job.verify.differences };
  if (job.kind === "plan") return { files: job.plan.counts.files, ...partsOf((action) => job.plan.parts[action].files) };
  const { found, done, kept, failed } = job.orphans.counts;
  return { files: found.files, directories: found.directories, filesDone: done.files, directoriesDone: done.directories, kept, failed };
}

/** Whether a target knows orphans is said when it is connected. */
function refuseOrphans({ id, channel }: SourceConnection, options: OrphanOptions, isNow: boolean): void {
  const contradiction = contradictionInOrphans(options);
  if (contradiction !== null) throw new SmError("USAGE", contradiction);
  if (channel === null && isNow) throw new SmError("JOB_CONFLICT", `connection ${id} is not connected to its target: orphans are looked for there`);
  if (channel !== null && !channel.sweepsOrphans) throw new SmError("UNSUPPORTED", `connection ${id}: ${UNKNOWN_TO_TARGET}`);
}
