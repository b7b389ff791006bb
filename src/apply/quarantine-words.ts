// What the worker says of its quarantine on its way to whoever listens, and to the log.

import type { Log } from "../base/log.js";
import type { QuarantineNews } from "../model/session.js";

/** Event numbers of the HP guide: why the target cannot write, that it could again, that it gave up. */
export const WRITTEN = 4120;
const GIVEN_UP = 4150;
const FULL: readonly string[] = ["ENOSPC", "EDQUOT"];
const DENIED: readonly string[] = ["EPERM", "EACCES", "EROFS"];

export function eventOf(code: string): number {
  if (FULL.includes(code)) return 4110;
  if (code === "EBUSY") return 4111;
  return DENIED.includes(code) ? 4112 : 4113;
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
    const connection = this.#key;
    const [first] = shown;
    if (first !== undefined && before.count === 0) {
      this.#log.warn(`${first.message}; the path is held back, everything else goes on`, { connection, count, code: first.code, event: eventOf(first.code) });
    }
    if (first !== undefined && givenUp > before.givenUp) {
      const message = `${givenUp} paths are given up for now and need a person: see \`sm quarantine list\`; the first held: ${first.message}`;
      this.#log.error(message, { connection, count, code: first.code, event: GIVEN_UP });
    }
    if (count === 0 && before.count > 0) this.#log.info("nothing is in quarantine any more: what was refused is repaired", { connection, event: WRITTEN });
  }
}
