// A connection of this source as it begins: from its record, and what the source that feeds it was doing meanwhile.

import { MiB } from "../base/units.js";
import type { Config } from "../config/config.js";
import { cleanUntilAtStart } from "../connection/clean-until.js";
import type { SourceConnectionOptions } from "../connection/connection-options.js";
import type { ConnectionRecord } from "../connection/connection-record.js";
import { guardPolicyOf } from "../connection/guard-decision.js";
import { heldIn } from "../connection/guard-record.js";
import { spansAtStart } from "../connection/passed-over.js";
import { SourceConnection } from "../connection/source-connection.js";
import { greetingOf } from "./greeting.js";
import type { JobDuties } from "./job-duties.js";
import { stallMs } from "./live-settings.js";
import { EVENT_LAG_MS } from "./new-connection.js";
import type { OriginTeller } from "./origin-teller.js";
import { queueBytesMax } from "./queue-capacity.js";
import type { QueueLimitsFile } from "./queue-limits.js";
import type { RepsetSource } from "./repset-source.js";
import { withBirthTime } from "./set-roots.js";
import { peersOf } from "./simulated-target.js";
import type { StatusBoard } from "./status-board.js";

/** What is known of the target counts for the stream that it was known of. */
export function recordAtStart(record: ConnectionRecord, { journal }: Pick<RepsetSource, "journal">): ConnectionRecord {
  const { epoch } = journal.stats();
  const isSameStream = record.epoch === epoch;
  return {
    ...record,
    roots: record.roots.map(withBirthTime),
    cleanUntilMs: cleanUntilAtStart(record.cleanUntilMs, Date.now()),
    epoch,
    durableSeq: record.epoch === "" ? journal.lastSeq : isSameStream ? record.durableSeq : 0,
    guard: heldIn(record.guard, isSameStream),
    ...spansAtStart(record, isSameStream),
  };
}

export interface OpenConnectionOptions extends Pick<SourceConnectionOptions, "record" | "places" | "tasks" | "hooks" | "save"> {
  readonly source: RepsetSource;
  readonly origins: OriginTeller;
  /** Of the agent. */
  readonly common: {
    readonly config: Config;
    readonly limits: QueueLimitsFile;
    readonly jobs: Pick<JobDuties, "takeEvent">;
    readonly board: StatusBoard;
    readonly version: string;
  } & Pick<SourceConnectionOptions, "dialer" | "findPeer" | "log">;
}

/** It sends nothing before it is run. */
export function openConnection({ record, source, origins, common, ...own }: OpenConnectionOptions): SourceConnection {
  const { config, limits, dialer, findPeer, jobs, board, version, log } = common;
  const connection: SourceConnection = new SourceConnection({
    ...{ ...own, record, journal: source.journal, feed: source, dialer, log },
    findPeer: peersOf(record, findPeer),
    hello: () => greetingOf(connection, source, { origins: origins.tell(record.id, source.roots), version }),
    windowBytes: config.transport.windowMiB * MiB,
    repairBelowBytes: () => (limits.inForce.memoryMiB * MiB) / 2,
    get stallMs() {
      return stallMs(config);
    },
    captureLagMs: config.capture.walkSeconds * 1000 + EVENT_LAG_MS,
    queueBytesMax: () => queueBytesMax(config, source.journal.stats()),
    get sizesMirrors() {
      return config.mirror.size;
    },
    guardPolicy: ({ options }) => guardPolicyOf(options, config.guard),
    onChange: board.changed,
    onEvent: (event) => jobs.takeEvent(record.id, event),
  });
  return connection;
}
