import type { Reason } from "../model/status.js";
import type { ConnectionRecord } from "./connection-record.js";
import { stoppedSince } from "./passed-over.js";
import type { ReplicationSwitch } from "./replication-switch.js";

interface SwitchedView {
  readonly record: ConnectionRecord;
  readonly replication: Pick<ReplicationSwitch, "isOn" | "isEnding" | "isNothingWanted">;
}

/** Null: changes are replicated. */
export function replicationReason({ record, replication }: SwitchedView): Reason | null {
  if (replication.isOn) return null;
  const { id } = record;
  const rest = replication.isNothingWanted ? "" : "; what was queued before is still sent";
  return {
    code: "REPLICATION_STOPPED",
    message: `replication is stopped: what changes on the source is neither queued nor sent${rest}`,
    object: `connection ${id}`,
    since: stoppedSince(record),
    next: "the target stays behind until replication is started, which begins a mirror of what changed meanwhile",
    nextAt: null,
    command: `sm replication start ${id}`,
  };
}
