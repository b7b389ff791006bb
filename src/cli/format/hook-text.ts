import type { HookReport } from "../../model/hook.js";
import { endText, programText } from "../../model/task.js";
import { formatTable, LINE_WIDTH } from "./table.js";

export function formatHooks(hooks: readonly HookReport[], lineWidth = LINE_WIDTH): string {
  if (hooks.length === 0) return "no hooks";
  return formatTable(
    hooks,
    [
      { header: "CONN", align: "right", cell: ({ connectionId }) => String(connectionId) },
      { header: "NAME", cell: ({ name }) => name },
      { header: "EVENT", cell: ({ event }) => event },
      { header: "DELAYS", cell: ({ isDelaying, onFailure }) => (isDelaying ? (onFailure === "stop" ? "yes, or stops it" : "yes") : "no") },
      { header: "LAST RUN", yields: 1, cell: lastRunOf },
      { header: "PROGRAM", yields: 2, cell: ({ program }) => programText(program) },
    ],
    lineWidth,
  );
}

function lastRunOf({ isRunning, lastRun }: HookReport): string {
  if (isRunning) return "now";
  return lastRun === null ? "never" : `${lastRun.startedAt.slice(0, 19).replace("T", " ")}: ${endText(lastRun)}`;
}

export function formatHook(hook: HookReport): string {
  const { connectionId, name, event, program, isDelaying, timeoutSeconds, onFailure, lastRun } = hook;
  return [
    `hook ${name} of connection ${connectionId}: ${event}`,
    `  program     ${program.path}`,
    ...program.args.map((word) => `  argument    ${JSON.stringify(word)}`),
    `  delays      ${isDelaying ? "a mirror begins when it has ended" : "no"}`,
    `  time        ${timeoutSeconds} s at most`,
    `  on failure  ${onFailure === "stop" ? "the mirror is not begun" : "the mirror goes on"}`,
    `  last run    ${lastRunOf(hook)}`,
    ...(lastRun?.output ?? "")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => `    | ${line}`),
  ].join("\n");
}
