// What a script, or a shell, remembers from one command to the next.

import { SmError } from "../base/errors.js";
import type { RepsetData, Rule } from "../model/rule.js";
import type { CommandPort } from "./command-port.js";
import { VariableTable } from "./variables.js";

/** A replication set that was made or changed here and is not saved. */
export interface Draft {
  readonly name: string;
  readonly rules: readonly Rule[];
  /** As it was read; null = a new one. */
  readonly base: RepsetData | null;
}

export interface SessionOptions {
  readonly port: CommandPort;
  readonly now?: () => Date;
}

export class ScriptSession {
  /** To the agent that the script was given to. */
  readonly home: CommandPort;
  readonly variables = new VariableTable();
  readonly drafts = new Map<string, Draft>();
  readonly now: () => Date;
  /** A failing command ends the script. */
  stopsOnError = true;
  /** Of an agent, by the way of the account: the way of the user that logged in there. */
  readonly #logins = new Map<CommandPort, CommandPort>();
  #port: CommandPort;
  #source: string | null = null;
  #target: string | null = null;

  constructor({ port, now = () => new Date() }: SessionOptions) {
    this.home = port;
    this.#port = port;
    this.now = now;
  }

  /** To the agent of the selected source. */
  get port(): CommandPort {
    return this.#port;
  }

  get signal(): AbortSignal {
    return this.#port.signal;
  }

  /** The way to an agent, as who logged in there. */
  asUser(base: CommandPort): CommandPort {
    return this.#logins.get(base) ?? base;
  }

  /** From now on the agent is asked as this user; null = as the account again. What was selected there stays. */
  logIn(base: CommandPort, user: CommandPort | null): void {
    const isSelected = this.#port === this.asUser(base);
    if (user === null) this.#logins.delete(base);
    else this.#logins.set(base, user);
    if (isSelected) this.#port = this.asUser(base);
  }

  /** Another agent has other peers and other sets: a target is to be selected anew, and nothing unsaved may come along. */
  moveTo(port: CommandPort): void {
    if (port === this.#port) return;
    const unsaved = [...this.drafts.keys()];
    if (unsaved.length > 0) {
      throw new SmError("SCRIPT_VALUE", `there are changes that are not saved, and they are for this source: ${unsaved.join(", ")}; REPSET SAVE comes first`);
    }
    this.#port = port;
    this.#source = null;
    this.#target = null;
  }

  selectSource(name: string | null): void {
    this.#source = name;
  }

  selectTarget(name: string | null): void {
    this.#target = name;
  }

  get source(): string | null {
    return this.#source;
  }

  get target(): string | null {
    return this.#target;
  }

  requireSource(): void {
    if (this.#source === null) throw new SmError("SCRIPT_NO_SOURCE", "no source has been selected");
  }
}
