// Verifications that begin by a schedule: looks at each connection once a second, and says what is in the way of one that is due.
//   plan (connection record) ─▶ look ─▶ due ─▶ nothing in its way? ─▶ job

import { SmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import type { SourceConnection } from "../connection/source-connection.js";
import type { JobReport } from "../model/job.js";
import { contradictionInOrphans } from "../model/orphans.js";
import { changeVerifySchedule, lookAtPlan, reportPlan } from "../model/verify-plan.js";
import { NO_VERIFY_PLAN, type VerifyPlan, type VerifyPlanReport, type VerifySchedule, type VerifyScheduleChange } from "../model/verify-schedule.js";
import type { JobService } from "./job-service.js";

export interface VerifySchedulesOptions {
  /** Throws NOT_FOUND. */
  readonly connection: (id: number) => SourceConnection;
  readonly jobs: Pick<JobService, "beginVerify" | "whyNotNow" | "isRunning" | "wasInterrupted">;
  readonly onChange: () => void;
  readonly log: Log;
}

const RUNS_SHOWN = 5;

export class VerifySchedules {
  readonly #options: VerifySchedulesOptions;
  /** Looked at by this process. */
  readonly #known = new Set<number>();

  constructor(options: VerifySchedulesOptions) {
    this.#options = options;
  }

  show(id: number): VerifyPlanReport {
    return reportPlan(planOf(this.#options.connection(id)), Date.now(), RUNS_SHOWN);
  }

  /** Null takes the schedule away. */
  set(id: number, change: VerifyScheduleChange | null): VerifyPlanReport {
    const connection = this.#options.connection(id);
    const plan = planOf(connection);
    const schedule = change === null ? null : changeVerifySchedule(plan.schedule, change);
    if (schedule !== null) refuseSchedule(schedule, change);
    const nowMs = Date.now();
    this.#keep(connection, { ...plan, schedule, seenMs: nowMs, due: schedule?.enabled === true ? plan.due : null }, true);
    this.#known.add(id);
    logEvent(this.#options.log, "verifyScheduled", { connection: id }, { schedule });
    return this.show(id);
  }

  /** Called about once a second. */
  look(connection: SourceConnection): void {
    const { jobs, log } = this.#options;
    const { id } = connection;
    const isFirst = !this.#known.has(id);
    this.#known.add(id);
    if (isFirst) this.#resume(connection);
    const before = planOf(connection);
    const isRunning = before.lastRun !== null && jobs.isRunning(before.lastRun.job);
    const plan = lookAtPlan(before, { nowMs: Date.now(), isFirst, isRunning });
    if (plan !== before) this.#keep(connection, plan, true);
    const skipped = plan.skipped - before.skipped;
    if (skipped > 0) logEvent(log, "verifySkipped", { connection: id, count: skipped }, { ...plan.lastSkip });
    if (plan.due !== null) this.#begin(connection, plan, plan.due);
  }

  /** One that ran when the agent ended is made up for as one that was missed is. */
  #resume(connection: SourceConnection): void {
    const plan = planOf(connection);
    const { lastRun, schedule, due } = plan;
    if (lastRun === null || due !== null || schedule?.enabled !== true || !schedule.catchesUp) return;
    if (this.#options.jobs.wasInterrupted(lastRun.job)) this.#keep(connection, { ...plan, due: { at: lastRun.at, waitsFor: null } }, true);
  }

  #begin(connection: SourceConnection, plan: VerifyPlan, due: NonNullable<VerifyPlan["due"]>): void {
    const { jobs, log } = this.#options;
    const { schedule } = plan;
    if (schedule === null) return;
    const waitsFor = jobs.whyNotNow(connection);
    if (waitsFor !== null) {
      if (waitsFor === due.waitsFor) return;
      this.#keep(connection, { ...plan, due: { ...due, waitsFor } }, false);
      logEvent(log, "verifyWaits", { connection: connection.id, reason: waitsFor }, { at: due.at });
      return;
    }
    const { content, repair, orphans } = schedule;
    const job = jobs.beginVerify(connection, { content, repair, orphans }, "schedule");
    this.#keep(connection, { ...plan, due: null, lastRun: { at: due.at, job: job.id } }, true);
  }

  /** A job was cut short, not by a person: one that the schedule began is begun again. */
  cut({ id, connectionId, message }: JobReport): void {
    const connection = this.#options.connection(connectionId);
    const plan = planOf(connection);
    const { lastRun, schedule, due } = plan;
    if (lastRun?.job !== id || schedule?.enabled !== true || due !== null) return;
    this.#keep(connection, { ...plan, due: { at: lastRun.at, waitsFor: message } }, true);
  }

  forget(id: number): void {
    this.#known.delete(id);
  }

  #keep(connection: SourceConnection, verifyPlan: VerifyPlan, isUrgent: boolean): void {
    connection.keep({ verifyPlan }, isUrgent);
    this.#options.onChange();
  }
}

function planOf({ record }: SourceConnection): VerifyPlan {
  return record.verifyPlan ?? NO_VERIFY_PLAN;
}

function refuseSchedule({ startAt, everyMs, calendar, orphans }: VerifySchedule, change: VerifyScheduleChange | null): void {
  const isPast = typeof change?.startAt === "string" && Date.parse(change.startAt) <= Date.now();
  if (isPast && everyMs === null && calendar === null) throw new SmError("USAGE", `the start ${startAt} is in the past: \`sm verify start\` begins one now`);
  const contradiction = orphans === null ? null : contradictionInOrphans(orphans);
  if (contradiction !== null) throw new SmError("USAGE", contradiction);
}
