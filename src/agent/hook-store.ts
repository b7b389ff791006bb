// The hooks of the connections of this source, and on which terms they run: the files are for the account of the agent alone.

import { statSync } from "node:fs";
import { join } from "node:path";
import { SmError } from "../base/errors.js";
import { orderFault } from "../base/file-rights.js";
import type { Config } from "../config/config.js";
import type { HookTerms } from "../connection/hook-duty.js";
import { commandRunner, whyRefused } from "../fs/program-run.js";
import { type Hook, type HookFile, hookFileSchema, NO_HOOK_FILE } from "../model/hook.js";
import type { ProgramPolicy } from "../model/task.js";
import { PerConnectionFiles } from "./per-connection-files.js";

export class HookStore {
  readonly #files: PerConnectionFiles<HookFile>;
  readonly #policy: ProgramPolicy;

  constructor({ stateDir, source }: Pick<Config, "stateDir" | "source">, writtenPlaces: ProgramPolicy["writtenPlaces"]) {
    const loss = "what is to run before a mirror is not known";
    this.#files = new PerConnectionFiles(join(stateDir, "hooks"), { schema: hookFileSchema, nothing: NO_HOOK_FILE, loss, judge });
    this.#policy = {
      isEnabled: source.hooks,
      directory: source.taskDirectory,
      keys: { enabled: "source.hooks", directory: "source.taskDirectory" },
      writtenPlaces,
    };
  }

  /** STATE_CORRUPT, or FILE_UNSAFE: what is to run before a mirror is not known, and none may begin without it. */
  termsOf(connectionId: number): HookTerms {
    return {
      file: this.#files.read(connectionId),
      save: (file) => this.#files.save(connectionId, file),
      run: commandRunner(this.#policy),
      refusal: ({ path: program }) => whyRefused(this.#policy, program),
    };
  }

  /** Of a connection that is still to be made. Throws HOOK_REFUSED for a program that would not be run. */
  begin(connectionId: number, hooks: readonly Hook[]): void {
    for (const { name, program } of hooks) {
      const why = whyRefused(this.#policy, program.path);
      if (why !== null) throw new SmError("HOOK_REFUSED", `hook ${name}: ${why}`);
    }
    if (hooks.length > 0) this.#files.save(connectionId, { ...NO_HOOK_FILE, hooks: hooks.map((hook) => ({ ...hook, lastRun: null })) });
  }

  remove(connectionId: number): void {
    this.#files.remove(connectionId);
  }
}

function judge(path: string): void {
  const fault = orderFault(path, statSync(path), process.geteuid?.() ?? 0);
  if (fault !== undefined) throw fault;
}
