// What a source connection is made of.

import type { Clock } from "../base/clock.js";
import type { Log } from "../base/log.js";
import type { Greeting, Peer, SourceDialer } from "../model/channel-port.js";
import type { Journal } from "../model/journal-port.js";
import type { SourceEvent, SourceFeed } from "../model/source-messages.js";
import type { ConnectionRecord } from "./connection-record.js";
import type { HookTerms } from "./hook-duty.js";
import type { GuardPolicy } from "./mass-change-guard.js";
import type { DirtyPlaces } from "./place-repair.js";
import type { TaskTerms } from "./task-duty.js";

export interface SourceConnectionOptions {
  readonly record: ConnectionRecord;
  readonly journal: Journal;
  readonly feed: SourceFeed;
  readonly dialer: Pick<SourceDialer, "dial">;
  /** Where the target must be made good. */
  readonly places: DirtyPlaces;
  readonly findPeer: (name: string) => Peer;
  readonly hello: () => Greeting;
  readonly windowBytes: number;
  /** Dirty places are repaired while no more than this is queued: what is queued comes first. */
  readonly repairBelowBytes: () => number;
  /** How long before a durable set its changes may have been made: event delay and walk interval together. */
  readonly captureLagMs: number;
  /** What the queue of the replication set may hold, in memory and on disk; default: not known. */
  readonly queueBytesMax?: () => number;
  /** How long nothing may move, though something waits, before that is said; default: it is not watched. */
  readonly stallMs?: number | null;
  /** How much there is to do is calculated before a mirror that does not say; default: it is. */
  readonly sizesMirrors?: boolean;
  readonly guardPolicy: (record: ConnectionRecord) => GuardPolicy | null;
  /** Absent: no tasks are known, and nothing runs. */
  readonly tasks?: TaskTerms;
  /** Absent: there are no hooks, and nothing runs. */
  readonly hooks?: HookTerms;
  readonly save: (record: ConnectionRecord) => void;
  readonly onChange: () => void;
  /** Told of all that the source worker says about the connection. */
  readonly onEvent?: (event: SourceEvent) => void;
  readonly log: Log;
  readonly clock?: Clock;
}
