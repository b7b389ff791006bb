// What a target cannot write now, or is stuck in, in words: the same on both sides.

import type { Retrying } from "../model/session.js";
import type { Reason } from "../model/status.js";

/** `where`: what is named when no path is known. */
export function retryReason(retrying: Retrying | null, where: string): Reason | null {
  if (retrying === null) return null;
  const { code, message, path, sinceMs, attempts } = retrying;
  const isStalled = code === "STALLED";
  const isTask = code === "TASK_RUNNING";
  return {
    code,
    message,
    object: path === "" ? where : path,
    since: new Date(sinceMs).toISOString(),
    next: isStalled
      ? "the target goes on by itself when the call returns; if not, look at its volume and its system log, then restart the agent there: nothing is lost"
      : isTask
        ? "the target goes on when the program has ended, or its time is over"
        : `the target tries again (attempt ${attempts}); everything after it waits in order`,
    nextAt: null,
    command: isStalled ? "sm status" : null,
  };
}
