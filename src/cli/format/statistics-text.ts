import type { ConnectionStatistics, Statistics, TargetStatistics } from "../statistics/statistics.js";
import { formatBytes, formatCount, formatDuration, formatTime } from "./quantities.js";
import { type Column, formatTable, LINE_WIDTH } from "./table.js";

const rate = (bytes: number | null): string => (bytes === null ? "–" : `${formatBytes(bytes)}/s`);

const WHO: readonly Column<ConnectionStatistics>[] = [
  { header: "CONN", align: "right", cell: ({ id }) => String(id) },
  { header: "SET", yields: 2, cell: ({ repset }) => repset },
  { header: "TARGET", yields: 2, cell: ({ target }) => target },
];

const WAITS: readonly Column<ConnectionStatistics>[] = [
  { header: "QUEUE", align: "right", cell: ({ queuedOps }) => formatCount(queuedOps) },
  { header: "BYTES", align: "right", cell: ({ queuedBytes }) => formatBytes(queuedBytes) },
  { header: "LAG", align: "right", cell: ({ lagMs }) => formatDuration(lagMs) },
];

const TOTALS: readonly Column<ConnectionStatistics>[] = [
  ...WHO,
  ...WAITS,
  { header: "SENT", align: "right", cell: ({ sentBytes }) => formatBytes(sentBytes) },
  { header: "ON WIRE", align: "right", cell: ({ sentWireBytes }) => formatBytes(sentWireBytes) },
  { header: "MIRRORED", align: "right", yields: 1, cell: ({ sentMirrorBytes }) => formatBytes(sentMirrorBytes) },
];

const RATES: readonly Column<ConnectionStatistics>[] = [
  ...WHO,
  ...WAITS,
  { header: "SENDS", align: "right", cell: ({ sentBytesPerSecond }) => rate(sentBytesPerSecond) },
  { header: "ON WIRE", align: "right", cell: ({ wireBytesPerSecond }) => rate(wireBytesPerSecond) },
  { header: "SETS/S", align: "right", yields: 1, cell: ({ setsPerSecond }) => (setsPerSecond === null ? "–" : setsPerSecond.toFixed(1)) },
];

const TARGETS: readonly Column<TargetStatistics>[] = [
  { header: "CONN", align: "right", cell: ({ connectionId }) => String(connectionId) },
  { header: "SET", yields: 1, cell: ({ repset }) => repset },
  { header: "SOURCE", yields: 1, cell: ({ source }) => source },
  { header: "RECEIVED", align: "right", cell: ({ receivedBytes }) => formatBytes(receivedBytes) },
  { header: "RECEIVES", align: "right", cell: ({ receivedBytesPerSecond }) => rate(receivedBytesPerSecond) },
];

export function formatStatistics({ at, seconds, connections, targets }: Statistics, lineWidth = LINE_WIDTH): string {
  const head = seconds === null ? `${formatTime(at)}, since the start` : `${formatTime(at)}, over ${formatDuration(seconds * 1000)}`;
  if (connections.length === 0 && targets.length === 0) return `${head}: nothing is connected`;
  return [
    head,
    ...(connections.length === 0 ? [] : [formatTable(connections, seconds === null ? TOTALS : RATES, lineWidth)]),
    ...(targets.length === 0 ? [] : [formatTable(targets, TARGETS, lineWidth)]),
  ].join("\n");
}
