import type { Reason } from "../model/status.js";
import type { HookWait } from "./hook-duty.js";

/** Why a mirror has not begun; null = no hook holds it. */
export function hookReason(wait: HookWait | null, connectionId: number): Reason | null {
  if (wait === null) return null;
  return {
    code: "HOOK_RUNNING",
    message: `the mirror waits for hook ${wait.name}${wait.until === null ? ", which waits for others" : ""}`,
    object: `connection ${connectionId}`,
    since: wait.since,
    next: "it begins when the hook has ended, which is ended itself when its time is over; replication goes on",
    nextAt: wait.until,
    command: `sm mirror stop ${connectionId}`,
  };
}
