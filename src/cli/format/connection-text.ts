import type { Mapping } from "../../model/connection-spec.js";
import { SIMULATION_WORDS } from "../../model/simulation.js";
import type { ConnectionReport, RepairReport } from "../../model/status.js";
import { formatConsistency } from "./consistency-text.js";
import { formatMirrorLine } from "./mirror-text.js";
import { oneLine } from "./printable.js";
import { formatBytes, formatCount, formatDuration, formatPercent, formatRatio, formatTime } from "./quantities.js";
import { formatProblems, formatReason, indent } from "./reason-text.js";
import { formatScrub } from "./scrub-text.js";
import { type Column, formatTable, LINE_WIDTH } from "./table.js";
import { formatVerifyPlan } from "./verify-plan-text.js";

export function formatConnectionList(connections: readonly ConnectionReport[], lineWidth = LINE_WIDTH): string {
  if (connections.length === 0) return "no connections; make one with `sm connect SET TARGET --map SOURCE=TARGET`";
  const columns: readonly Column<ConnectionReport>[] = [
    { header: "CONN", align: "right", cell: ({ id }) => String(id) },
    { header: "SET", yields: 1, cell: ({ repset }) => repset },
    { header: "TARGET", yields: 1, cell: ({ target }) => target },
    { header: "STATE", cell: ({ state }) => state },
    { header: "DATA", cell: ({ targetDataState }) => targetDataState },
    { header: "MIRROR", align: "right", cell: ({ mirror }) => (mirror.status === "Idle" ? "Idle" : formatPercent(mirror.percent)) },
    { header: "QUEUE", align: "right", cell: ({ queuedOps }) => formatCount(queuedOps) },
    { header: "LAG", align: "right", cell: ({ lagMs }) => formatDuration(lagMs) },
  ];
  return formatTable(connections, columns, lineWidth);
}

export function queueBytes(connection: ConnectionReport): number {
  return connection.intermediateQueueBytes + connection.diskQueueBytes;
}

function formatSent({ sentBytes, sentCompressedBytes }: ConnectionReport): string {
  return `${formatBytes(sentBytes)}, ${formatBytes(sentCompressedBytes)} on the wire (${formatRatio(sentBytes, sentCompressedBytes)})`;
}

function formatCompression({ compression, compressionInUse }: ConnectionReport): string {
  if (compressionInUse === null || compressionInUse === compression) return compression;
  return `${compressionInUse}: the target does not read ${compression}`;
}

function formatSockets({ sockets }: ConnectionReport): string {
  return sockets === null ? "–" : `${sockets.open}: ${sockets.why}`;
}

/** Said whether it is connected or not. */
function addressOf({ isSimulated, targetAddress }: ConnectionReport): string {
  return isSimulated ? SIMULATION_WORDS : targetAddress;
}

function formatMapping({ isSimulated }: ConnectionReport, { source, target }: Mapping): string {
  return oneLine(isSimulated ? `${source} → nowhere` : `${source} → ${target}`);
}

/** The block of one connection in a status. */
export function formatConnectionLines(connection: ConnectionReport): string[] {
  const { mirror } = connection;
  return [
    `${connection.id}  ${connection.repset} → ${connection.target} (${addressOf(connection)})  ${connection.state}`,
    ...connection.mappings.map((mapping) => `   ${formatMapping(connection, mapping)}`),
    `   data ${connection.targetDataState}, target ${connection.targetStatus}, transmit ${connection.transmitMode}`,
    `   mirror ${formatMirrorLine(mirror)}`,
    ...(connection.repair.pending > 0 ? [`   repair ${formatRepair(connection.repair)}`] : []),
    `   replication ${connection.replicationStatus}, queue ${formatCount(connection.queuedOps)} ops, ${formatBytes(queueBytes(connection))}, lag ${formatDuration(connection.lagMs)}`,
    `   sent ${formatSent(connection)}, compression ${formatCompression(connection)}`,
    ...(connection.isSimulated ? [] : [`   consistent ${formatConsistency(connection.consistency)}`]),
    ...indent(connection.reasons.flatMap(formatReason), 3),
    ...(connection.problemCount > 0 ? [`   ${formatCount(connection.problemCount)} problems: see \`sm connection show ${connection.id}\``] : []),
  ];
}

function formatGuard({ state, lostPercent, lostFiles, changedPercent, crossed, lost, changed, files, fromSeq }: ConnectionReport["guard"]): string {
  if (state === "off") return "off";
  if (state === "watching") {
    const limits = [
      ...(lostPercent === null ? [] : [`${lostPercent} % of the files are lost`]),
      ...(lostFiles === null ? [] : [`more than ${formatCount(lostFiles)} files are lost`]),
      ...(changedPercent === null ? [] : [`${changedPercent} % are overwritten`]),
    ];
    return `holds when ${limits.join(", or ")} at once`;
  }
  const what =
    crossed === "changed"
      ? `${formatCount(changed)} of ${formatCount(files ?? 0)} files overwritten`
      : `${formatCount(lost)} of ${formatCount(files ?? 0)} files lost`;
  return `${state} from change set ${fromSeq ?? 0} on: ${what}`;
}

function formatRepair({ pending, places, files, bytes, since }: RepairReport): string {
  if (pending === 0) return "nothing to repair";
  const what = `${formatCount(pending)} places`;
  return places === 0 ? what : `${what} (${formatCount(files)} files, ${formatBytes(bytes)} of changes), since ${since === null ? "–" : formatTime(since)}`;
}

export function formatConnection(connection: ConnectionReport): string {
  const lines = [
    `set             ${connection.repset}`,
    `target          ${connection.target} (${addressOf(connection)})`,
    ...connection.mappings.map((mapping) => `map             ${formatMapping(connection, mapping)}`),
    `state           ${connection.state}`,
    `data            ${connection.targetDataState}`,
    `target status   ${connection.targetStatus}`,
    `transmit        ${connection.transmitMode}, ${connection.commitMode}`,
    `connected since ${connection.connectedSince === null ? "–" : formatTime(connection.connectedSince)}`,
    `mirror          ${formatMirrorLine(connection.mirror)}`,
    `repair          ${formatRepair(connection.repair)}`,
    `replication     ${connection.replicationStatus}`,
    `queue           ${formatCount(connection.queuedOps)} ops; ${formatBytes(connection.intermediateQueueBytes)} in memory, ${formatBytes(connection.diskQueueBytes)} on disk`,
    `sent            ${formatSent(connection)}`,
    `compression     ${formatCompression(connection)}`,
    `sockets         ${formatSockets(connection)}`,
    `change sets     ${connection.lastSeq} made, ${connection.appliedSeq} applied, ${connection.durableSeq} durable`,
    `lag             ${formatDuration(connection.lagMs)}`,
    ...(connection.isSimulated ? [] : [`consistent      ${formatConsistency(connection.consistency)}`]),
    `guard           ${formatGuard(connection.guard)}`,
    ...formatVerifyPlan(connection.verifyPlan),
    ...formatScrub(connection.scrub),
    `last file       ${connection.lastFileTouched === "" ? "–" : oneLine(connection.lastFileTouched)}`,
    ...connection.reasons.flatMap(formatReason),
    ...formatProblems(connection.problems, connection.problemCount),
  ];
  return [`connection ${connection.id}`, ...indent(lines, 2)].join("\n");
}
