// What persons, and files, say about the replication of connections: heard here, carried out by the connection.

import { reportConnection } from "../connection/connection-report.js";
import { refuseWhileRestored } from "../connection/restore-hold.js";
import type { SourceConnection } from "../connection/source-connection.js";
import type { ReplicationControl } from "../model/control-port.js";
import type { ConnectionReport } from "../model/status.js";
import type { JobDuties } from "./job-duties.js";
import type { SourceService } from "./source-service.js";
import { sourceSettled } from "./source-settled.js";
import type { StatusBoard } from "./status-board.js";

export interface ReplicationServiceOptions {
  readonly source: Pick<SourceService, "connection" | "sourceOf">;
  readonly jobs: Pick<JobDuties, "replicationStopped">;
  readonly board: Pick<StatusBoard, "until">;
}

/** A source that does not rest has no end of a state for a while. */
const END_MS = 5000;

export class ReplicationService implements ReplicationControl {
  readonly #options: ReplicationServiceOptions;

  constructor(options: ReplicationServiceOptions) {
    this.#options = options;
  }

  async stop(id: number): Promise<ConnectionReport> {
    const { source, jobs, board } = this.#options;
    const before = this.#get(id);
    if (before.replication.isOn) await sourceSettled(before, source.sourceOf(before.record.repset));
    // Another one by now, if its source was restored meanwhile.
    const connection = this.#get(id);
    if (connection.replication.stop()) jobs.replicationStopped(connection);
    await board.until(() => !connection.replication.isEnding, END_MS);
    return reportConnection(connection);
  }

  async start(id: number, mirrors: boolean): Promise<ConnectionReport> {
    const connection = this.#get(id);
    connection.replication.start(mirrors);
    return reportConnection(connection);
  }

  #get(id: number): SourceConnection {
    const connection = this.#options.source.connection(id);
    refuseWhileRestored(connection);
    return connection;
  }
}
