// The transmission of a connection in the words of the HP guide pp. 9-1 to 9-4, and why nothing is sent where nothing is.

import type { Journal } from "../model/journal-port.js";
import type { Reason, TransmitMode } from "../model/status.js";
import { type BandwidthLimit, isAutomatic, type TransmissionSchedule } from "../model/transmission.js";
import type { TransmissionReport } from "../model/transmission-report.js";
import { closedWhy, hasStart, isInWindow, nextStartInWindow } from "../model/transmission-schedule.js";
import type { ConnectionRecord } from "./connection-record.js";
import type { ConnectionState } from "./connection-state.js";
import type { Transmission } from "./transmission.js";

export interface TransmissionView {
  readonly record: Pick<ConnectionRecord, "id" | "peer">;
  readonly state: ConnectionState;
  readonly transmission: Transmission;
  readonly options: { readonly journal: Pick<Journal, "backlog"> };
}

export function transmitMode({ state, transmission }: TransmissionView): TransmitMode {
  // The agent stops: nothing is sent, whatever was wished.
  if (state.kind === "stopped") return "Stopped";
  const { manual } = transmission.settings;
  if (manual === "stopped") return "Stopped";
  if (state.kind === "halted") return "Error";
  if (!transmission.isLinkWanted) return "Scheduled";
  if (manual === "paused") return "Paused";
  return state.kind === "streaming" ? "Started" : "Error";
}

export function reportTransmission(c: TransmissionView, nowMs: number): TransmissionReport {
  const { transmission, record, options } = c;
  const { manual, since, schedule, session, limit } = transmission.settings;
  const backlog = options.journal.backlog(record.id);
  const next = schedule?.enabled === true ? nextStartInWindow(schedule, nowMs) : null;
  return {
    connectionId: record.id,
    mode: transmitMode(c),
    commitMode: commitMode(c),
    manual,
    manualSince: since,
    schedule,
    isWindowOpen: schedule === null || isInWindow(schedule, nowMs),
    session,
    nextStart: next === null ? null : new Date(next).toISOString(),
    limit,
    rateNow: transmission.rateNow,
    bytesPerSecondNow: transmission.bytesPerSecond,
    measured: hasAutomatic(limit) ? transmission.automatic.measured : null,
    isMeasuring: transmission.automatic.isMeasuring,
    queuedBytes: backlog.bytes,
    queuedOps: backlog.records,
    reasons: transmissionReasons(c, nowMs),
  };
}

function hasAutomatic({ standing, times }: BandwidthLimit): boolean {
  return [standing, ...times.map(({ rate }) => rate)].some(isAutomatic);
}

export function commitMode({ transmission }: TransmissionView): "Real-time" | "Scheduled" {
  const { schedule } = transmission.settings;
  return schedule?.enabled === true ? "Scheduled" : "Real-time";
}

export function transmissionReasons(c: TransmissionView, nowMs: number): readonly Reason[] {
  return [manualReason(c), scheduleReason(c, nowMs), targetPauseReason(c)].filter((reason) => reason !== null);
}

function manualReason({ transmission, record }: TransmissionView): Reason | null {
  const { manual, since } = transmission.settings;
  if (manual === "started") return null;
  const isStopped = manual === "stopped";
  return {
    code: isStopped ? "TRANSMISSION_STOPPED" : "TRANSMISSION_PAUSED",
    message: isStopped
      ? "transmission was stopped by hand: there is no link to the target"
      : "transmission was paused by hand: the link is kept, nothing is sent",
    object: `connection ${record.id}`,
    since,
    next: `changes are captured and queued until it is ${isStopped ? "started" : "resumed"}`,
    nextAt: null,
    command: `sm transmission ${isStopped ? "start" : "resume"} ${record.id}`,
  };
}

function scheduleReason({ transmission, record }: TransmissionView, nowMs: number): Reason | null {
  const { manual, schedule } = transmission.settings;
  if (manual === "stopped" || transmission.isLinkWanted || schedule === null) return null;
  const { why, nextAtMs } = closedWhy(schedule, nowMs);
  const window = schedule.window === null ? "" : ` from ${schedule.window.open} to ${schedule.window.close}`;
  const messages = {
    window: `the transmission window${window} is closed`,
    start: "the first start of the schedule is still to come",
    waiting: `transmission waits for its schedule${thresholds(schedule)}`,
    over: "the schedule has no further start",
  } as const;
  const isWaitingForQueue = why === "waiting" && nextAtMs === null;
  const nexts = {
    window: hasStart(schedule) ? "a session can begin when the window opens" : "sending goes on when the window opens",
    start: "a session begins",
    waiting: isWaitingForQueue ? "a session begins as soon as that much waits" : "a session begins at the latest",
    over: "nothing is sent until it is started by hand, or scheduled anew",
  } as const;
  return {
    code: "TRANSMISSION_SCHEDULED",
    message: messages[why],
    object: `connection ${record.id}`,
    since: transmission.heldSince,
    next: `changes are captured and queued; ${nexts[why]}`,
    nextAt: nextAtMs === null ? null : new Date(nextAtMs).toISOString(),
    command: why === "window" ? `sm transmission schedule ${record.id} --disable` : `sm transmission start ${record.id}`,
  };
}

function thresholds({ queueBytes, queuePercent }: TransmissionSchedule): string {
  const parts = [queueBytes === null ? null : `${queueBytes} bytes`, queuePercent === null ? null : `${queuePercent} % of the queue`].filter(
    (part) => part !== null,
  );
  return parts.length === 0 ? "" : ` (or until ${parts.join(" or ")} are queued)`;
}

function targetPauseReason({ transmission, record }: TransmissionView): Reason | null {
  const { targetPause, targetPauseSince } = transmission;
  if (targetPause === "no") return null;
  return {
    code: "TARGET_PAUSED",
    message: targetPause === "pending" ? "the target is being paused: it completes what it applies" : "the target was paused: it applies nothing",
    object: `peer ${record.peer}`,
    since: targetPauseSince,
    next: "changes are captured and queued until it is resumed there",
    nextAt: null,
    command: `sm target resume ${record.id}`,
  };
}
