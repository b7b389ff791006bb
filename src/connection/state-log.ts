import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import type { ConnectionRecord } from "./connection-record.js";
import type { ConnectionState } from "./connection-state.js";

export interface LoggedConnection {
  readonly options: { readonly log: Log };
  readonly record: Pick<ConnectionRecord, "id" | "repset" | "peer" | "options">;
  readonly state: ConnectionState;
}

interface Said {
  wasConnected: boolean;
  isReplicating: boolean;
}

/** What was said of each connection in this process. */
const SAID = new WeakMap<LoggedConnection, Said>();

/** Puts a change of state on record. */
export function logState(connection: LoggedConnection, before: ConnectionState): void {
  const { options, record, state: now } = connection;
  const said = SAID.get(connection) ?? { wasConnected: false, isReplicating: false };
  SAID.set(connection, said);
  const names = { connection: record.id, repset: record.repset, target: record.peer };
  const more = { from: before.kind, to: now.kind };
  const { log } = options;
  switch (now.kind) {
    case "connecting":
      logEvent(log, now.attempt > 0 ? "reconnecting" : "connectionAttempt", names, { ...more, attempt: now.attempt });
      break;
    case "streaming":
      logEvent(log, said.wasConnected ? "reconnected" : "connected", names, more);
      said.wasConnected = true;
      break;
    case "backingOff":
      logEvent(
        log,
        before.kind === "streaming" ? "connectionLost" : "connectFailed",
        { ...names, reason: now.fault.message },
        { ...more, code: now.fault.code },
      );
      break;
    case "halted": {
      const isRefused = before.kind === "connecting" && before.attempt > 0;
      logEvent(log, isRefused ? "reconnectFailed" : "connectionHalted", { ...names, reason: now.fault.message }, { ...more, code: now.fault.code });
      break;
    }
    case "held":
      logEvent(log, "connectionHeld", names, more);
      break;
    case "stopped":
      log.debug(`connection ${record.id} stopped`, more);
  }
  logReplication(log, said, now, { ...names, replicates: record.options.replicate });
}

/** Replication was stopped, or started. */
export function logSwitch(connection: LoggedConnection): void {
  const { options, record, state } = connection;
  const said = SAID.get(connection) ?? { wasConnected: false, isReplicating: false };
  SAID.set(connection, said);
  const names = { connection: record.id, repset: record.repset, target: record.peer };
  logReplication(options.log, said, state, { ...names, replicates: record.options.replicate });
}

/** A link that is lost is made again by itself: replication goes on all the while. */
function logReplication(
  log: Log,
  said: Said,
  now: ConnectionState,
  { replicates, ...names }: { connection: number; repset: string; target: string; replicates: boolean },
): void {
  const goesOn = said.isReplicating && (now.kind === "connecting" || now.kind === "backingOff");
  const isReplicating = replicates && (now.kind === "streaming" || goesOn);
  if (isReplicating === said.isReplicating) return;
  said.isReplicating = isReplicating;
  logEvent(log, isReplicating ? "replicationStarted" : "replicationStopped", names);
}
