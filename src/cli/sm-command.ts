// What all commands of the CLI share: the common flags, the way to the agent, and how results are printed.

import { Command } from "@oclif/core/command";
import * as Flags from "@oclif/core/flags";
import { SmError } from "../base/errors.js";
import { type AgentDoor, ApiClient } from "./api-client.js";
import { type Directories, type DirectoryFlags, resolveCliDirectories } from "./directories.js";
import { printable } from "./format/printable.js";
import { openDoor } from "./servers/open-door.js";
import { type AgentFlags, type AgentPlace, chooseAgent } from "./servers/server-choice.js";

const directoryFlag = (description: string) => Flags.directory({ description, helpGroup: "DIRECTORY", helpValue: "DIR", exists: false });

export const directoryFlags = {
  "config-dir": directoryFlag("configuration (default: SM_HOME/etc, or /etc/sm)"),
  "state-dir": directoryFlag("state (default: SM_HOME/state, or /var/lib/sm)"),
  "runtime-dir": directoryFlag("control sockets (default: SM_HOME/run, or /run/sm)"),
  "log-dir": directoryFlag("logs (default: SM_HOME/log, or /var/log/sm)"),
};

export const serverFlag = {
  server: Flags.string({ description: "ask this server (`sm server list`) in place of the agent here; default: SM_SERVER", helpValue: "NAME" }),
};

export const jsonFlag = { json: Flags.boolean({ description: "print the result as JSON" }) };

export abstract class SmCommand extends Command {
  static override baseFlags = { ...directoryFlags, ...serverFlag, ...jsonFlag };

  protected directories(flags: DirectoryFlags): Directories {
    return resolveCliDirectories(flags, process.env);
  }

  protected agentPlace(flags: AgentFlags): AgentPlace {
    return chooseAgent(flags, process.env);
  }

  protected door(flags: AgentFlags): AgentDoor {
    return openDoor(this.agentPlace(flags));
  }

  protected api(flags: AgentFlags): ApiClient {
    return new ApiClient(this.door(flags));
  }

  /** What relative paths for the agent start from; null = nothing here says where that is on its machine. */
  protected cwd(flags: AgentFlags): string | null {
    return this.agentPlace(flags).kind === "here" ? process.cwd() : null;
  }

  /** For what is done on the machine where it is typed. */
  protected requireLocal({ server }: AgentFlags, what: string): void {
    if (server !== undefined) throw new SmError("USAGE", `--server is not for this: ${what} this machine; run the command on the other one`);
  }

  /** The one place where a result leaves: JSON as it came, or its text. */
  protected show<Result>(result: Result, flags: { readonly json?: boolean | undefined }, format: (result: Result) => string): void {
    process.stdout.write(flags.json === true ? `${JSON.stringify(result)}\n` : `${printable(format(result))}\n`);
  }

  /** For people beside the result: never mixes with what a script reads. */
  protected note(text: string): void {
    process.stderr.write(`${printable(text)}\n`);
  }

  protected exitWith(code: number): void {
    process.exitCode = code;
  }
}
