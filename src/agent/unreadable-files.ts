import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";

/** So many are named within the time; the connection has them all. */
const NAMED_MAX = 50;
const WINDOW_MS = 600_000;

/** Says which files of a source could not be read: a whole tree may be denied, and the log is for more than that. */
export class UnreadableFiles {
  readonly #log: Log;
  #count = 0;
  #untilMs = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  take(repset: string, path: string, { code, message }: { readonly code: string; readonly message: string }): void {
    const nowMs = performance.now();
    if (nowMs >= this.#untilMs) {
      this.#count = 0;
      this.#untilMs = nowMs + WINDOW_MS;
    }
    this.#count += 1;
    if (this.#count <= NAMED_MAX) logEvent(this.#log, "unreadable", { path, reason: message }, { repset, code });
  }
}
