// Tasks as the apply worker meets them: who runs programs is the main thread, and nothing behind a task is applied before it has
// said what became of it.

import type { TaskChange } from "../model/change.js";
import type { ChangeSet } from "../model/change-set.js";
import type { Retrying } from "../model/session.js";
import type { TaskResult } from "../model/task.js";
import type { FromApplyWorker } from "./apply-messages.js";

/** What the engine asks for when it comes to a task. */
export interface TaskDesk {
  /** Undefined: nobody was asked to run it. */
  resultOf(number: number): TaskResult | undefined;
}

export const NO_TASKS: TaskDesk = { resultOf: () => undefined };

export class HostTasks implements TaskDesk {
  readonly #post: (message: FromApplyWorker) => void;
  #waiting: { readonly number: number; readonly news: Retrying } | null = null;
  #result: TaskResult | null = null;

  constructor(post: (message: FromApplyWorker) => void) {
    this.#post = post;
  }

  /** What is waited for. */
  get waiting(): Retrying | null {
    return this.#waiting?.news ?? null;
  }

  received(set: ChangeSet): void {
    const task = taskOf(set);
    if (task !== undefined) this.#post({ kind: "task", moment: "receive", task, doubt: null });
  }

  /** False: it is being run. `doubt`: why the target is no copy at this place; null = it is one. */
  isReady(set: ChangeSet, doubt: () => string | null): boolean {
    const task = taskOf(set);
    if (task === undefined || this.#result?.number === task.number) return true;
    if (this.#waiting?.number === task.number) return false;
    const message = `task ${task.number} (${task.name}) runs; what comes after it waits in order`;
    this.#waiting = { number: task.number, news: { code: "TASK_RUNNING", path: "", message, sinceMs: Date.now(), attempts: 0 } };
    this.#post({ kind: "task", moment: "due", task, doubt: doubt() });
    return false;
  }

  take(result: TaskResult): void {
    if (this.#waiting?.number !== result.number) return;
    this.#waiting = null;
    this.#result = result;
  }

  resultOf(number: number): TaskResult | undefined {
    return this.#result?.number === number ? this.#result : undefined;
  }

  /** Another stream: nobody waits for what was asked. */
  reset(): void {
    this.#waiting = null;
    this.#result = null;
  }
}

function taskOf({ changes }: ChangeSet): TaskChange | undefined {
  const [first] = changes;
  return first?.op === "task" ? first : undefined;
}
