import type { VerifyPlanReport, VerifySchedule } from "../../model/verify-schedule.js";
import { formatCount, formatDuration, formatTime } from "./quantities.js";

const CONTENTS = { times: "by size and time", flagged: "contents where size or time differs", all: "all contents" };
const REPAIRS = { no: "only told", all: "repaired", newer: "repaired where newer on the source" };

function formatWhen({ calendar, startAt, everyMs }: VerifySchedule): string {
  const start = startAt === null ? [] : [`from ${formatTime(startAt)}${everyMs === null ? "" : ` every ${formatDuration(everyMs)}`}`];
  return [...(calendar === null ? [] : [`at ${calendar}`]), ...start].join(", ");
}

function formatHow({ content, repair, orphans, catchesUp }: VerifySchedule): string {
  const parts = [CONTENTS[content], `differences ${REPAIRS[repair]}`, ...(orphans === null ? [] : [`orphans: ${orphans.action}`])];
  return [...parts, ...(catchesUp ? ["made up for when it was missed"] : [])].join("; ");
}

/** What is worth a look: lines of a label and a text. */
export function formatVerifyPlan({ schedule, nextRuns, due, lastRun, skipped, lastSkip }: VerifyPlanReport): string[] {
  return [
    `verified        ${schedule === null ? "when it is asked for" : `${formatWhen(schedule)}${schedule.enabled ? "" : "; disabled: not in force"}`}`,
    ...(schedule === null ? [] : [`  how           ${formatHow(schedule)}`]),
    ...(nextRuns.length === 0 ? [] : [`  next          ${nextRuns.map(formatTime).join(", ")}`]),
    ...(due === null ? [] : [`  due           since ${formatTime(due.at)}${due.waitsFor === null ? "" : `: waits, ${due.waitsFor}`}`]),
    ...(lastRun === null ? [] : [`  last          of ${formatTime(lastRun.at)}: job ${lastRun.job}`]),
    ...(lastSkip === null ? [] : [`  skipped       ${formatCount(skipped)}, the last of ${formatTime(lastSkip.at)}: ${lastSkip.why}`]),
  ];
}
