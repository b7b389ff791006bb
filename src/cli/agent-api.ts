// The one way of every command to an agent: what speaks to it is made here, and nowhere else.

import type { ApiCommands, CommandName } from "../control/api.js";
import { ApiClient, type CallOptions } from "./api-client.js";

export interface AgentApi {
  /** Rejects with the error of the agent, or with AGENT_UNREACHABLE. */
  call<Name extends CommandName>(name: Name, input: ApiCommands[Name]["input"], options?: CallOptions): Promise<ApiCommands[Name]["output"]>;
}

/** Where an agent is spoken to. */
export interface AgentPlace {
  readonly runtimeDir: string;
}

export function openAgentApi({ runtimeDir }: AgentPlace): AgentApi {
  return new ApiClient(runtimeDir);
}
