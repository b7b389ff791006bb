// What the log says of the life of the agent itself.

import { SmError, toSmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import type { Config } from "../config/config.js";

export class AgentVoice {
  readonly #log: Log;
  readonly #config: Config;
  #isStarted = false;

  constructor(log: Log, config: Config) {
    this.#log = log;
    this.#config = config;
  }

  started(version: string, listen: string): void {
    const { source, target, server } = this.#config;
    this.#isStarted = true;
    logEvent(this.#log, source.enabled ? "sourceLoaded" : "sourceOff", {});
    logEvent(this.#log, target.enabled ? "targetLoaded" : "targetOff", {});
    logEvent(this.#log, "agentStarted", { server: server.name, version, pid: process.pid, listen });
  }

  failed(thrown: unknown): void {
    const error = toSmError(thrown);
    if (error instanceof SmError && error.code === "LISTEN_FAILED")
      logEvent(this.#log, "portTaken", { listen: this.#config.server.listen, reason: error.message });
    else logEvent(this.#log, "agentFailed", { reason: error.message }, { code: error.code });
  }

  stopping(): void {
    logEvent(this.#log, "agentStopping", {});
  }

  /** All services are closed. */
  ended(): void {
    if (!this.#isStarted) return;
    const { source, target, server } = this.#config;
    if (source.enabled) logEvent(this.#log, "sourceStopped", {});
    if (target.enabled) logEvent(this.#log, "targetStopped", {});
    logEvent(this.#log, "agentStopped", { server: server.name });
    logEvent(this.#log, "agentEnds", {});
  }
}
