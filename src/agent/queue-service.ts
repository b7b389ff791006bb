// The queues of this source for people: figures and limits.

import { SmError, toSmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import { MiB } from "../base/units.js";
import type { QueueControl } from "../model/control-port.js";
import type { QueueLimits, QueueLimitsChange, QueueReport } from "../model/queue.js";
import type { QueueLimitsFile } from "./queue-limits.js";
import type { QueueWatch } from "./queue-watch.js";

export interface QueueServiceOptions {
  readonly directory: string;
  readonly limits: QueueLimitsFile;
  /** One per replication set in operation. */
  readonly queues: () => readonly QueueWatch[];
  readonly onChange: () => void;
  readonly log: Log;
}

export class QueueService implements QueueControl {
  readonly #options: QueueServiceOptions;

  constructor(options: QueueServiceOptions) {
    this.#options = options;
  }

  async show(connectionId?: number): Promise<QueueReport> {
    const { directory, limits, queues } = this.#options;
    await Promise.all(queues().map((queue) => queue.look()));
    const all = queues().map((queue) => queue.report(connectionId));
    const sets = connectionId === undefined ? all : all.filter(({ connections }) => connections.length > 0);
    if (connectionId !== undefined && sets.length === 0) throw new SmError("NOT_FOUND", `there is no connection ${connectionId}`);
    return { directory, limits: limits.inForce, changed: limits.changed, sets };
  }

  async set(change: QueueLimitsChange | null): Promise<QueueReport> {
    const { limits, queues, onChange, log } = this.#options;
    if (change !== null) this.#refuseLoss(change);
    const before = limits.inForce;
    limits.set(change);
    const after = limits.inForce;
    for (const queue of queues()) queue.setLimits(after);
    if (JSON.stringify(before) !== JSON.stringify(after)) logEvent(log, "queueLimitsSet", {}, { ...after });
    onChange();
    return this.show();
  }

  /** Other limits are configured: in force where none was set by a command. */
  configured(): void {
    const { limits, queues } = this.#options;
    for (const queue of queues()) queue.setLimits(limits.inForce);
  }

  /** Null where the limit is the configured one. */
  setByCommand(name: string): { readonly value: unknown } | null {
    const { limits } = this.#options;
    return limits.isSet(name) ? { value: limits.inForce[name] } : null;
  }

  /** Why these limits must not come in force; null = they may. */
  refusalOf({ diskMiB }: Pick<QueueLimits, "diskMiB">): string | null {
    if (this.setByCommand("diskMiB") !== null) return null;
    try {
      this.#refuseLoss({ diskMiB });
      return null;
    } catch (error) {
      return toSmError(error).message;
    }
  }

  /** A limit below what waits would give all of that up with the next change. */
  #refuseLoss({ diskMiB }: QueueLimitsChange): void {
    if (diskMiB === undefined || diskMiB === null) return;
    for (const { repset, diskBytes } of this.#options.queues().map((queue) => queue.report())) {
      if (diskBytes <= diskMiB * MiB) continue;
      throw new SmError("USAGE", `${Math.ceil(diskBytes / MiB)} MiB of ${repset} wait on disk: with a limit of ${diskMiB} MiB they would be given up`);
    }
  }
}
