// Connections that are on record and could not be taken up when the agent started: nothing goes to their targets, and that is said.

import { toSmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import type { ConnectionRecord } from "../connection/connection-record.js";
import type { Reason } from "../model/status.js";

export class UnusableConnections {
  readonly #log: Log;
  readonly #byId = new Map<number, { readonly record: ConnectionRecord; readonly reason: Reason }>();

  constructor(log: Log) {
    this.#log = log;
  }

  get records(): readonly ConnectionRecord[] {
    return [...this.#byId.values()].map(({ record }) => record);
  }

  reasons(): readonly Reason[] {
    return [...this.#byId.values()].map(({ reason }) => reason);
  }

  add(record: ConnectionRecord, failure: unknown): void {
    const { id, repset, peer } = record;
    const { code, message } = toSmError(failure);
    logEvent(this.#log, "connectionUnusable", { connection: id, repset, target: peer, reason: message }, { code });
    const reason: Reason = {
      code,
      message: `connection ${id} (${repset} to ${peer}) cannot be taken up: ${message}`,
      object: repset,
      since: new Date().toISOString(),
      next: "nothing goes to its target before the agent is started again without that error",
      nextAt: null,
      command: code === "CONFIG_INVALID" ? "sm config check" : null,
    };
    this.#byId.set(id, { record, reason });
  }

  find(id: number): ConnectionRecord | undefined {
    return this.#byId.get(id)?.record;
  }

  remove(id: number): void {
    this.#byId.delete(id);
  }
}
