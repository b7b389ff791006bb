// Keeps the record of one connection on disk: at once when it is urgent, else about once a second.

import { toSmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import type { ConnectionRecord } from "./connection-record.js";

const SAVE_INTERVAL_MS = 1000;

export class RecordKeeper {
  readonly #save: (record: ConnectionRecord) => void;
  readonly #log: Log;
  #lastSaveMs = 0;
  #unsaved: ConnectionRecord | null = null;
  /** The state directory cannot be written. */
  fault: { readonly message: string; readonly since: string } | null = null;

  constructor(save: (record: ConnectionRecord) => void, log: Log) {
    this.#save = save;
    this.#log = log;
  }

  keep(record: ConnectionRecord, isUrgent: boolean): void {
    this.#unsaved = record;
    const now = performance.now();
    if (!isUrgent && now - this.#lastSaveMs < SAVE_INTERVAL_MS) return;
    this.#lastSaveMs = now;
    try {
      this.#save(record);
      this.#unsaved = null;
      this.fault = null;
    } catch (error) {
      // What is not saved is compared again after a restart: nothing is lost, but it must be said.
      const { message } = toSmError(error, "STATE_CORRUPT", `the state of connection ${record.id} cannot be saved`);
      if (this.fault === null) this.#log.error(message, { connection: record.id });
      this.fault ??= { message, since: new Date().toISOString() };
    }
  }

  /** Writes what waits to be written. */
  tick(): void {
    if (this.#unsaved !== null) this.keep(this.#unsaved, false);
  }
}
