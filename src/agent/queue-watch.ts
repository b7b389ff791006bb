// The queue of one replication set under observation: how full, how fast, whether that is worth an alert. Looked at once a second.

import { statfs } from "node:fs/promises";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import { MiB } from "../base/units.js";
import type { DiskJournal } from "../journal/disk-journal.js";
import { fillPercent, isAlerting } from "../journal/queue-level.js";
import { QueueRate } from "../journal/queue-rate.js";
import type { ConnectionQueue, QueueLimits, SetQueue } from "../model/queue.js";
import type { Reason } from "../model/status.js";

/** What of a connection the queue shows. */
export interface QueuedConnection {
  readonly id: number;
  readonly record: { readonly peer: string };
  readonly oldestPendingMs: number | null;
}

const AT_THE_LIMIT = {
  "pull-ahead": "what waits longest leaves it, and the files that it concerned are repaired later",
  mirror: "what waits is given up and a mirror repairs it",
};

export interface QueueWatchOptions {
  readonly repset: string;
  readonly directory: string;
  readonly journal: Pick<DiskJournal, "stats" | "backlog" | "backlogPlaces" | "setLimits">;
  readonly limits: QueueLimits;
  readonly onFull: keyof typeof AT_THE_LIMIT;
  readonly connections: () => Iterable<QueuedConnection>;
  readonly onChange: () => void;
  readonly log: Log;
}

export class QueueWatch {
  readonly #options: QueueWatchOptions;
  readonly #rates = new Map<number, QueueRate>();
  #limits: QueueLimits;
  #freeBytes: number | null = null;
  #alertSince: string | null = null;
  #isLooking = false;

  constructor(options: QueueWatchOptions) {
    this.#options = options;
    this.#limits = options.limits;
  }

  /** In force from the next change on. */
  setLimits(limits: QueueLimits): void {
    this.#limits = limits;
    this.#options.journal.setLimits(journalLimits(limits));
  }

  /** `connectionId` 0 = all receive it. */
  appended(connectionId: number, bytes: number): void {
    for (const [id, rate] of this.#rates) if (connectionId === 0 || connectionId === id) rate.appended(bytes);
  }

  async look(nowMs = performance.now()): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const { journal, connections, directory } = this.#options;
    const alive = new Set<number>();
    for (const { id } of connections()) {
      alive.add(id);
      const rate = this.#rates.get(id) ?? new QueueRate();
      this.#rates.set(id, rate);
      rate.measure(journal.backlog(id).bytes, nowMs);
    }
    for (const id of this.#rates.keys()) if (!alive.has(id)) this.#rates.delete(id);
    const volume = await statfs(directory).catch(() => null);
    this.#freeBytes = volume === null ? null : volume.bavail * volume.bsize;
    this.#judge();
    this.#isLooking = false;
  }

  get #fillPercent(): number | null {
    const { diskBytesMax, minFreeBytes } = journalLimits(this.#limits);
    return fillPercent({ diskBytes: this.#options.journal.stats().diskBytes, diskBytesMax, freeBytes: this.#freeBytes, minFreeBytes });
  }

  #judge(): void {
    const { log, repset, directory, onChange } = this.#options;
    const { alertPercent } = this.#limits;
    const was = this.#alertSince !== null;
    const percent = this.#fillPercent;
    const is = isAlerting(was, percent, alertPercent);
    if (is === was) return;
    this.#alertSince = is ? new Date().toISOString() : null;
    const more = { code: "QUEUE_ALERT", percent: Math.round(percent ?? 0), alertPercent, directory };
    if (is) logEvent(log, "queueAlert", { repset, percent: more.percent }, more);
    else logEvent(log, "queueRelieved", { repset }, more);
    onChange();
  }

  /** Null while the queue is below its mark. */
  get reason(): Reason | null {
    if (this.#alertSince === null) return null;
    const { repset, directory } = this.#options;
    return {
      code: "QUEUE_ALERT",
      message: `the queue of ${repset} in ${directory} is ${Math.round(this.#fillPercent ?? 0)} % full`,
      object: directory,
      since: this.#alertSince,
      next: `when it is full, ${AT_THE_LIMIT[this.#options.onFull]}; make room, raise its limits, or help the target to keep up`,
      nextAt: null,
      command: "sm queue show",
    };
  }

  report(connectionId?: number): SetQueue {
    const { repset, journal, connections } = this.#options;
    const { memoryBytes, diskBytes, segments } = journal.stats();
    const shown = [...connections()].filter(({ id }) => connectionId === undefined || id === connectionId);
    return {
      repset,
      memoryBytes,
      diskBytes,
      segments,
      fillPercent: this.#fillPercent,
      volumeFreeBytes: this.#freeBytes,
      isAlerting: this.#alertSince !== null,
      connections: shown.map((connection) => this.#reportOf(connection)),
    };
  }

  #reportOf({ id, record, oldestPendingMs }: QueuedConnection): ConnectionQueue {
    const { journal } = this.#options;
    const { records, bytes } = journal.backlog(id);
    const flow = this.#rates.get(id)?.flow(bytes) ?? { drain: 0, fill: 0, drainSeconds: bytes === 0 ? 0 : null };
    return {
      id,
      target: record.peer,
      operations: records,
      ...journal.backlogPlaces(id),
      oldestMs: oldestPendingMs === null ? null : Math.max(0, Date.now() - oldestPendingMs),
      drainBytesPerSecond: flow.drain,
      fillBytesPerSecond: flow.fill,
      drainSeconds: flow.drainSeconds,
    };
  }
}

export function journalLimits({ memoryMiB, diskMiB, minFreeMiB }: QueueLimits): {
  readonly memoryBytesMax: number;
  readonly diskBytesMax: number | null;
  readonly minFreeBytes: number;
} {
  return { memoryBytesMax: memoryMiB * MiB, diskBytesMax: diskMiB === null ? null : diskMiB * MiB, minFreeBytes: minFreeMiB * MiB };
}
