// The queue of this source in figures and limits, as the control plane shows and sets it.

export interface QueueLimits {
  readonly memoryMiB: number;
  /** null = as much as the volume allows. */
  readonly diskMiB: number | null;
  readonly minFreeMiB: number;
  /** Percent of the disk queue; 0 = no alert. */
  readonly alertPercent: number;
}

/** Only what is to be another from now on. */
export type QueueLimitsChange = { readonly [K in keyof QueueLimits]?: QueueLimits[K] | undefined };

export interface ConnectionQueue {
  readonly id: number;
  readonly target: string;
  readonly operations: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** Age of the oldest change that the target has not applied, ms; null = there is none. */
  readonly oldestMs: number | null;
  /** What leaves and what comes, bytes a second over the last ten or so. */
  readonly drainBytesPerSecond: number;
  readonly fillBytesPerSecond: number;
  /** Until it is empty at this rate; null = never, it does not shrink. */
  readonly drainSeconds: number | null;
}

/** The queue of one replication set. */
export interface SetQueue {
  readonly repset: string;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly segments: number;
  /** Of what the disk queue may take: the limit, or what the volume has above minFreeMiB. Null = the volume cannot be asked. */
  readonly fillPercent: number | null;
  readonly volumeFreeBytes: number | null;
  readonly isAlerting: boolean;
  readonly connections: readonly ConnectionQueue[];
}

export interface QueueReport {
  readonly directory: string;
  /** Of each set, as they are in force. */
  readonly limits: QueueLimits;
  /** Those that were set while the agent ran, and are others than in its configuration. */
  readonly changed: readonly (keyof QueueLimits)[];
  readonly sets: readonly SetQueue[];
}
