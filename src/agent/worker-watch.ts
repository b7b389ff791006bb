// Whether the source worker of a replication set is alive: its event loop comes round, or it works, or it is known to wait.

import { createPulse, type Pulse, readPulse } from "../base/pulse.js";
import { StillTime } from "../base/still-time.js";
import { displayPath } from "../model/byte-path.js";
import type { Reason } from "../model/status.js";

export class WorkerWatch {
  readonly #object: string;
  readonly #limitMs: () => number | null;
  readonly #still = new StillTime();
  #pulse: SharedArrayBuffer | null = null;
  reason: Reason | null = null;

  /** `object`: what it reads; `limitMs` null = it is not watched. */
  constructor(object: string, limitMs: () => number | null) {
    this.#object = object;
    this.#limitMs = limitMs;
  }

  /** A worker begins: the memory for its pulse. */
  begin(): SharedArrayBuffer {
    this.end();
    this.#pulse = createPulse();
    return this.#pulse;
  }

  /** There is no worker. */
  end(): void {
    this.#pulse = null;
    this.#still.reset();
    this.reason = null;
  }

  get pulse(): Pulse | null {
    return this.#pulse === null ? null : readPulse(this.#pulse);
  }

  /** Called about once a second. True when the reason came or went. */
  look(nowMs: number): boolean {
    const { pulse } = this;
    const limitMs = this.#limitMs();
    if (pulse === null) return false;
    const forMs = this.#still.look(`${pulse.turns} ${pulse.work}`, nowMs);
    const before = this.reason;
    if (limitMs === null || forMs < limitMs) this.reason = null;
    else this.reason = this.#reasonFor(forMs, pulse.what, before?.since ?? new Date(Date.now() - forMs).toISOString());
    return (before === null) !== (this.reason === null);
  }

  #reasonFor(forMs: number, what: string, since: string): Reason {
    const place = what === "" ? "" : `, last at ${displayPath(what)}`;
    return {
      code: "STALLED",
      message: `the source worker has been inside one call for ${Math.round(forMs / 1000)} s${place}: a volume of the source does not answer`,
      object: this.#object,
      since,
      next: "goes on by itself when the volume answers; what changes meanwhile is noticed then. If not, restart the agent: everything is compared",
      nextAt: null,
      command: "sm status",
    };
  }
}
