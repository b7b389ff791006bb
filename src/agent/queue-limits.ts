// Limits of the queue that were set while the agent ran: `queue-limits.json` in the state directory. The configuration file is
// the administrator's and is not written; what was set stays in force over restarts until it is set back.

import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { SmError } from "../base/errors.js";
import type { Config } from "../config/config.js";
import { FIELDS } from "../config/config-fields.js";
import { syncDirectory, writeFileAtomic } from "../fs/atomic-file.js";
import type { QueueLimits, QueueLimitsChange } from "../model/queue.js";

const NAMES = ["memoryMiB", "diskMiB", "minFreeMiB", "alertPercent"] as const satisfies readonly (keyof QueueLimits)[];

const limit = <K extends keyof QueueLimits>(name: K) =>
  z.custom<QueueLimits[K]>((value) => FIELDS.queue[name].parse(value) !== undefined, `queue.${name} takes ${FIELDS.queue[name].expected}`).optional();

const changeSchema = z.strictObject({
  memoryMiB: limit("memoryMiB"),
  diskMiB: limit("diskMiB"),
  minFreeMiB: limit("minFreeMiB"),
  alertPercent: limit("alertPercent"),
});

export class QueueLimitsFile {
  readonly #path: string;
  readonly #stateDir: string;
  readonly #configured: () => Config["queue"];
  #change: QueueLimitsChange;

  private constructor(stateDir: string, configured: () => Config["queue"], change: QueueLimitsChange) {
    this.#stateDir = stateDir;
    this.#path = pathIn(stateDir);
    this.#configured = configured;
    this.#change = change;
  }

  /** `configured` is looked up each time: it may be changed meanwhile. */
  static open(stateDir: string, configured: () => Config["queue"]): QueueLimitsFile {
    return new QueueLimitsFile(stateDir, configured, readChange(pathIn(stateDir)));
  }

  get inForce(): QueueLimits {
    const { memoryMiB, diskMiB, minFreeMiB, alertPercent } = this.#configured();
    return { memoryMiB, diskMiB, minFreeMiB, alertPercent, ...defined(this.#change) };
  }

  /** Those that are others than configured. */
  get changed(): readonly (keyof QueueLimits)[] {
    const limits = this.inForce;
    const configured = this.#configured();
    return NAMES.filter((name) => limits[name] !== configured[name]);
  }

  /** Set while the agent ran: what is configured is not in force. */
  isSet(name: string): name is keyof QueueLimits {
    return Object.hasOwn(defined(this.#change), name);
  }

  /** Adds to what was set before; null takes all of that back. Durable when it returns. USAGE for a value out of range. */
  set(change: QueueLimitsChange | null): void {
    if (change === null) {
      rmSync(this.#path, { force: true });
      syncDirectory(this.#stateDir);
      this.#change = {};
      return;
    }
    const parsed = changeSchema.safeParse(defined(change));
    if (!parsed.success) throw new SmError("USAGE", parsed.error.issues.map(({ message }) => message).join("; "));
    const next = { ...this.#change, ...parsed.data };
    writeFileAtomic(this.#path, `${JSON.stringify(next)}\n`);
    this.#change = next;
  }
}

function pathIn(stateDir: string): string {
  return join(stateDir, "queue-limits.json");
}

function defined(change: QueueLimitsChange): Partial<QueueLimits> {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
}

function readChange(path: string): QueueLimitsChange {
  if (!existsSync(path)) return {};
  try {
    return changeSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    throw new SmError("STATE_CORRUPT", `${path} cannot be read`, { cause: error });
  }
}
