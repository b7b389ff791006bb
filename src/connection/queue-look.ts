// What waits to be sent on a connection, as its schedule looks at it.

import type { Journal } from "../model/journal-port.js";
import type { QueueLook } from "../model/transmission-schedule.js";
import type { ConnectionRecord } from "./connection-record.js";

export interface QueueView {
  readonly record: Pick<ConnectionRecord, "id" | "mirrorNeed" | "options">;
  readonly mirror: { readonly isRunning: boolean; readonly isPaused?: boolean };
  readonly pendingRepairs: number;
  readonly replication: { readonly isNothingWanted: boolean };
  readonly options: { readonly journal: Pick<Journal, "backlog" | "stats">; readonly queueBytesMax?: () => number };
}

export function lookAtQueue({ record, mirror, pendingRepairs, replication, options }: QueueView): QueueLook {
  const { bytes, records } = options.journal.backlog(record.id);
  const { memoryBytes, diskBytes } = options.journal.stats();
  const bytesMax = options.queueBytesMax?.() ?? 0;
  const owesMirror = mirror.isPaused !== true && (mirror.isRunning || record.mirrorNeed?.isAutomatic === true);
  // What is passed over while replication is stopped is not waited for.
  const isEmpty = !owesMirror && pendingRepairs === 0 && (records === 0 || replication.isNothingWanted);
  return { bytes, share: bytesMax > 0 ? Math.min(1, (memoryBytes + diskBytes) / bytesMax) : 0, owesMirror, isEmpty };
}
