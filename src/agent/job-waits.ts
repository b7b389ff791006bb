// Why no job of a connection moves, whatever it does.

import { retryReason } from "../connection/retry-reason.js";
import type { SourceConnection } from "../connection/source-connection.js";
import { transmissionReasons } from "../connection/transmission-report.js";

export type WaitingConnection = Pick<SourceConnection, "id" | "record" | "state" | "channel" | "guard" | "transmission" | "options" | "retrying" | "stall">;

/** Null = nothing keeps them. */
export function whyJobsWait(connection: WaitingConnection, nowMs: number): string | null {
  const { id, guard, state } = connection;
  if (guard.isHeld || guard.isRejected) return `connection ${id} is held until a person decides (\`sm connection show ${id}\`)`;
  if (state.kind === "halted") return `connection ${id} is halted: ${state.fault.message}`;
  const [reason] = transmissionReasons(connection, nowMs);
  if (reason !== undefined) return reason.command === null ? reason.message : `${reason.message} (\`${reason.command}\`)`;
  if (connection.channel === null) return "the target is not connected";
  // What a job asks stands in line behind what the target cannot carry out.
  const stuck = retryReason(connection.retrying, "") ?? connection.stall.reason;
  if (stuck === null) return null;
  return `the target of connection ${id} does not go on: ${stuck.message}`;
}
