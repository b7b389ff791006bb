// A field of sm.yaml is changed by the agent that obeys it, or in the file where there is none.

import { existsSync } from "node:fs";
import { SmError } from "../base/errors.js";
import type { FileEdit } from "../config/config-edit.js";
import type { ApiCommands } from "../control/api.js";
import { hasNoAgent } from "./api-client.js";
import type { Directories, DirectoryFlags } from "./directories.js";

type Changed = ApiCommands["config.set"]["output"] | FileEdit;

export interface EditOrder {
  readonly key: string;
  /** Undefined: the field is taken out. */
  readonly value: string | undefined;
  /** Of this machine; null = the agent is on another one. */
  readonly directories: Directories | null;
  readonly flags: DirectoryFlags;
}

/** `ask` calls the agent. What it refuses is refused, and what does not answer in time may still be done: only where none is there the file is written. */
export async function changeSetting(ask: () => Promise<ApiCommands["config.set"]["output"]>, { key, value, directories, flags }: EditOrder): Promise<Changed> {
  try {
    return await ask();
  } catch (error) {
    if (directories === null || !hasNoAgent(error)) throw error;
    const { configDir, stateDir, runtimeDir, logDir } = directories;
    if (flags["runtime-dir"] !== undefined && flags["config-dir"] === undefined) {
      throw new SmError("AGENT_UNREACHABLE", `${error.message}; to change a file without it, say which by --config-dir`, { cause: error });
    }
    if (!existsSync(configDir)) throw new SmError("AGENT_UNREACHABLE", `${error.message}, and there is no ${configDir}`, { cause: error });
    const { editWithoutAgent } = await import("../config/config-edit.js");
    return editWithoutAgent({ flags: { configDir, stateDir, runtimeDir, logDir } }, key, value);
  }
}

/** What is said beside the result where no agent took it. */
export function noteOf(changed: Changed): string | null {
  return "reload" in changed ? null : "no agent answers here: the file was checked and changed, and takes effect when the agent starts";
}
