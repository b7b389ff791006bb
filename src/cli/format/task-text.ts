import { programText, runText, type TaskReport } from "../../model/task.js";
import { formatTable } from "./table.js";

export function formatTasks(tasks: readonly TaskReport[]): string {
  if (tasks.length === 0) return "no tasks";
  return formatTable(tasks, [
    { header: "CONN", align: "right", cell: ({ connectionId }) => String(connectionId) },
    { header: "TASK", align: "right", cell: ({ number }) => String(number) },
    { header: "NAME", cell: ({ name }) => name },
    { header: "STATE", cell: stateOf },
    { header: "QUEUED", cell: ({ queuedAt }) => queuedAt.slice(0, 19).replace("T", " ") },
    { header: "WHY", cell: ({ why }) => why },
  ]);
}

function stateOf({ state, outcome }: TaskReport): string {
  return outcome ?? state;
}

export function formatTask(task: TaskReport): string {
  const { connectionId, number, name, why, runs, seq, queuedAt, endedAt, timeoutMs, onQueue, onTransmit, onReceive, onExecute } = task;
  const programs = Object.entries({ onqueue: onQueue, ontransmit: onTransmit, onreceive: onReceive, onexecute: onExecute });
  return [
    `task ${number} of connection ${connectionId}: ${name}`,
    `  state       ${stateOf(task)}${why === "" ? "" : `: ${why}`}`,
    `  place       ${seq === null ? "none" : `change set ${seq}`}`,
    `  queued      ${queuedAt}`,
    ...(endedAt === null ? [] : [`  ended       ${endedAt}`]),
    `  timeout     ${timeoutMs === null ? "none" : timeoutMs === 0 ? "not waited for" : `${timeoutMs / 1000} s`}`,
    ...programs.flatMap(([when, program]) => (program === null ? [] : [`  ${when.padEnd(11)} ${programText(program)}`])),
    ...runs.flatMap((run) => [
      `  ${runText(run)}`,
      ...run.output
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => `    | ${line}`),
    ]),
  ].join("\n");
}
