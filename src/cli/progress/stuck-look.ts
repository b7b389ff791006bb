import { StuckWatch } from "../../model/stuck-connection.js";
import type { AgentApi } from "../agent-api.js";

const LOOK_EVERY_MS = 2_000;

/** For waits without --timeout: looks now and then whether what is waited for can still come without a person. */
export class StuckLook {
  readonly #api: AgentApi;
  readonly #watch: StuckWatch | null;
  #nextMs = 0;

  constructor(api: AgentApi, what: string, timeoutMs: number) {
    this.#api = api;
    this.#watch = timeoutMs === Number.POSITIVE_INFINITY ? new StuckWatch(what) : null;
  }

  /** Throws DONE_WITH_PROBLEMS with the reason. */
  async look(connectionId: number): Promise<void> {
    const nowMs = performance.now();
    if (this.#watch === null || nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + LOOK_EVERY_MS;
    this.#watch.look((await this.#api.call("connection.show", { id: connectionId })).connection);
  }
}
