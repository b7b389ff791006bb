// The tasks of the connections of this source on disk: one file each, written before anything is begun.

import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { SmError } from "../base/errors.js";
import type { Config } from "../config/config.js";
import type { TaskTerms } from "../connection/task-duty.js";
import { NO_TASK_FILE, type TaskFile, taskFileSchema } from "../connection/task-record.js";
import { syncDirectory, writeFileAtomic } from "../fs/atomic-file.js";
import { programRunner, whyRefused } from "../fs/program-run.js";
import type { ProgramPolicy } from "../model/task.js";

export class TaskStore {
  readonly #directory: string;
  readonly #policy: ProgramPolicy;

  constructor({ stateDir, source }: Pick<Config, "stateDir" | "source">) {
    this.#directory = join(stateDir, "tasks");
    this.#policy = { isEnabled: source.tasks, directory: source.taskDirectory, keys: { enabled: "source.tasks", directory: "source.taskDirectory" } };
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
  }

  /** STATE_CORRUPT: which tasks were begun is not known. */
  termsOf(connectionId: number): TaskTerms {
    const path = this.#path(connectionId);
    return {
      file: readTasks(path),
      save: (file) => writeFileAtomic(path, JSON.stringify(file)),
      run: programRunner(this.#policy),
      refusal: ({ path: program }) => whyRefused(this.#policy, program),
    };
  }

  remove(connectionId: number): void {
    rmSync(this.#path(connectionId), { force: true });
    syncDirectory(this.#directory);
  }

  #path(connectionId: number): string {
    return join(this.#directory, `${connectionId}.json`);
  }
}

function readTasks(path: string): TaskFile {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return NO_TASK_FILE;
    throw error;
  }
  try {
    return taskFileSchema.parse(JSON.parse(text));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : "no JSON";
    throw new SmError("STATE_CORRUPT", `${path} cannot be read (${why}): which tasks were begun is not known`, { cause: error });
  }
}
