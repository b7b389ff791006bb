// The time of tokens: says so before one ends, and has what was opened by it closed when it does.

import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import type { Reason } from "../model/status.js";
import { isTokenOver } from "../model/user.js";
import type { UserStore } from "./user-store.js";

/** Before the end of a token, as long as a person may be on holiday. */
export const TOKEN_NOTICE_MS = 14 * 86_400_000;
/** A wall clock that is set must not leave a token alive for long. */
const LOOK_MS_MAX = 60_000;

export interface TokenExpiryOptions {
  readonly users: UserStore;
  readonly onChange: () => void;
  readonly log: Log;
  readonly nowMs?: () => number;
}

export class TokenExpiry {
  readonly #options: TokenExpiryOptions;
  /** User and end of tokens that were spoken of: before their end, and at it. */
  readonly #told = new Set<string>();
  readonly #unsubscribe: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TokenExpiryOptions) {
    this.#options = options;
    this.#unsubscribe = options.users.onChanged(() => this.#arm());
    this.#look();
  }

  reasons(): readonly Reason[] {
    const nowMs = this.#nowMs();
    return this.#ending(nowMs).map(({ name, tokenAt, tokenUntil }) => {
      const isOver = isTokenOver({ tokenUntil }, nowMs);
      return {
        code: isOver ? "TOKEN_ENDED" : "TOKEN_ENDS",
        message: `the token of the user ${name} ${isOver ? "ended" : "ends"} at ${tokenUntil}`,
        object: name,
        since: isOver ? tokenUntil : tokenAt,
        next: isOver ? "it is refused" : "it is refused from then on",
        nextAt: isOver ? null : tokenUntil,
        command: `sm user token ${name}`,
      };
    });
  }

  close(): void {
    this.#unsubscribe();
    clearTimeout(this.#timer);
  }

  #nowMs(): number {
    return this.#options.nowMs?.() ?? Date.now();
  }

  /** Of tokens that end soon, or have ended. */
  #ending(nowMs: number) {
    return this.#options.users.list().flatMap(({ name, tokenAt, tokenUntil }) => {
      return tokenUntil !== null && Date.parse(tokenUntil) - nowMs <= noticeMs(tokenAt, tokenUntil) ? [{ name, tokenAt, tokenUntil }] : [];
    });
  }

  #look(): void {
    const { users, onChange, log } = this.#options;
    const nowMs = this.#nowMs();
    let hasEnded = false;
    let isNews = false;
    const told = new Set(this.#told);
    this.#told.clear();
    for (const { name, tokenUntil } of this.#ending(nowMs)) {
      const isOver = isTokenOver({ tokenUntil }, nowMs);
      const what = `${isOver ? "ended" : "ends"} ${tokenUntil} ${name}`;
      this.#told.add(what);
      if (told.has(what)) continue;
      logEvent(log, isOver ? "tokenEnded" : "tokenEnds", { user: name, until: tokenUntil });
      hasEnded ||= isOver;
      isNews = true;
    }
    if (hasEnded) users.tellChanged();
    if (isNews) onChange();
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const nowMs = this.#nowMs();
    const moments = this.#options.users.list().flatMap(({ tokenAt, tokenUntil }) => {
      const endMs = tokenUntil === null ? 0 : Date.parse(tokenUntil);
      return tokenUntil === null ? [] : [endMs, endMs - noticeMs(tokenAt, tokenUntil)].filter((ms) => ms > nowMs);
    });
    if (moments.length === 0) return;
    const waitMs = Math.min(Math.min(...moments) - nowMs, LOOK_MS_MAX);
    this.#timer = setTimeout(() => this.#look(), Math.max(1, waitMs)).unref();
  }
}

/** A token of a day is not about to end from its first moment on. */
function noticeMs(tokenAt: string, tokenUntil: string): number {
  return Math.min(TOKEN_NOTICE_MS, (Date.parse(tokenUntil) - Date.parse(tokenAt)) / 4);
}
