import { ERRORS } from "../../base/errors.js";
import type { TaskReport } from "../../model/task.js";
import type { AgentApi } from "../agent-api.js";

const POLL_MS = 20_000;

/** The task when it has ended, or as it is when the time is over. */
export async function waitForTask(api: AgentApi, first: Pick<TaskReport, "connectionId" | "number">, timeoutMs: number): Promise<TaskReport> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const leftMs = Math.max(0, deadline - performance.now());
    const input = { id: first.connectionId, task: first.number, timeoutMs: Math.ceil(Math.min(POLL_MS, leftMs)) };
    const { task } = await api.call("task.wait", input);
    if (task.state === "ended" || leftMs === 0) return task;
  }
}

/** 0 done, 5 it failed or did not run, 6 it has not ended. */
export function taskExitCode({ outcome }: TaskReport): number {
  if (outcome === null) return ERRORS.TIMEOUT.exitCode;
  return outcome === "done" ? 0 : ERRORS.DONE_WITH_PROBLEMS.exitCode;
}
