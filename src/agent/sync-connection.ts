// Waits until all that is on the source now is on the target, and nothing on it is in doubt.

import { SmError } from "../base/errors.js";
import { delay } from "../base/wait.js";
import { reportConnection } from "../connection/connection-report.js";
import type { SourceConnection } from "../connection/source-connection.js";
import { StuckWatch } from "../model/stuck-connection.js";
import type { RepsetSource } from "./repset-source.js";
import type { StatusBoard } from "./status-board.js";

export interface SyncOptions {
  readonly connection: SourceConnection;
  readonly source: RepsetSource;
  readonly board: StatusBoard;
  readonly timeoutMs: number;
  /** What waits for a person is not waited for. */
  readonly endsWhenStuck: boolean;
}

const PROBE_MS = 100;
const LOOK_MS = 1000;

/** Rejects with TIMEOUT, and the reason, when that takes longer. */
export async function syncConnection({ connection, source, board, timeoutMs, endsWhenStuck }: SyncOptions): Promise<void> {
  const { id } = connection;
  if (connection.record.isSimulated === true) throw new SmError("SIMULATION", `connection ${id} is a simulation: nothing is on a target, now or later`);
  refuseStopped(connection);
  const deadline = performance.now() + timeoutMs;
  const left = (): number => Math.max(0, deadline - performance.now());
  const isOver = Symbol("over");
  const work = async (): Promise<void> => {
    const seq = await source.barrier(id);
    for (;;) {
      await board.until(() => !connection.replication.isOn || (connection.appliedSeq >= seq && isWhole(connection) && !connection.mirror.isRunning), left());
      if (left() === 0) return;
      refuseStopped(connection);
      const probe = await source.probe(id);
      const isRepaired = probe.pending === 0 && connection.appliedSeq >= Math.max(seq, probe.repairSeq);
      if (isRepaired && isWhole(connection) && connection.quarantine.count === 0) return;
      await board.wait(board.index, Math.min(left(), PROBE_MS));
    }
  };
  const timer = new Promise<typeof isOver>((resolve) => setTimeout(() => resolve(isOver), timeoutMs).unref());
  let isDone = false;
  const stuck = endsWhenStuck ? [whenStuck(connection, () => isDone)] : [];
  const result = await Promise.race([work().then(() => (left() === 0 ? isOver : undefined)), timer, ...stuck]).finally(() => {
    isDone = true;
  });
  if (result !== isOver) return;
  const report = reportConnection(connection);
  const why = report.reasons[0]?.message ?? `applied ${report.appliedSeq} of ${report.lastSeq} change sets, ${connection.pendingRepairs} repairs open`;
  throw new SmError("TIMEOUT", `connection ${id} is not in sync after ${timeoutMs / 1000} s: ${why}`, {
    data: { id, targetDataState: report.targetDataState },
  });
}

/** Never resolves before `isOver`; rejects when the connection waits for a person. */
async function whenStuck(connection: SourceConnection, isOver: () => boolean): Promise<undefined> {
  const watch = new StuckWatch("what waits in the queue");
  while (!isOver()) {
    watch.look(reportConnection(connection));
    await delay(LOOK_MS);
  }
  return undefined;
}

/** What changes on the source never comes to be on the target. */
function refuseStopped({ id, replication }: SourceConnection): void {
  if (!replication.isOn) throw new SmError("REPLICATION_STOPPED", `replication of connection ${id} is stopped: its target is not as its source is now`);
}

/** No mirror is owed, and no place waits for repair. */
function isWhole({ record, options }: SourceConnection): boolean {
  return record.mirrorNeed === null && options.places.isEmpty;
}
