// The hooks of the connections of this source on disk: one file each, for the account of the agent alone.

import { mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { SmError } from "../base/errors.js";
import { orderFault } from "../base/file-rights.js";
import type { Config } from "../config/config.js";
import type { HookTerms } from "../connection/hook-duty.js";
import { syncDirectory, writeFileAtomic } from "../fs/atomic-file.js";
import { commandRunner, whyRefused } from "../fs/program-run.js";
import { type HookFile, hookFileSchema, NO_HOOK_FILE } from "../model/hook.js";
import type { ProgramPolicy } from "../model/task.js";

export class HookStore {
  readonly #directory: string;
  readonly #policy: ProgramPolicy;

  constructor({ stateDir, source }: Pick<Config, "stateDir" | "source">) {
    this.#directory = join(stateDir, "hooks");
    this.#policy = { isEnabled: source.hooks, directory: source.taskDirectory, keys: { enabled: "source.hooks", directory: "source.taskDirectory" } };
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
  }

  /** STATE_CORRUPT, or FILE_UNSAFE: what is to run before a mirror is not known, and none may begin without it. */
  termsOf(connectionId: number): HookTerms {
    const path = this.#path(connectionId);
    return {
      file: readHooks(path),
      save: (file) => writeFileAtomic(path, JSON.stringify(file)),
      run: commandRunner(this.#policy),
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

function readHooks(path: string): HookFile {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return NO_HOOK_FILE;
    throw error;
  }
  const fault = orderFault(path, statSync(path), process.geteuid?.() ?? 0);
  if (fault !== undefined) throw fault;
  try {
    return hookFileSchema.parse(JSON.parse(text));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : "no JSON";
    throw new SmError("STATE_CORRUPT", `${path} cannot be read (${why}): what is to run before a mirror is not known`, { cause: error });
  }
}
