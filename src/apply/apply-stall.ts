// Whether a target is stuck: something waits to be applied, nothing explains it, and nothing moves.

import type { Pulse } from "../base/pulse.js";
import { StillTime } from "../base/still-time.js";

export interface ApplyView {
  readonly pulse: Pulse;
  /** Received, and neither applied nor held. */
  readonly waitingBytes: number;
  /** Paused by hand, or something cannot be written and is tried again: that is said already. */
  readonly isExplained: boolean;
  /** The stage is full of what waits to be synced. */
  readonly isWaitingForSync: boolean;
  readonly takenSeq: number;
}

export interface ApplyStall {
  /** change: inside of one; disk: its disk has not synced; idle: the thread has nothing to do, or did not hear of it. */
  readonly kind: "change" | "disk" | "idle";
  readonly message: string;
  /** In bytes; "" = none. */
  readonly path: string;
  readonly forMs: number;
}

export class ApplyStallWatch {
  readonly #limitMs: () => number | null;
  readonly #work = new StillTime();
  readonly #turns = new StillTime();

  /** Null = it is not watched. */
  constructor(limitMs: () => number | null) {
    this.#limitMs = limitMs;
  }

  look({ pulse, waitingBytes, isExplained, isWaitingForSync, takenSeq }: ApplyView, nowMs: number): ApplyStall | null {
    const isIdle = waitingBytes === 0 || isExplained;
    const forMs = this.#work.look(isIdle ? "" : `${pulse.work} ${takenSeq}`, nowMs);
    const stillMs = this.#turns.look(isIdle ? "" : `${pulse.turns}`, nowMs);
    const limitMs = this.#limitMs();
    if (isIdle || limitMs === null || forMs < limitMs) return null;
    const wait = `${waitingBytes} bytes wait behind it`;
    const seconds = Math.round(forMs / 1000);
    if (stillMs >= limitMs) {
      return { kind: "change", message: `the target has been inside one change for ${seconds} s: ${wait}`, path: pulse.what, forMs };
    }
    if (isWaitingForSync) return { kind: "disk", message: `the target's disk has not synced for ${seconds} s what was applied: ${wait}`, path: "", forMs };
    return { kind: "idle", message: `the target has applied nothing for ${seconds} s, though its worker runs: ${wait}`, path: pulse.what, forMs };
  }
}
