import { isJobOver, type JobReport, type VerifyJobReport } from "../../model/job.js";
import { formatOrphans } from "./orphans-text.js";
import { formatPlan, planFigure } from "./plan-text.js";
import { formatBytes, formatCount, formatPercent, formatTime } from "./quantities.js";
import { indent } from "./reason-text.js";
import { formatRestore } from "./restore-text.js";
import { type Column, formatTable, LINE_WIDTH } from "./table.js";

const WHY = {
  missing: "missing on the target",
  type: "of another type",
  content: "content differs",
  attr: "attributes differ",
  link: "hard links differ",
  extra: "not on the source",
};

export function formatJobList(jobs: readonly JobReport[], lineWidth = LINE_WIDTH): string {
  if (jobs.length === 0) return "no jobs; start one with `sm verify start CONN` or `sm orphans start CONN`";
  const columns: readonly Column<JobReport>[] = [
    { header: "JOB", align: "right", cell: ({ id }) => String(id) },
    { header: "KIND", cell: ({ kind }) => kind },
    { header: "CONN", align: "right", cell: ({ connectionId }) => String(connectionId) },
    { header: "SET", yields: 1, cell: ({ repset }) => repset },
    { header: "TARGET", yields: 1, cell: ({ target }) => target },
    { header: "STATUS", cell: ({ status }) => status },
    { header: "DONE", align: "right", cell: ({ percent }) => formatPercent(percent) },
    { header: "FOUND", cell: jobFigure },
    { header: "STARTED", yields: 2, cell: ({ startedAt }) => formatTime(startedAt) },
  ];
  return formatTable(jobs, columns, lineWidth);
}

/** What it found, in a few words. */
export function jobFigure(job: JobReport): string {
  if (job.kind === "verify") return `${formatCount(job.verify.differences)} differences`;
  if (job.kind === "restore") return `${formatCount(job.restore.counts.filesDone)} files, ${formatBytes(job.restore.counts.bytesDone)}`;
  if (job.kind === "plan") return planFigure(job.plan);
  const { files, directories } = job.orphans.counts.found;
  return `${formatCount(files + directories)} orphans`;
}

export function formatJob(job: JobReport): string {
  if (job.kind === "restore") return formatRestore(job);
  if (job.kind === "plan") return formatPlan(job);
  return job.kind === "verify" ? formatVerify(job) : formatOrphans(job);
}

function formatVerify({ id, startedBy, status, percent, message, repset, target, verify }: VerifyJobReport): string {
  const { counts, differences, findings, logFile, orphans, orphansJob } = verify;
  const shown = findings.map(({ path, why, differingBytes, isRepaired }) => {
    const bytes = differingBytes === null ? "" : ` in ${formatBytes(differingBytes)}`;
    return `${path}: ${WHY[why]}${bytes}${isRepaired ? ", sent again" : ""}`;
  });
  const lines = [
    `${formatCount(counts.files)} files (${formatBytes(counts.bytes)}) and ${formatCount(counts.directories)} directories compared`,
    `${formatCount(differences)} differences: ${formatCount(counts.filesMissing + counts.directoriesMissing)} missing, ${formatCount(counts.filesDifferent + counts.directoriesDifferent)} different, ${formatCount(counts.extras)} not on the source`,
    ...(counts.repaired > 0 ? [`${formatCount(counts.repaired)} sent again`] : []),
    ...(counts.unjudged > 0 ? [`${formatCount(counts.unjudged)} changed each time they were looked at: nothing is said of them`] : []),
    ...shown,
    ...(findings.length < differences && isJobOver({ status }) ? [`and ${formatCount(differences - findings.length)} more`] : []),
    `log: ${logFile}`,
    ...(orphans === null ? [] : [`orphans (${orphans.action}): ${orphansJob === null ? "at its end" : `job ${orphansJob}`}`]),
  ];
  const head = `job ${id}: ${startedBy === "scrub" ? "scrub" : startedBy === "schedule" ? "scheduled verification" : "verification"} of ${repset} on ${target}: ${status} ${formatPercent(percent)}${message === null ? "" : ` (${message})`}`;
  return [head, ...indent(lines, 2)].join("\n");
}
