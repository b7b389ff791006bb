import { type AgentDoor, SocketDoor } from "../api-client.js";
import { RemoteDoor } from "./remote-door.js";
import type { AgentPlace } from "./server-choice.js";

export function openDoor(place: AgentPlace): AgentDoor {
  return place.kind === "here" ? new SocketDoor(place.runtimeDir) : new RemoteDoor(place.server);
}
