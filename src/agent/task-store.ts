// The tasks of the connections of this source, written before anything is begun, and on which terms their programs run.

import { join } from "node:path";
import type { Config } from "../config/config.js";
import type { TaskTerms } from "../connection/task-duty.js";
import { NO_TASK_FILE, type TaskFile, taskFileSchema } from "../connection/task-record.js";
import { programRunner, whyRefused } from "../fs/program-run.js";
import type { ProgramPolicy } from "../model/task.js";
import { PerConnectionFiles } from "./per-connection-files.js";

export class TaskStore {
  readonly #files: PerConnectionFiles<TaskFile>;
  readonly #policy: ProgramPolicy;

  constructor({ stateDir, source }: Pick<Config, "stateDir" | "source">, writtenPlaces: ProgramPolicy["writtenPlaces"]) {
    const loss = "which tasks were begun is not known";
    this.#files = new PerConnectionFiles(join(stateDir, "tasks"), { schema: taskFileSchema, nothing: NO_TASK_FILE, loss });
    this.#policy = {
      isEnabled: source.tasks,
      directory: source.taskDirectory,
      keys: { enabled: "source.tasks", directory: "source.taskDirectory" },
      writtenPlaces,
    };
  }

  /** STATE_CORRUPT: which tasks were begun is not known. */
  termsOf(connectionId: number): TaskTerms {
    return {
      file: this.#files.read(connectionId),
      save: (file) => this.#files.save(connectionId, file),
      run: programRunner(this.#policy),
      refusal: ({ path: program }) => whyRefused(this.#policy, program),
    };
  }

  remove(connectionId: number): void {
    this.#files.remove(connectionId);
  }
}
