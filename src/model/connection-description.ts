// A connection as a file describes it: all that can be said of one, whether it is there or not.

import type { ConnectionOptions, Mapping } from "./connection-spec.js";
import type { ConnectRequest } from "./control-port.js";
import type { Hook } from "./hook.js";
import type { ScrubSettings } from "./scrub.js";
import type { BandwidthLimit, TransmissionSchedule } from "./transmission.js";
import type { VerifySchedule } from "./verify-schedule.js";

/** What holds while it is there, and can be changed meanwhile. */
export interface ConnectionSettings {
  readonly schedule: TransmissionSchedule | null;
  readonly limit: BandwidthLimit;
  readonly verify: VerifySchedule | null;
  readonly scrub: ScrubSettings | null;
}

export interface ConnectionDescription extends ConnectionSettings {
  /** In the order in which they run; null = its file says nothing of them. */
  readonly hooks: readonly Hook[] | null;
  /** Of its file, without ".yaml". */
  readonly name: string;
  readonly request: ConnectRequest;
}

/** A connection that is there, for the file that would describe it. */
export interface DescribedConnection extends ConnectionSettings {
  readonly hooks: readonly Hook[];
  readonly repset: string;
  readonly target: string;
  readonly isSimulated: boolean;
  readonly mappings: readonly Mapping[];
  readonly options: ConnectionOptions;
}
