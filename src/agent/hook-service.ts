// What persons say about the hooks of connections: heard here, carried out by the connection.

import type { HookDuty } from "../connection/hook-duty.js";
import type { SourceConnection } from "../connection/source-connection.js";
import type { Hook, HookControl, HookReport } from "../model/hook.js";

export interface HookServiceOptions {
  /** Throws NOT_FOUND. */
  readonly connection: (id: number) => SourceConnection;
  readonly connections: () => readonly SourceConnection[];
}

export class HookService implements HookControl {
  readonly #options: HookServiceOptions;

  constructor(options: HookServiceOptions) {
    this.#options = options;
  }

  async add(connectionId: number, hook: Hook, isReplacing: boolean): Promise<HookReport> {
    return this.#of(connectionId).add(hook, isReplacing);
  }

  async list(connectionId?: number): Promise<readonly HookReport[]> {
    const { connection, connections } = this.#options;
    const chosen = connectionId === undefined ? connections() : [connection(connectionId)];
    return chosen.flatMap(({ duty }) => duty.hooks.reports());
  }

  async show(connectionId: number, name: string): Promise<HookReport> {
    return this.#of(connectionId).report(name);
  }

  async remove(connectionId: number, name: string): Promise<HookReport> {
    return this.#of(connectionId).remove(name);
  }

  #of(connectionId: number): HookDuty {
    return this.#options.connection(connectionId).duty.hooks;
  }
}
