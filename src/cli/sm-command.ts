// What all commands of the CLI share: the common flags, the way to the agent, and how results are printed.

import { Command } from "@oclif/core/command";
import * as Flags from "@oclif/core/flags";
import { ApiClient } from "./api-client.js";
import { type Directories, type DirectoryFlags, resolveCliDirectories } from "./directories.js";
import { printable } from "./format/printable.js";

const directoryFlag = (description: string) => Flags.directory({ description, helpGroup: "DIRECTORY", helpValue: "DIR", exists: false });

export const directoryFlags = {
  "config-dir": directoryFlag("configuration (default: SM_HOME/etc, or /etc/sm)"),
  "state-dir": directoryFlag("state (default: SM_HOME/state, or /var/lib/sm)"),
  "runtime-dir": directoryFlag("control sockets (default: SM_HOME/run, or /run/sm)"),
  "log-dir": directoryFlag("logs (default: SM_HOME/log, or /var/log/sm)"),
};

export const jsonFlag = { json: Flags.boolean({ description: "print the result as JSON" }) };

export abstract class SmCommand extends Command {
  static override baseFlags = { ...directoryFlags, ...jsonFlag };

  protected directories(flags: DirectoryFlags): Directories {
    return resolveCliDirectories(flags, process.env);
  }

  protected api(flags: DirectoryFlags): ApiClient {
    return new ApiClient(this.directories(flags).runtimeDir);
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
