// What the worker says of its quarantine on its way to whoever listens, and to the log.

import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import type { QuarantineNews } from "../model/session.js";

const FULL: readonly string[] = ["ENOSPC", "EDQUOT"];
const DENIED: readonly string[] = ["EPERM", "EACCES", "EROFS"];

/** The event of what a target cannot write. */
export function refusalEvent(code: string): "targetFull" | "targetBusy" | "targetDenied" | "targetUnwritable" {
  if (FULL.includes(code)) return "targetFull";
  if (code === "EBUSY") return "targetBusy";
  return DENIED.includes(code) ? "targetDenied" : "targetUnwritable";
}

export class QuarantineWords {
  readonly #key: string;
  readonly #log: Log;
  #last: QuarantineNews | null = null;
  #listener: ((news: QuarantineNews) => void) | null = null;
  /** What came before somebody listened: no question is lost. */
  #unheard: QuarantineNews[] = [];

  constructor(connectionKey: string, log: Log) {
    this.#key = connectionKey;
    this.#log = log;
  }

  get last(): QuarantineNews | null {
    return this.#last;
  }

  listen(listener: (news: QuarantineNews) => void): void {
    this.#listener = listener;
    for (const news of this.#unheard.splice(0)) listener(news);
  }

  take(news: QuarantineNews): void {
    this.#note(news);
    this.#last = news;
    if (this.#listener !== null) {
      this.#listener(news);
      return;
    }
    this.#unheard = [...this.#unheard.filter(({ asks }) => asks.length > 0), news];
  }

  /** Once per change of state, not once per path: a whole tree may refuse. */
  #note({ count, givenUp, shown }: QuarantineNews): void {
    const before = { count: 0, givenUp: 0, ...this.#last };
    const key = this.#key;
    const [first] = shown;
    if (first !== undefined && before.count === 0) {
      const reason = `${first.message}; the path is held back, everything else goes on`;
      logEvent(this.#log, refusalEvent(first.code), { reason }, { key, count, code: first.code });
    }
    if (first !== undefined && givenUp > before.givenUp) {
      logEvent(this.#log, "targetGaveUp", { count: givenUp, reason: first.message }, { key, held: count, code: first.code });
    }
    if (count === 0 && before.count > 0)
      logEvent(this.#log, "targetWrote", { what: "nothing is in quarantine any more: what was refused is repaired" }, { key });
  }
}
