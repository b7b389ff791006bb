// The way of scripts to an agent, and from there to the others that the account has stored: that of the CLI.

import { SmError } from "../../base/errors.js";
import type { ApiCommands, CommandName } from "../../control/api.js";
import type { CommandPort, PortCallOptions } from "../../script/command-port.js";
import { type AgentApi, type AgentPlace, openAgentApi } from "../agent-api.js";
import { parsePeerAddress } from "../parse/peer-address.js";
import { serverFile, serversMeant } from "../servers/server-choice.js";
import { addressText, type ServerEntry, THIS_SERVER } from "../servers/server-entry.js";

export interface ApiPortOptions {
  readonly place: AgentPlace;
  readonly signal: AbortSignal;
  /** Those that the account has stored, read when a name is looked for. */
  servers(): readonly ServerEntry[];
  /** What the account calls the agent, where that is not what its place is called. */
  readonly names?: readonly string[] | null;
}

export class ApiPort implements CommandPort {
  readonly serverNames: readonly string[] | null;
  readonly #api: AgentApi;
  readonly #servers: () => readonly ServerEntry[];
  readonly #others = new Map<string, ApiPort>();
  readonly #users = new Set<ApiPort>();
  readonly #place: AgentPlace;
  #signal: AbortSignal;

  constructor({ place, signal, servers, names = namesOf(place) }: ApiPortOptions) {
    this.serverNames = names;
    this.#place = place;
    this.#api = openAgentApi(place);
    this.#servers = servers;
    this.#signal = signal;
  }

  get signal(): AbortSignal {
    return this.#signal;
  }

  /** A command ends wherever it is carried out. */
  set signal(signal: AbortSignal) {
    this.#signal = signal;
    for (const other of [...this.#others.values(), ...this.#users]) other.signal = signal;
  }

  call<Name extends CommandName>(name: Name, input: ApiCommands[Name]["input"], options: PortCallOptions = {}): Promise<ApiCommands[Name]["output"]> {
    return this.#api.call(name, input, { ...options, signal: this.#signal });
  }

  /** The agent checks name and input: it may know commands that this program does not. */
  callNamed(name: string, input: unknown, options: PortCallOptions = {}): Promise<unknown> {
    return this.call(name as CommandName, input as ApiCommands[CommandName]["input"], options);
  }

  async role(): Promise<"admin" | "monitor" | null> {
    try {
      const { role } = await this.call("whoami", {});
      return role === "none" ? null : role;
    } catch (error) {
      if (error instanceof SmError && (error.code === "REFUSED" || error.code === "LOGIN_FAILED")) return null;
      throw error;
    }
  }

  async withToken(token: string): Promise<CommandPort | null> {
    const server = await this.#serverFor(token);
    if (server === null) return null;
    const user = new ApiPort({ place: { kind: "server", server }, signal: this.#signal, servers: this.#servers, names: this.serverNames });
    this.#users.add(user);
    return user;
  }

  /** Of the agent here, its own word on its socket says where it listens and by which certificate it is known. */
  async #serverFor(token: string): Promise<ServerEntry | null> {
    if (this.#place.kind === "server") return { ...this.#place.server, token };
    if ((await this.role()) === null) return null;
    const [{ agent }, { identity }] = [await this.call("status", {}), await this.call("peer.list", {})];
    const address = parsePeerAddress("the address of the agent", agent.listen);
    const host = address.host === "0.0.0.0" ? "127.0.0.1" : address.host === "::" ? "::1" : address.host;
    return { name: THIS_SERVER, address: { ...address, host }, fingerprint: identity.fingerprint, token };
  }

  toServer(machine: string): CommandPort | null {
    const [server, second] = serversMeant(this.#servers(), machine);
    if (server === undefined || second !== undefined) return null;
    const known = this.#others.get(server.name);
    if (known !== undefined) return known;
    const other = new ApiPort({ place: { kind: "server", server }, signal: this.#signal, servers: this.#servers });
    this.#others.set(server.name, other);
    return other;
  }
}

function namesOf(place: AgentPlace): readonly string[] | null {
  return place.kind === "here" ? null : [place.server.name, place.server.address.host, addressText(place.server.address)];
}

export function openScriptPort(place: AgentPlace, signal: AbortSignal): ApiPort {
  return new ApiPort({ place, signal, servers: () => serverFile(process.env).read().servers });
}
