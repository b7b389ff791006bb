// The tasks of all connections of a target, by the key of the connection.

import type { Log } from "../base/log.js";
import { programRunner } from "../fs/program-run.js";
import type { ProgramPolicy } from "../model/task.js";
import { ConnectionTasks } from "./connection-tasks.js";
import type { TargetTerms } from "./target-terms.js";

export class TargetTasks {
  readonly #policy: ProgramPolicy;
  readonly #log: Log;
  readonly #tasks = new Map<string, ConnectionTasks>();

  constructor(policy: ProgramPolicy, log: Log) {
    this.#policy = policy;
    this.#log = log;
  }

  of(key: string, stateDirectory: string, terms: TargetTerms): ConnectionTasks {
    const known = this.#tasks.get(key);
    if (known !== undefined) return known;
    // What was asked back brings data, and nothing that runs.
    const policy = terms.isRestore === true ? { ...this.#policy, isEnabled: false } : this.#policy;
    const made = new ConnectionTasks({ stateDirectory, terms, run: programRunner(policy), log: this.#log });
    this.#tasks.set(key, made);
    return made;
  }

  /** Ends what runs for it. */
  async forget(key: string): Promise<void> {
    const tasks = this.#tasks.get(key);
    this.#tasks.delete(key);
    await tasks?.close();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#tasks.keys()].map((key) => this.forget(key)));
  }
}
