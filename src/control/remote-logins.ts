// Logins from other machines: a token, or a certificate that belongs to a user. Guessing 256 bits is hopeless; what is held off
// here is the load and the noise of trying. Invariants: the same answer for a wrong token and an unknown user, in the same
// time; memory is bounded; the log has a few lines for a thousand failures, and never a token.

import { isSecretOf, parseToken } from "../base/access-token.js";
import { type Clock, systemClock } from "../base/clock.js";
import { SmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import { RateWindow } from "../base/rate-window.js";
import { isTokenOver, type UserAccount, type UserDirectory } from "../model/user.js";
import type { Login } from "./login.js";

export interface LoginAttempt {
  /** The header of that name. */
  readonly authorization: string | undefined;
  /** Of a certificate that the client proved to own. */
  readonly fingerprint: string | undefined;
  readonly remoteAddress: string;
}

export interface RemoteLoginsOptions {
  readonly users: UserDirectory;
  readonly log: Log;
  readonly clock?: Clock;
}

/** In a window, of one address, or of one user from anywhere. */
export const FAILED_LOGINS_MAX = 10;
export const FAILED_LOGINS_WINDOW_MS = 60_000;
const KEYS_MAX = 4096;
const REFUSALS_LOGGED_MAX = 3;
/** Where users logged in from of late: there, failures of others do not lock them out. */
const FAMILIAR_MAX = 1024;

export class RemoteLogins {
  readonly #options: RemoteLoginsOptions;
  readonly #byAddress: RateWindow;
  readonly #byName: RateWindow;
  readonly #logged: RateWindow;
  readonly #familiar = new Set<string>();

  constructor(options: RemoteLoginsOptions) {
    this.#options = options;
    const clock = options.clock ?? systemClock;
    const common = { windowMs: FAILED_LOGINS_WINDOW_MS, keysMax: KEYS_MAX, clock };
    this.#byAddress = new RateWindow({ ...common, eventsMax: FAILED_LOGINS_MAX });
    this.#byName = new RateWindow({ ...common, eventsMax: FAILED_LOGINS_MAX });
    this.#logged = new RateWindow({ ...common, eventsMax: REFUSALS_LOGGED_MAX });
  }

  /** Throws LOGIN_FAILED or LOGIN_LOCKED. A token that is given decides, whatever the certificate. */
  login(attempt: LoginAttempt): Login {
    const { authorization, fingerprint, remoteAddress } = attempt;
    const network = networkOf(remoteAddress);
    if (this.#byAddress.isFull(network)) throw locked(`too many logins from ${remoteAddress} failed`, this.#byAddress);
    const user = authorization === undefined ? this.#byCertificate(fingerprint, remoteAddress) : this.#byToken(authorization, network, remoteAddress);
    const { users, clock = systemClock } = this.#options;
    const isInTime = (): boolean => authorization === undefined || !isTokenOver(user, clock.nowMs());
    return { caller: { role: user.role, name: user.name, from: remoteAddress }, isCurrent: () => users.find(user.name) === user && isInTime() };
  }

  /** Nothing was guessed, so nothing is counted. */
  #byCertificate(fingerprint: string | undefined, remoteAddress: string): UserAccount {
    const user = fingerprint === undefined ? undefined : this.#options.users.findByFingerprint(fingerprint);
    if (user !== undefined) return user;
    const what = fingerprint === undefined ? "neither a token nor a certificate for the API was given" : "the certificate belongs to no user";
    if (this.#logged.count(networkOf(remoteAddress))) this.#options.log.warn(`refused ${remoteAddress} at the API: ${what}`);
    throw new SmError("LOGIN_FAILED", what);
  }

  #byToken(authorization: string, network: string, remoteAddress: string): UserAccount {
    const given = parseToken(/^Bearer +(\S{1,200}) *$/i.exec(authorization)?.[1] ?? "");
    const user = given === undefined ? undefined : this.#options.users.find(given.name);
    const familiar = `${given?.name} ${network}`;
    if (given !== undefined && this.#byName.isFull(given.name) && !this.#familiar.has(familiar)) {
      throw locked(`too many logins as "${given.name}" failed`, this.#byName);
    }
    const isRight = isSecretOf(given?.secret ?? "", user?.tokenHash);
    if (!isRight || user === undefined) throw this.#failed(given?.name, user, network, remoteAddress);
    const { clock = systemClock, log } = this.#options;
    if (isTokenOver(user, clock.nowMs())) {
      // Whoever holds it held the right one: nothing was guessed.
      if (this.#logged.count(network)) log.warn(`refused ${remoteAddress} at the API: the token of "${user.name}" ended`, { user: user.name });
      throw new SmError(
        "LOGIN_FAILED",
        `the token of "${user.name}" ended at ${user.tokenUntil}: \`sm user token ${user.name}\` on that server makes a new one`,
      );
    }
    this.#remember(familiar);
    return user;
  }

  #failed(name: string | undefined, user: UserAccount | undefined, network: string, remoteAddress: string): SmError {
    const { log } = this.#options;
    this.#byAddress.count(network);
    if (name !== undefined) this.#byName.count(name);
    const seconds = Math.ceil(FAILED_LOGINS_WINDOW_MS / 1000);
    if (this.#byAddress.isFull(network)) {
      log.warn(`logins from ${remoteAddress} are refused for up to ${seconds} s: ${FAILED_LOGINS_MAX} failed`);
    } else if (this.#logged.count(network)) {
      log.warn(`a login from ${remoteAddress} failed`, { user: user?.name ?? "unknown" });
    }
    return new SmError("LOGIN_FAILED", "the token is not that of a user of this agent");
  }

  #remember(familiar: string): void {
    this.#familiar.delete(familiar);
    this.#familiar.add(familiar);
    const [oldest] = this.#familiar;
    if (this.#familiar.size > FAMILIAR_MAX && oldest !== undefined) this.#familiar.delete(oldest);
  }
}

function locked(message: string, window: RateWindow): SmError {
  return new SmError("LOGIN_LOCKED", message, { data: { retryAfterSeconds: Math.max(1, Math.ceil(window.remainingMs() / 1000)) } });
}

/** Who has one IPv6 address has the 2^64 beside it. */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.replace(/%.*$/, "").split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  return `${[...front, ...Array<string>(zeros).fill("0"), ...back].slice(0, 4).join(":")}::/64`;
}
