import type { CaptureReport, GoodbyeReport, StatusReport, TargetConnectionReport } from "../../model/status.js";
import { formatConnectionLines } from "./connection-text.js";
import { formatConsistency } from "./consistency-text.js";
import { oneLine } from "./printable.js";
import { formatBytes, formatCount, formatDuration } from "./quantities.js";
import { formatReason, indent } from "./reason-text.js";

export function formatAgent(agent: StatusReport["agent"], nowMs: number): string {
  const upMs = nowMs - new Date(agent.startedAt).getTime();
  return `agent ${agent.name} (sm ${agent.version}), pid ${agent.pid}, listening on ${agent.listen}, up ${formatDuration(upMs)}, ${formatBytes(agent.memoryBytes)} of memory`;
}

function formatCapture(capture: CaptureReport): string[] {
  const { coverage } = capture;
  const walk = coverage.walkSeconds === 0 ? "" : `, walked every ${formatDuration(coverage.walkSeconds * 1000)}`;
  const { audit } = capture;
  const audited =
    audit === null || audit.lastMs === null
      ? ""
      : `, audited ${new Date(audit.lastMs).toISOString()}${audit.missed === 0 ? "" : `: ${formatCount(audit.missed)} changes that no event had told of, replicated since`}`;
  const losses = coverage.losses === 0 ? "" : `, ${formatCount(coverage.losses)} losses repaired`;
  return [
    `${capture.repset}  ${capture.state}  ${formatCount(capture.files)} files, ${formatBytes(capture.bytes)}`,
    `   tier ${coverage.tier} (${coverage.source}): ${coverage.why}`,
    `   ${formatCount(coverage.directoriesWatched)} of ${formatCount(coverage.directoriesTotal)} directories watched${walk}${losses}${audited}`,
    ...coverage.blindSpots.map((spot) => `   blind spot: ${spot}`),
    ...(coverage.advice === null ? [] : [`   advice: ${coverage.advice}`]),
    ...indent(capture.reasons.flatMap(formatReason), 3),
  ];
}

function formatTarget(target: TargetConnectionReport): string[] {
  return [
    `${target.connectionId}  ${target.repset} from ${target.source}  ${target.online ? "online" : "offline"}`,
    ...target.mappings.map(({ source, target: place }) => oneLine(`   ${source} → ${place}`)),
    `   ${formatBytes(target.receivedBytes)} received, change set ${target.appliedSeq} applied, ${target.durableSeq} durable`,
    `   consistent ${formatConsistency(target.consistency)}`,
    ...indent(target.reasons.flatMap(formatReason), 3),
  ];
}

/** Each target with its pause. */
export function formatTargetPauses(targets: readonly TargetConnectionReport[]): string {
  if (targets.length === 0) return "this agent is the target of no connection";
  const words = { no: "not paused", pending: "Pause Pending", paused: "Paused" } as const;
  return targets.map(({ connectionId, repset, source, pause }) => `${connectionId}  ${repset} from ${source}: ${words[pause]}`).join("\n");
}

function formatGoodbye({ connectionId, repset, target, places, reason }: GoodbyeReport): string[] {
  return [`${connectionId}  ${repset} to ${target}`, ...places.map((place) => `   ${oneLine(place)}`), ...indent(formatReason(reason), 3)];
}

function formatConfig({ needsRestart, problems }: StatusReport["config"]): string[] {
  const restart = `${needsRestart.join(", ")}: changed, and in force after a restart of the agent`;
  return [...(needsRestart.length === 0 ? [] : [restart]), ...problems.flatMap((problem) => problem.split("\n"))];
}

function section(title: string, blocks: readonly string[][]): string[] {
  return blocks.length === 0 ? [] : ["", title, ...indent(blocks.flat(), 2)];
}

export function formatStatus(report: StatusReport, nowMs: number): string {
  const { captures, connections, targets, goodbyes } = report;
  const config = formatConfig(report.config);
  const empty = connections.length === 0 && targets.length === 0 && captures.length === 0 && goodbyes.length === 0;
  return [
    formatAgent(report.agent, nowMs),
    ...indent(report.agent.reasons.flatMap(formatReason), 3),
    ...section("configuration", config.length === 0 ? [] : [config]),
    ...section("captures", captures.map(formatCapture)),
    ...section("connections", connections.map(formatConnectionLines)),
    ...section("targets", targets.map(formatTarget)),
    ...section("disconnected, and the target is not told yet", goodbyes.map(formatGoodbye)),
    ...(empty ? ["", "nothing is connected; begin with `sm repset create SET --include PATH`, then `sm connect SET TARGET --map …`"] : []),
  ].join("\n");
}
