import type { Log } from "../base/log.js";
import type { ConnectionRecord } from "./connection-record.js";
import type { ConnectionState } from "./connection-state.js";

/** Puts a change of state on record. */
export function logState(log: Log, { id, repset, peer }: ConnectionRecord, before: ConnectionState, now: ConnectionState): void {
  const fields = { connection: id, repset, target: peer, from: before.kind, to: now.kind };
  if ("fault" in now) log.warn(`connection ${now.kind}: ${now.fault.message}`, fields);
  else log.info(`connection ${now.kind}`, fields);
}
