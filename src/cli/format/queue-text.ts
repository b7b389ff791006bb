import type { ConnectionQueue, QueueLimits, QueueReport, SetQueue } from "../../model/queue.js";
import { formatBytes, formatCount, formatDuration } from "./quantities.js";
import { indent } from "./reason-text.js";

export function formatQueue({ directory, limits, changed, sets }: QueueReport): string {
  return [
    `queue in ${directory}`,
    ...indent(limitLines(limits, changed), 2),
    ...sets.flatMap(setLines),
    ...(sets.length === 0 ? ["nothing is connected: there is no queue"] : []),
  ].join("\n");
}

function limitLines({ memoryMiB, diskMiB, minFreeMiB, alertPercent }: QueueLimits, changed: readonly (keyof QueueLimits)[]): string[] {
  const mark = (name: keyof QueueLimits): string => (changed.includes(name) ? " (set; the configuration says otherwise)" : "");
  return [
    `memory    ${memoryMiB} MiB for each set${mark("memoryMiB")}`,
    `disk      ${diskMiB === null ? "unlimited" : `${diskMiB} MiB for each set`}${mark("diskMiB")}`,
    `min free  ${minFreeMiB} MiB of the volume${mark("minFreeMiB")}`,
    `alert     ${alertPercent === 0 ? "none" : `at ${alertPercent} %`}${mark("alertPercent")}`,
  ];
}

function setLines(set: SetQueue): string[] {
  const full = set.fillPercent === null ? "" : `, ${set.fillPercent.toFixed(set.fillPercent < 10 ? 1 : 0)} % full`;
  const free = set.volumeFreeBytes === null ? "" : `, ${formatBytes(set.volumeFreeBytes)} free on the volume`;
  const alert = set.isAlerting ? "  ALERT" : "";
  return [
    `${set.repset}  ${formatBytes(set.memoryBytes)} in memory, ${formatBytes(set.diskBytes)} on disk in ${formatCount(set.segments)} segments${full}${free}${alert}`,
    ...set.connections.flatMap(connectionLines),
  ];
}

function connectionLines(queue: ConnectionQueue): string[] {
  const { id, target, operations, memoryBytes, diskBytes, oldestMs, drainBytesPerSecond, fillBytesPerSecond, drainSeconds } = queue;
  const age = oldestMs === null ? "" : `, the oldest change is ${formatDuration(oldestMs)} old`;
  const end = operations === 0 ? "empty" : drainSeconds === null ? "it does not shrink" : `empty in ${formatDuration(drainSeconds * 1000)}`;
  return [
    `  ${id} → ${target}  ${formatCount(operations)} operations, ${formatBytes(memoryBytes)} in memory, ${formatBytes(diskBytes)} on disk${age}`,
    `     ${formatBytes(drainBytesPerSecond)}/s leave, ${formatBytes(fillBytesPerSecond)}/s come; ${end}`,
  ];
}
