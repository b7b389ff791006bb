import { ERRORS } from "../../base/errors.js";
import type { TaskReport } from "../../model/task.js";
import type { AgentApi } from "../agent-api.js";
import { StuckLook } from "./stuck-look.js";

const POLL_MS = 5_000;

/** The task when it has ended, or as it is when the time is over. */
export async function waitForTask(api: AgentApi, first: Pick<TaskReport, "connectionId" | "number">, timeoutMs: number): Promise<TaskReport> {
  const deadline = performance.now() + timeoutMs;
  const stuck = new StuckLook(api, `task ${first.number} of connection ${first.connectionId}`, timeoutMs);
  for (;;) {
    const leftMs = Math.max(0, deadline - performance.now());
    const input = { id: first.connectionId, task: first.number, timeoutMs: Math.ceil(Math.min(POLL_MS, leftMs)) };
    const { task } = await api.call("task.wait", input);
    if (task.state === "ended" || leftMs === 0) return task;
    await stuck.look(first.connectionId);
  }
}

/** 0 done, 5 it failed or did not run, 6 it has not ended. */
export function taskExitCode({ outcome }: TaskReport): number {
  if (outcome === null) return ERRORS.TIMEOUT.exitCode;
  return outcome === "done" ? 0 : ERRORS.DONE_WITH_PROBLEMS.exitCode;
}
