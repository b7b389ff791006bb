// The one way of every command to an agent: what speaks to it is made here, and nowhere else.

import type { ApiCommands, CommandName } from "../control/api.js";
import { ApiClient, type CallOptions, SocketDoor } from "./api-client.js";
import { RemoteDoor } from "./servers/remote-door.js";
import type { ServerEntry } from "./servers/server-entry.js";

export interface AgentApi {
  /** Rejects with the error of the agent, or with AGENT_UNREACHABLE. */
  call<Name extends CommandName>(name: Name, input: ApiCommands[Name]["input"], options?: CallOptions): Promise<ApiCommands[Name]["output"]>;
}

/** Where an agent is spoken to: by the sockets of this machine, or as a server that this account has stored. */
export type AgentPlace = { readonly kind: "here"; readonly runtimeDir: string } | { readonly kind: "server"; readonly server: ServerEntry };

export function openAgentApi(place: AgentPlace): AgentApi {
  return new ApiClient(place.kind === "here" ? new SocketDoor(place.runtimeDir) : new RemoteDoor(place.server));
}
