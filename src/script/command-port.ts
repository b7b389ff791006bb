// The way of a script to the command table. Whoever runs scripts supplies it.

import type { ApiCommands, CommandName } from "../control/api.js";

export interface PortCallOptions {
  /** Default: 40 s. The call then rejects with AGENT_UNREACHABLE. */
  readonly deadlineMs?: number;
}

export interface CommandPort {
  /** What the account calls the machine of the agent: a stored server, its host, its address. Null: the agent of this machine. */
  readonly serverNames: readonly string[] | null;
  /** Ends calls, waits and loops. That of a shell is another one for each command. */
  readonly signal: AbortSignal;
  call<Name extends CommandName>(name: Name, input: ApiCommands[Name]["input"], options?: PortCallOptions): Promise<ApiCommands[Name]["output"]>;
  /** A command by a name that only the agent knows; COMMAND_UNKNOWN when it does not. */
  callNamed(name: string, input: unknown, options?: PortCallOptions): Promise<unknown>;
  /** What the account that runs the script may do with the agent; null = nothing. */
  role(): Promise<"admin" | "monitor" | null>;
  /**
   * The way to the same agent, with the rights of the user that has this token, whatever those of the account are. Null = the agent lets
   * this account ask nothing, not even where it can be reached.
   */
  withToken(token: string): Promise<CommandPort | null>;
  /** The way to another agent, that the account has stored under this name; null = there is none. The same one each time. */
  toServer(machine: string): CommandPort | null;
}
