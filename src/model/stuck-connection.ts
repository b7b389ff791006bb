// A connection that goes on when a person says so, and not before: what waits for it without a limit of time is told, and does not
// wait for ever. A link that is away, a closed window, a pause and a restore that runs end by themselves, or are meant to end.

import { SmError } from "../base/errors.js";
import type { ConnectionReport, Reason } from "./status.js";

/** A halt may be over in a moment, and a person may be at work. */
const STUCK_MS = 10_000;
const BY_HAND: ReadonlySet<string> = new Set(["GUARD_HELD", "GUARD_REJECTED", "TRANSMISSION_STOPPED"]);
/** Directories of the source that are not there, or not those: they are looked at every second. */
const SOURCE_AWAY = "ROOT_";

export type StuckView = Pick<ConnectionReport, "id" | "state" | "reasons">;

/** Null = it may go on by itself. */
export function whyStuck({ state, reasons }: StuckView): string | null {
  const byHand = reasons.find(({ code }) => BY_HAND.has(code));
  if (byHand !== undefined) return textOf(byHand);
  if (state !== "halted") return null;
  const [reason] = reasons;
  if (reason === undefined) return "it is halted";
  if (reason.code.startsWith(SOURCE_AWAY)) return null;
  // While its source is being restored it is halted, and released with the end of that.
  const isBeingRestored = reason.code === "RESTORE_REQUIRED" && reason.command?.startsWith("sm restore start") !== true;
  return isBeingRestored ? null : textOf(reason);
}

function textOf({ message, next, command }: Reason): string {
  return `${message}; ${next}${command === null ? "" : ` (\`${command}\`)`}`;
}

/** What waits without a limit looks now and then. */
export class StuckWatch {
  readonly #what: string;
  #sinceMs: number | null = null;

  /** `what` is waited for. */
  constructor(what: string) {
    this.#what = what;
  }

  /** Throws DONE_WITH_PROBLEMS, with the reason, when it has been so for some time. */
  look(connection: StuckView, nowMs = performance.now()): void {
    const why = whyStuck(connection);
    this.#sinceMs = why === null ? null : (this.#sinceMs ?? nowMs);
    if (why === null || this.#sinceMs === null || nowMs - this.#sinceMs < STUCK_MS) return;
    throw new SmError("DONE_WITH_PROBLEMS", `${this.#what} does not come to its end: connection ${connection.id} waits for a person: ${why}`, {
      data: { id: connection.id },
    });
  }
}
