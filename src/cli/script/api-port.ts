// The way of scripts to the agent: that of the CLI.

import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { SmError } from "../../base/errors.js";
import type { ApiCommands, CommandName } from "../../control/api.js";
import type { CommandPort, PortCallOptions } from "../../script/command-port.js";
import { type AgentApi, openAgentApi } from "../agent-api.js";

export class ApiPort implements CommandPort {
  readonly #api: AgentApi;
  readonly #runtimeDir: string;
  signal: AbortSignal;

  constructor(runtimeDir: string, signal: AbortSignal) {
    this.#runtimeDir = runtimeDir;
    this.#api = openAgentApi({ runtimeDir });
    this.signal = signal;
  }

  call<Name extends CommandName>(name: Name, input: ApiCommands[Name]["input"], options: PortCallOptions = {}): Promise<ApiCommands[Name]["output"]> {
    return this.#api.call(name, input, { ...options, signal: this.signal });
  }

  /** The agent checks name and input: it may know commands that this program does not. */
  callNamed(name: string, input: unknown, options: PortCallOptions = {}): Promise<unknown> {
    return this.call(name as CommandName, input as ApiCommands[CommandName]["input"], options);
  }

  async role(): Promise<"admin" | "monitor" | null> {
    try {
      await this.call("status", {});
    } catch (error) {
      if (error instanceof SmError && error.code === "REFUSED") return null;
      throw error;
    }
    try {
      await access(join(this.#runtimeDir, "admin.sock"), constants.W_OK);
      return "admin";
    } catch (error) {
      // Whoever may not open it has been answered on the other socket.
      if ((error as NodeJS.ErrnoException).code === "EACCES") return "monitor";
      throw error;
    }
  }
}
