import type { LimitRate, TransmissionSchedule } from "../../model/transmission.js";
import type { TransmissionReport } from "../../model/transmission-report.js";
import { formatBytes, formatCount, formatDuration, formatTime } from "./quantities.js";
import { formatReason, indent } from "./reason-text.js";

function formatRate(rate: LimitRate | null): string {
  if (rate === null) return "no limit";
  if ("automatic" in rate) return "automatic: 70 % of what the path carries";
  const share = rate.share === null ? "" : ` (${rate.share.percent} % of ${formatBits(rate.share.linkBitsPerSecond)})`;
  return `${formatBytes(rate.bytesPerSecond)}/s${share}`;
}

function formatBits(bitsPerSecond: number): string {
  const [unit, scale] = bitsPerSecond >= 1e9 ? ["Gbit/s", 1e9] : bitsPerSecond >= 1e6 ? ["Mbit/s", 1e6] : ["kbit/s", 1e3];
  return `${Number((bitsPerSecond / scale).toFixed(3))} ${unit}`;
}

function formatSchedule(schedule: TransmissionSchedule, isWindowOpen: boolean): string[] {
  const { startAt, everyMs, calendar, queueBytes, queuePercent, stopAfterMs, stopAfterBytes, window } = schedule;
  const every = everyMs === null ? "" : `, then every ${formatDuration(everyMs)}`;
  return [
    `schedule        ${schedule.enabled ? "enabled" : "disabled: not in force"}`,
    ...(startAt === null ? [] : [`  start         ${formatTime(startAt)}${every}`]),
    ...(calendar === null ? [] : [`  start         at ${calendar}`]),
    ...(queueBytes === null ? [] : [`  start         when ${formatBytes(queueBytes)} are queued`]),
    ...(queuePercent === null ? [] : [`  start         when ${queuePercent} % of the queue are in use`]),
    ...(stopAfterMs === null ? [] : [`  stop          after ${formatDuration(stopAfterMs)}`]),
    ...(stopAfterBytes === null ? [] : [`  stop          after ${formatBytes(stopAfterBytes)}`]),
    ...(window === null ? [] : [`  window        ${window.open} to ${window.close}, local time: ${isWindowOpen ? "open" : "closed"}`]),
  ];
}

/** Of a limit that the agent finds itself. */
function formatMeasure({ rateNow, bytesPerSecondNow, measured, isMeasuring }: TransmissionReport): string[] {
  const isNow = rateNow !== null && "automatic" in rateNow;
  if (measured === null) return isNow ? [`  measured      ${isMeasuring ? "now" : "not yet: no limit until there is enough to send"}`] : [];
  const { bytesPerSecond, at, roundTripMs, fullRoundTripMs } = measured;
  const trips = `round trip ${roundTripMs} ms, ${fullRoundTripMs} ms with the path full`;
  const present =
    isNow && bytesPerSecondNow !== null ? [`  at present    ${formatBytes(bytesPerSecondNow)}/s${isMeasuring ? ", to measure the path" : ""}`] : [];
  return [`  measured      ${formatBytes(bytesPerSecond)}/s at ${formatTime(at)}; ${trips}`, ...present];
}

export function formatTransmission(report: TransmissionReport): string {
  const { schedule, session, limit } = report;
  const running =
    session === null ? [] : [`session         for ${formatDuration(session.elapsedMs)}, ${formatBytes(session.bytes)} sent; began with ${session.why}`];
  const lines = [
    `transmit        ${report.mode}, ${report.commitMode}`,
    ...(schedule === null ? ["schedule        none: sends as soon as possible"] : formatSchedule(schedule, report.isWindowOpen)),
    ...running,
    ...(report.nextStart === null ? [] : [`next start      ${formatTime(report.nextStart)}`]),
    `limit           ${formatRate(limit.standing)}`,
    ...limit.times.map(({ calendar, lastingMs, rate }) => `  at times      ${formatRate(rate)} from ${calendar} for ${formatDuration(lastingMs)}`),
    ...(limit.times.length === 0 ? [] : [`  now           ${formatRate(report.rateNow)}`]),
    ...formatMeasure(report),
    `queue           ${formatCount(report.queuedOps)} ops, ${formatBytes(report.queuedBytes)}`,
    ...report.reasons.flatMap(formatReason),
  ];
  return [`connection ${report.connectionId}`, ...indent(lines, 2)].join("\n");
}
