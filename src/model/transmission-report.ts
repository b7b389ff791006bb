// What the transmission of a connection, or the pause of a target, looks like from outside.

import type { Reason, TransmitMode } from "./status.js";
import type { BandwidthLimit, LimitRate, PathMeasure, ScheduleChange, TransmissionSchedule, TransmissionSession } from "./transmission.js";

export interface TransmissionReport {
  readonly connectionId: number;
  readonly mode: TransmitMode;
  readonly commitMode: "Real-time" | "Scheduled";
  /** What a person said last, and when (ISO 8601; "" = never anything). */
  readonly manual: "started" | "stopped" | "paused";
  readonly manualSince: string;
  readonly schedule: TransmissionSchedule | null;
  /** The window is open, or there is none. */
  readonly isWindowOpen: boolean;
  readonly session: TransmissionSession | null;
  /** ISO 8601: when a session begins by the clock; null = it does not. */
  readonly nextStart: string | null;
  readonly limit: BandwidthLimit;
  /** The limit that holds now. */
  readonly rateNow: LimitRate | null;
  /** What that is in bytes; null = no limit, or an automatic one that has not measured yet. */
  readonly bytesPerSecondNow: number | null;
  /** What an automatic limit goes by; null = there is none, or it has not measured yet. */
  readonly measured: PathMeasure | null;
  readonly isMeasuring: boolean;
  readonly queuedBytes: number;
  readonly queuedOps: number;
  readonly reasons: readonly Reason[];
}

export interface LimitChange {
  /** What is to hold; null = no limit. */
  readonly rate: LimitRate | null;
  /** Only at these times; null = whenever no time says something else. */
  readonly during: { readonly calendar: string; readonly lastingMs: number } | null;
}

export interface TransmissionControl {
  show(id: number): Promise<TransmissionReport>;
  command(id: number, verb: "start" | "stop" | "pause" | "resume"): Promise<TransmissionReport>;
  /** Null = none any more. */
  setSchedule(id: number, change: ScheduleChange | null): Promise<TransmissionReport>;
  /** Null = none any more; a `calendar` alone takes that time away. */
  setLimit(id: number, change: LimitChange | { readonly clear: string | null }): Promise<TransmissionReport>;
}
