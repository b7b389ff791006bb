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
  readonly port: CommandPort;
  readonly variables = new VariableTable();
  readonly drafts = new Map<string, Draft>();
  readonly now: () => Date;
  /** A failing command ends the script. */
  stopsOnError = true;
  #source: string | null = null;
  #target: string | null = null;

  constructor({ port, now = () => new Date() }: SessionOptions) {
    this.port = port;
    this.now = now;
  }

  get signal(): AbortSignal {
    return this.port.signal;
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
