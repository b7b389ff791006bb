// Who is at the door, and whether they still are: a request is answered for the one who logged in with it, and what stays open
// ends when they lose their rights.

import { SmError } from "../base/errors.js";
import { Shares } from "../base/shares.js";
import { type Deferred, defer } from "../base/wait.js";
import type { Caller } from "./caller.js";

export interface Login {
  readonly caller: Caller;
  /** False as soon as the user was removed, or has another role, token or certificate. */
  isCurrent(): boolean;
}

export function requireCurrent(login: Login): void {
  if (!login.isCurrent()) throw lapsed();
}

export function lapsed(): SmError {
  return new SmError("LOGIN_FAILED", "this user was changed or removed in the meantime, or the token ended: log in again");
}

interface Waiting {
  readonly login: Login;
  readonly ended: Deferred<never>;
}

/** Of each role. Waits of clients that are gone last until they are over at the agent: all count. */
export const WAITS_MAX = 512;

/** Requests that only wait, so that a stop, or a change of users, ends them at once. */
export class WaitingRequests {
  readonly #waiting = new Set<Waiting>();
  readonly #underway = new Shares({ roleMax: WAITS_MAX, callerMax: WAITS_MAX });
  #stopped: SmError | undefined;

  /** The outcome of the work, unless the wait for it is ended first. */
  async wait<T>(login: Login, begin: () => Promise<T>): Promise<T> {
    const { caller } = login;
    if (this.#underway.fullOf(caller) !== null) {
      const message = `${WAITS_MAX} requests with the role ${caller.role} wait for news, the most an agent serves`;
      throw new SmError("API_BUSY", message, { data: { retryAfterSeconds: 5 } });
    }
    const release = this.#underway.take(caller);
    const work = begin().finally(release);
    const waiting: Waiting = { login, ended: defer<never>() };
    this.#waiting.add(waiting);
    if (this.#stopped !== undefined) waiting.ended.reject(this.#stopped);
    try {
      return await Promise.race([work, waiting.ended.promise]);
    } finally {
      this.#waiting.delete(waiting);
    }
  }

  endLapsed(): void {
    for (const { login, ended } of this.#waiting) if (!login.isCurrent()) ended.reject(lapsed());
  }

  stop(error: SmError): void {
    this.#stopped = error;
    for (const { ended } of this.#waiting) ended.reject(error);
  }
}
