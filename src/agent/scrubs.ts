// Scrubs: looks at each connection once a second, and has its source worker go on with the round, or wait.
//   settings, position (connection record) ─▶ look ─▶ nothing in its way? ─▶ source worker ─▶ findings (a job), position ─▶ record

import { SmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import type { SourceConnection } from "../connection/source-connection.js";
import {
  DEFAULT_SCRUB,
  isScrubTime,
  NO_SCRUB,
  nextRoundMs,
  reportScrub,
  type Scrub,
  type ScrubChange,
  type ScrubReport,
  type ScrubRound,
} from "../model/scrub.js";
import type { SourceEvent } from "../model/source-messages.js";
import type { VerifyPosition } from "../model/verify-position.js";
import type { JobService } from "./job-service.js";
import type { RunningVerify } from "./running-verify.js";

export interface ScrubsOptions {
  /** Throws NOT_FOUND. */
  readonly connection: (id: number) => SourceConnection;
  readonly jobs: Pick<JobService, "openScrub" | "keepScrub" | "endScrub" | "whyNotNow">;
  readonly onChange: () => void;
  readonly log: Log;
}

/** A round in the source worker. */
interface Running {
  readonly job: RunningVerify;
  waitsFor: string | null;
  /** What was found in front of it is put right on the target, durably: it would not be found again. */
  position: VerifyPosition | null;
  /** As the source worker told it last, and as it had at the look before. */
  told: VerifyPosition | null;
  seen: VerifyPosition | null;
  /** Repairs of what is in front of it are emitted by then. */
  settling: { readonly position: VerifyPosition; readonly seq: number } | null;
  savedMs: number;
  isWhole: boolean;
}

/** Changes that are so old are more urgent. */
const BUSY_LAG_MS = 2000;
const SAVE_EVERY_MS = 10_000;

export class Scrubs {
  readonly #options: ScrubsOptions;
  readonly #running = new Map<number, Running>();

  constructor(options: ScrubsOptions) {
    this.#options = options;
  }

  show(id: number): ScrubReport {
    return this.#report(this.#options.connection(id));
  }

  /** Null ends it; what was verified is remembered. */
  set(id: number, change: ScrubChange | null): ScrubReport {
    const connection = this.#options.connection(id);
    const scrub = scrubOf(connection);
    this.#halt(connection, change?.enabled === false ? "the scrub is disabled" : "its settings changed");
    if (change === null) {
      if (scrub.round !== null) this.#options.jobs.endScrub(scrub.round.job, "Stopped", "the scrub was ended by hand");
      this.#keep(connection, { ...scrub, settings: null, round: null, waitsFor: null }, true);
    } else {
      const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
      const settings = { ...DEFAULT_SCRUB, bytesPerSecond: 0, ...scrub.settings, ...given };
      if (settings.bytesPerSecond === 0) throw new SmError("USAGE", "there is no scrub yet: say how much it may read, for example --bytes-per-second 10MiB");
      if (settings.window !== null && settings.window.open === settings.window.close) throw new SmError("USAGE", "the window has no length");
      this.#keep(connection, { ...scrubOf(connection), settings }, true);
    }
    logEvent(this.#options.log, "scrubChanged", { connection: id }, { ...change });
    this.look(connection);
    return this.show(id);
  }

  /** Called about once a second. */
  look(connection: SourceConnection): void {
    const scrub = scrubOf(connection);
    const running = this.#running.get(connection.id);
    if (scrub.settings?.enabled !== true) return;
    const waitsFor = this.#whyNot(connection, scrub);
    const shown = waitsFor ?? running?.job.waitsFor ?? null;
    if (shown !== scrub.waitsFor) this.#keep(connection, { ...scrub, waitsFor: shown }, false);
    if (running === undefined) {
      if (waitsFor === null) this.#start(connection, scrubOf(connection));
      return;
    }
    // Also when nothing changed: nobody tells whether the worker has done so.
    connection.options.feed.send({ kind: "pauseScrub", connectionId: connection.id, isPaused: waitsFor !== null });
    if (shown !== running.waitsFor) {
      running.waitsFor = shown;
      running.job.report = { ...running.job.report, status: shown === null ? "Running" : "Waiting", message: shown };
      this.#options.jobs.keepScrub(running.job.report, false);
      this.#options.onChange();
    }
    settle(connection, running);
    const nowMs = performance.now();
    if (nowMs - running.savedMs >= SAVE_EVERY_MS) this.#save(connection, running);
    if (running.job.ending(connection) !== null) this.#finish(connection, running);
  }

  #whyNot(connection: SourceConnection, scrub: Scrub): string | null {
    const { oldestPendingMs, pendingRepairs } = connection;
    const { settings, round } = scrub;
    const nowMs = Date.now();
    if (settings === null) return "it is off";
    const { window } = settings;
    if (window !== null && !isScrubTime(settings, nowMs)) return `its window from ${window.open} to ${window.close} is closed`;
    if (round === null && nextRoundMs(scrub) > nowMs) return "the next round is not due yet";
    const why = this.#options.jobs.whyNotNow(connection);
    if (why !== null) return why;
    if (pendingRepairs > 0) return "what may differ is being repaired";
    return oldestPendingMs !== null && nowMs - oldestPendingMs > BUSY_LAG_MS ? "changes are on their way, and go first" : null;
  }

  #start(connection: SourceConnection, scrub: Scrub): void {
    const { jobs, log } = this.#options;
    const { settings } = scrub;
    if (settings === null) return;
    const options = { content: "all", repair: settings.repair, orphans: null } as const;
    const job = jobs.openScrub(connection, options, scrub.round?.job ?? null);
    const startedAt = new Date().toISOString();
    const position = scrub.round?.position ?? null;
    const { id: jobId } = job.report;
    const round: ScrubRound =
      scrub.round === null ? { startedAt, job: jobId, position, bytes: 0, bytesTotal: 0, isWhole: true } : { ...scrub.round, job: jobId };
    this.#keep(connection, { ...scrub, round, lastStart: round.startedAt }, true);
    const places = { position, told: position, seen: null, settling: null };
    this.#running.set(connection.id, { job, waitsFor: null, ...places, savedMs: performance.now(), isWhole: round.isWhole });
    connection.options.feed.send({ kind: "scrub", connectionId: connection.id, jobId, options, bytesPerSecond: settings.bytesPerSecond, start: position });
    const { bytesPerSecond } = settings;
    logEvent(log, scrub.round === null ? "scrubStarted" : "scrubResumed", { connection: connection.id, job: jobId }, { bytesPerSecond });
  }

  /** What the source worker says about a connection. */
  takeEvent(connectionId: number, event: SourceEvent): void {
    const running = this.#running.get(connectionId);
    if (running === undefined) return;
    if (event.kind === "state" && event.state === "Arming") {
      this.#halt(this.#options.connection(connectionId), "the source began anew");
      return;
    }
    // Before one that a person decided on, the worker forgot all that it was at for this connection.
    if (event.kind === "mirrorStarted") this.#halt(this.#options.connection(connectionId), "a mirror of the connection began");
    const isIts = (event.kind === "verifyProgress" || event.kind === "verifyEnded") && event.jobId === running.job.report.id;
    if (!isIts) return;
    running.isWhole &&= event.isWhole;
    if (event.kind === "verifyProgress") running.told = event.position ?? running.told;
    if (running.job.take(event)) this.#options.jobs.keepScrub(running.job.report, false);
  }

  #finish(connection: SourceConnection, { job, isWhole }: Running): void {
    const scrub = scrubOf(connection);
    const { round } = scrub;
    this.#running.delete(connection.id);
    connection.options.feed.send({ kind: "stopScrub", connectionId: connection.id });
    const message = isWhole ? null : "so much was renamed meanwhile that some of it may have been missed: the round does not count";
    job.finish({ ...job.report, status: "Done" });
    this.#options.jobs.keepScrub(job.report, false);
    this.#options.jobs.endScrub(job.report.id, "Done", message);
    if (round === null) return;
    const { differences, counts } = job.report.verify;
    const times = { startedAt: round.startedAt, endedAt: new Date().toISOString() };
    const ended = { ...times, job: round.job, differences, unjudged: counts.unjudged };
    this.#keep(connection, { ...scrub, round: null, lastRound: isWhole ? ended : scrub.lastRound }, true);
  }

  /** Ends it in the source worker, with what it has reached on record: it goes on from there. */
  #halt(connection: SourceConnection, why: string): void {
    const running = this.#running.get(connection.id);
    if (running === undefined) return;
    connection.options.feed.send({ kind: "stopScrub", connectionId: connection.id });
    running.job.report = { ...running.job.report, status: "Waiting", message: why };
    running.job.finish(running.job.report);
    this.#save(connection, running);
    this.#running.delete(connection.id);
  }

  #save(connection: SourceConnection, running: Running): void {
    const scrub = scrubOf(connection);
    if (scrub.round === null) return;
    running.savedMs = performance.now();
    const { position, isWhole, job } = running;
    const { bytes, bytesTotal } = job.report.verify.counts;
    this.#options.jobs.keepScrub(job.report, true);
    this.#keep(connection, { ...scrub, round: { ...scrub.round, position, isWhole, bytes, bytesTotal } }, false);
  }

  #report(connection: SourceConnection): ScrubReport {
    const scrub = scrubOf(connection);
    const counts = this.#running.get(connection.id)?.job.report.verify.counts;
    const round = scrub.round === null || counts === undefined ? scrub.round : { ...scrub.round, bytes: counts.bytes, bytesTotal: counts.bytesTotal };
    return reportScrub({ ...scrub, round }, Date.now());
  }

  /** The connection is no more. */
  forget(id: number): void {
    this.#running.delete(id);
  }

  #keep(connection: SourceConnection, scrub: Scrub, isUrgent: boolean): void {
    connection.keep({ scrub }, isUrgent);
    this.#options.onChange();
  }
}

/** A round that goes on elsewhere begins at what is on record: nothing may be in front of it that is still to be repaired. */
function settle({ pendingRepairs, durableSeq, options }: SourceConnection, running: Running): void {
  const { settling } = running;
  if (settling !== null && durableSeq >= settling.seq) {
    running.position = settling.position;
    running.settling = null;
  }
  // What was told at the look before has told of its repairs by now.
  if (running.settling === null && running.seen !== null && pendingRepairs === 0)
    running.settling = { position: running.seen, seq: options.journal.stats().lastSeq };
  running.seen = running.told;
}

function scrubOf({ record }: SourceConnection): Scrub {
  return record.scrub ?? NO_SCRUB;
}
