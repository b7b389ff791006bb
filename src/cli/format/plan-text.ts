import { isJobOver, type PlanJobReport } from "../../model/job.js";
import type { MirrorWish } from "../../model/mirror-wish.js";
import type { OrphanSums } from "../../model/orphan-sums.js";
import { PLAN_ACTIONS, type PlanAction, type PlanPart, type PlanReport, type RulePlan } from "../../model/plan.js";
import { oneLine } from "./printable.js";
import { formatBytes, formatCount, formatPercent, formatTime } from "./quantities.js";
import { indent } from "./reason-text.js";
import { formatRepset, formatRule } from "./repset-text.js";

const WHAT: Readonly<Record<PlanAction, string>> = {
  create: "created on the target",
  overwrite: "overwritten",
  relink: "made a further name of a file that is there",
  attributes: "given other attributes only",
  leaveAlone: "left alone",
  delete: "deleted on the target",
  stay: "only on the target, and stay there",
};

export function formatPlan({ id, status, percent, message, repset, target, startedAt, finishedAt, plan }: PlanJobReport): string {
  const { counts, parts } = plan;
  const lines = [
    ...(isJobOver({ status }) ? [deletionText(parts.delete, target)] : []),
    ...PLAN_ACTIONS.flatMap((action) => partText(parts[action], action === "leaveAlone" ? leftText(plan.wish) : WHAT[action])),
    `${formatCount(counts.files)} files (${formatBytes(counts.bytes)}) and ${formatCount(counts.directories)} directories compared`,
    ...(counts.unjudged > 0 ? [`${formatCount(counts.unjudged)} changed each time they were looked at: nothing is said of them`] : []),
    ...(counts.uncounted > 0 ? [`${formatCount(counts.uncounted)} could not be looked into on the target: there may be more below them`] : []),
    `each directory is told as it was at one moment between ${formatTime(startedAt)} and ${formatTime(finishedAt ?? new Date().toISOString())}; nothing was changed`,
  ];
  const head = `job ${id}: plan of a ${wishText(plan.wish)} of ${repset} on ${target}: ${status} ${formatPercent(percent)}${message === null ? "" : ` (${message})`}`;
  return [head, ...indent(lines, 2)].join("\n");
}

function leftText({ skipsEmpty, newerOnly, missingOnly }: MirrorWish): string {
  const kept = "not older on the target";
  if (skipsEmpty !== true) return `left alone: ${kept}`;
  return newerOnly || missingOnly === true ? `left alone: empty, or ${kept}` : "left out: empty on the source";
}

/** In a few words: what would be sent, and what would go. */
export function planFigure({ parts }: PlanReport): string {
  const sent = parts.create.files + parts.overwrite.files;
  const gone = parts.delete.files + parts.delete.directories;
  return `${formatCount(sent)} to send${gone > 0 ? `, ${formatCount(gone)} to delete` : ""}`;
}

export function deletionText(sums: OrphanSums, target: string): string {
  if (sums.files + sums.directories === 0) return `this will delete nothing on ${target}`;
  return `this will delete ${formatCount(sums.files)} files (${formatBytes(sums.bytes)}) and ${formatCount(sums.directories)} directories on ${target}`;
}

export function formatRulePlan({ repset, dropped, included, excluded, problems, connections }: RulePlan): string {
  const nothing = included.files + included.directories + excluded.files + excluded.directories === 0;
  return [
    `dry run, nothing is saved: ${formatRepset(repset)}`,
    ...dropped.map(({ rule, reason }) => `would be dropped: ${formatRule(rule)}: ${reason}`),
    ...partText(included, "would belong to the set"),
    ...partText(excluded, "would not belong to the set any more"),
    ...(nothing ? ["nothing that is there now changes sides"] : []),
    ...(problems > 0 ? [`${formatCount(problems)} directories could not be read`] : []),
    ...connections.flatMap(({ id, target }) => consequences(id, target, { included, excluded })),
  ].join("\n");
}

/** What the saving does to a connection today: see RepsetSource. */
function consequences(id: number, target: string, { included, excluded }: Pick<RulePlan, "included" | "excluded">): string[] {
  return [
    `connection ${id} to ${target}: with the save the set is scanned anew, and a difference mirror of it begins by itself`,
    ...(included.files + included.directories > 0
      ? [
          `  what would belong to the set is compared with what ${target} has there, and sent where it differs`,
          `  what only ${target} has there stays, unless replication put it there when the set had it before: that is deleted`,
        ]
      : []),
    ...(excluded.files + excluded.directories > 0
      ? [
          `  this will delete nothing of it on ${target}: the copies stay as they are, and are not brought up to date any more`,
          `  they go, or move, with a directory of the set above them that is removed, or renamed, on the source`,
        ]
      : []),
  ];
}

function partText({ files, directories, bytes, names }: PlanPart, what: string): string[] {
  if (files + directories === 0) return [];
  return [
    `${formatCount(files)} files (${formatBytes(bytes)}) and ${formatCount(directories)} directories ${what}${names.length > 0 ? ":" : ""}`,
    ...indent(names.map(oneLine), 2),
  ];
}

function wishText({ mode, content, newerOnly, missingOnly, skipsEmpty, paths }: MirrorWish): string {
  const limits = [missingOnly === true ? "overwriting nothing" : null, skipsEmpty === true ? "without empty files" : null];
  const terms = [mode, content === "times" ? null : content, newerOnly ? "newer only" : null, ...limits].filter((term) => term !== null).join(", ");
  return `${terms} mirror${paths === undefined ? "" : ` of ${oneLine(paths.join(", "))}`}`;
}
