// The status of a connection in the form known from the field: labels of 34 characters, local time with milliseconds.

import type { ConnectionReport } from "../model/status.js";

const LABEL_WIDTH = 34;

export function statusLines(connection: ConnectionReport): string[] {
  const rows: [string, string | number][] = [
    ["Time established:", connection.connectedSince === null ? "not connected" : momentText(new Date(connection.connectedSince))],
    ["Replication set:", connection.repset],
    ["Target machine:", connection.target],
    ["Target state:", connection.targetDataState],
    ["Mirror bytes transferred:", connection.sentMirrorBytes],
    ["Mirror bytes transmitted:", connection.sentCompressedMirrorBytes],
    ["Mirror bytes in queue:", connection.remainingMirrorBytes],
    ["Replication bytes transferred:", connection.sentReplicationBytes],
    ["Replication bytes transmitted:", connection.sentCompressedReplicationBytes],
    ["Replication bytes in queue:", connection.queuedReplicationBytes],
    // Beyond the known lines, and only where something is not fine.
    ...connection.reasons.map(({ code, message, next }): [string, string] => ["Reason:", `${code}: ${message}; ${next}`]),
  ];
  return [`- Status for connection ${connection.id} -`, ...rows.map(([label, value]) => `${label.padEnd(LABEL_WIDTH)}${value}`)];
}

/** "08/17/2015 13:59:07.473" */
function momentText(at: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${two(at.getMonth() + 1)}/${two(at.getDate())}/${String(at.getFullYear()).padStart(4, "0")}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}
