// The jobs of this agent's connections: starts them in the source workers, keeps what they tell.

import { SmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import type { Config } from "../config/config.js";
import type { SourceConnection } from "../connection/source-connection.js";
import { displayPath } from "../model/byte-path.js";
import { isJobOver, type JobControl, type JobReport } from "../model/job.js";
import type { SourceEvent } from "../model/source-messages.js";
import { differencesIn, NOTHING_VERIFIED, type VerifyCounts, type VerifyFinding, type VerifyOptions } from "../model/verify.js";
import { VerifyLog } from "../observe/verify-log.js";
import { JobStore } from "./job-store.js";
import type { StatusBoard } from "./status-board.js";

export interface JobServiceOptions {
  readonly config: Config;
  /** Throws NOT_FOUND. */
  readonly connection: (id: number) => SourceConnection;
  readonly board: StatusBoard;
  readonly log: Log;
}

interface RunningVerify {
  report: JobReport;
  readonly log: VerifyLog;
  /** All is judged and what is repaired is sent by then; null = it goes on. */
  endSeq: number | null;
}

const FINDINGS_SHOWN = 1000;

export class JobService implements JobControl {
  readonly #options: JobServiceOptions;
  readonly #store: JobStore;
  /** By connection: one at a time. */
  readonly #running = new Map<number, RunningVerify>();

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
    this.#options.connection(job.connectionId).options.feed.send({ kind: "stopVerify", connectionId: job.connectionId });
    return this.#end(running, "Stopped", null);
  }

  async startVerify(connectionId: number, options: VerifyOptions): Promise<JobReport> {
    const connection = this.#options.connection(connectionId);
    this.#refuse(connection);
    const { config, log } = this.#options;
    const { record } = connection;
    const verifyLog = new VerifyLog({ directory: config.logDir, repset: record.repset, ...config.verify, log });
    const now = new Date().toISOString();
    const report: JobReport = {
      id: this.#store.nextId(),
      kind: "verify",
      connectionId,
      repset: record.repset,
      target: record.peer,
      status: "Running",
      startedAt: now,
      finishedAt: null,
      percent: 0,
      message: null,
      verify: { ...options, counts: NOTHING_VERIFIED, differences: 0, findings: [], logFile: verifyLog.path },
    };
    const target = `${record.peer} (${connection.channel?.remoteAddress ?? "not connected"})`;
    verifyLog.begin({ connectionId, content: options.content, source: config.server.name, target });
    this.#running.set(connectionId, { report, log: verifyLog, endSeq: null });
    this.#store.put(report, true);
    connection.options.feed.send({ kind: "verify", connectionId, jobId: report.id, options });
    log.info("verification started", { connection: connectionId, job: report.id, ...options });
    this.#options.board.changed();
    return report;
  }

  #refuse({ id, mirror, record, guard }: SourceConnection): void {
    const running = this.#running.get(id);
    if (running !== undefined)
      throw new SmError("JOB_CONFLICT", `job ${running.report.id} of connection ${id} is running`, { data: { job: running.report.id } });
    if (mirror.isRunning) throw new SmError("JOB_CONFLICT", `connection ${id} is being mirrored: what is verified is what a mirror has completed`);
    if (guard.isHeld || guard.isRejected) throw new SmError("JOB_CONFLICT", `connection ${id} is held: its target is not to be as the source is now`);
    if (!record.options.replicate) throw new SmError("JOB_CONFLICT", `connection ${id} does not replicate: its target is as it was when it was mirrored`);
  }

  /** What a source worker says about a connection. */
  takeEvent(connectionId: number, event: SourceEvent): void {
    const running = this.#running.get(connectionId);
    if (running === undefined) return;
    if (event.kind === "verifyProgress" && event.jobId === running.report.id) this.#takeProgress(running, event.counts, event.findings);
    else if (event.kind === "verifyEnded" && event.jobId === running.report.id) running.endSeq = event.lastSeq;
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

  #takeProgress(running: RunningVerify, counts: VerifyCounts, findings: readonly VerifyFinding[]): void {
    const { report, log } = running;
    const { mappings } = this.#options.connection(report.connectionId).record;
    const shown = findings.map(({ root, path, why, differingBytes, isRepaired }, index) => {
      const absolute = `${mappings[root]?.source ?? ""}${path === "" ? "" : `/${displayPath(path)}`}`;
      log.finding(absolute, findings[index] as VerifyFinding);
      return { path: absolute, why, differingBytes, isRepaired };
    });
    const verify = { ...report.verify, counts, differences: differencesIn(counts), findings: [...report.verify.findings, ...shown].slice(0, FINDINGS_SHOWN) };
    const share = counts.filesTotal === 0 ? 1 : counts.files / counts.filesTotal;
    running.report = { ...report, percent: Math.min(99, Math.floor(share * 100)), verify };
    this.#store.put(running.report, false);
  }

  #look(connection: SourceConnection, running: RunningVerify): void {
    const { endSeq, report } = running;
    const isRepaired = report.verify.repair === "no" || (endSeq !== null && connection.appliedSeq >= endSeq && connection.pendingRepairs === 0);
    if (endSeq !== null && isRepaired) {
      this.#end(running, "Done", null);
      return;
    }
    const isAway = connection.channel === null;
    const message = isAway ? "the target is not connected: the verification goes on when it is" : endSeq === null ? null : "what differs is being repaired";
    const status = message === null ? "Running" : "Waiting";
    if (status === report.status && message === report.message) return;
    running.report = { ...report, status, message };
    this.#store.put(running.report, false);
    this.#options.board.changed();
  }

  #end(running: RunningVerify, status: "Done" | "Stopped" | "Failed", message: string | null): JobReport {
    const { report, log } = running;
    const { counts, differences } = report.verify;
    this.#running.delete(report.connectionId);
    const ended: JobReport = { ...report, status, message, percent: status === "Done" ? 100 : report.percent, finishedAt: new Date().toISOString() };
    log.end(status.toLowerCase(), counts);
    this.#store.put(ended, true);
    this.#options.log.info(`verification ${status.toLowerCase()}`, { connection: report.connectionId, job: report.id, differences, message });
    this.#options.board.changed();
    return ended;
  }
}
