// What all commands of the CLI share: the common flags, the way to the agent, and how results are printed.

import { Command } from "@oclif/core/command";
import * as Flags from "@oclif/core/flags";
import { SmError } from "../base/errors.js";
import { type AgentApi, type AgentPlace, openAgentApi } from "./agent-api.js";
import { type Directories, type DirectoryFlags, resolveCliDirectories } from "./directories.js";
import { paint } from "./format/paint.js";
import { jsonText, printable } from "./format/printable.js";
import { type AgentFlags, chooseAgent } from "./servers/server-choice.js";
import { type Terminal, terminalOf } from "./terminal.js";

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

export const outputFlags = {
  json: Flags.boolean({ description: "print the result as JSON" }),
  "no-color": Flags.boolean({ description: "no colours, also on a terminal" }),
};

const commonFlags = { ...directoryFlags, ...serverFlag, ...outputFlags };

/** Of the flags that nearly every command has. */
export const commonFlagNames: readonly string[] = Object.keys(commonFlags);

interface OutputFlags {
  readonly json?: boolean | undefined;
  readonly "no-color"?: boolean | undefined;
}

export abstract class SmCommand extends Command {
  static override baseFlags = commonFlags;

  /**
   * An argument that is not given is not given: oclif would take it from standard input, which belongs to whoever calls the command in a
   * loop, and may be a token.
   */
  protected override async init(): Promise<void> {
    await super.init();
    for (const arg of Object.values(this.ctor.args)) arg.ignoreStdin = true;
  }

  protected directories(flags: DirectoryFlags): Directories {
    return resolveCliDirectories(flags, process.env);
  }

  protected agentPlace(flags: AgentFlags): AgentPlace {
    return chooseAgent(flags, process.env);
  }

  protected api(flags: AgentFlags): AgentApi {
    return openAgentApi(this.agentPlace(flags));
  }

  /** What relative paths for the agent start from; null = nothing here says where that is on its machine. */
  protected cwd(flags: AgentFlags): string | null {
    return this.agentPlace(flags).kind === "here" ? process.cwd() : null;
  }

  /** For what is done on the machine where it is typed. */
  protected requireLocal({ server }: AgentFlags, what: string): void {
    if (server !== undefined) throw new SmError("USAGE", `--server is not for this: ${what} this machine; run the command on the other one`);
  }

  protected terminal(flags: OutputFlags): Terminal {
    return terminalOf(process.stdout, process.env, flags["no-color"] === true);
  }

  /** The one place where a result leaves: JSON as it came, or its text, made for lines of so many columns. */
  protected show<Result>(result: Result, flags: OutputFlags, format: (result: Result, lineWidth: number) => string): void {
    if (flags.json === true) {
      process.stdout.write(`${jsonText(result)}\n`);
      return;
    }
    const { width, isColored } = this.terminal(flags);
    const text = `${printable(format(result, width))}\n`;
    process.stdout.write(isColored ? paint(text) : text);
  }

  /** For people beside the result: never mixes with what a script reads. */
  protected note(text: string): void {
    process.stderr.write(`${printable(text)}\n`);
  }

  protected exitWith(code: number): void {
    process.exitCode = code;
  }
}
