import { ERRORS } from "../../base/errors.js";
import type { MirrorReport } from "../../model/status.js";
import type { AgentApi } from "../agent-api.js";
import type { Progress } from "./progress.js";
import { StuckLook } from "./stuck-look.js";

const REFRESH_MS = 500;

export interface MirrorWait {
  readonly api: AgentApi;
  readonly id: number;
  readonly mirror: MirrorReport;
  readonly timeoutMs: number;
  readonly progress: Progress;
}

/** The report of the mirror when it has ended, or of the moment when the time is over. */
export async function waitForMirror(wait: MirrorWait): Promise<MirrorReport> {
  const deadline = performance.now() + wait.timeoutMs;
  let { mirror } = wait;
  const stuck = new StuckLook(wait.api, `mirror ${mirror.id} of connection ${wait.id}`, wait.timeoutMs);
  wait.progress.update(mirror);
  for (;;) {
    const leftMs = deadline - performance.now();
    // Another id is a later mirror, begun since: this one is over.
    const goesOn = mirror.outcome === "running" || (mirror.outcome === "done" && mirror.sweep?.state === "waiting");
    if (!goesOn || mirror.id !== wait.mirror.id || leftMs <= 0) return mirror;
    const timeoutMs = Math.ceil(Math.min(REFRESH_MS, leftMs));
    mirror = (await wait.api.call("mirror.wait", { id: wait.id, mirrorId: wait.mirror.id, timeoutMs })).mirror;
    wait.progress.update(mirror);
    await stuck.look(wait.id);
  }
}

/** 0 done, 4 failed, 5 done with problems or stopped before its end, 6 still running. */
export function mirrorExitCode(mirror: MirrorReport): number {
  switch (mirror.outcome) {
    case "running":
      return ERRORS.TIMEOUT.exitCode;
    case "failed":
      return ERRORS.APPLY_FAILED.exitCode;
    case "stopped":
      return 5;
    default:
      if (mirror.sweep?.state === "waiting") return ERRORS.TIMEOUT.exitCode;
      return mirror.problemCount > 0 ? 5 : 0;
  }
}
