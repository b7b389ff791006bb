// Which machine a name means: the one whose agent carries out the script, one of its peers, or a server that the account has stored.

import { hostname, networkInterfaces } from "node:os";
import { SmError } from "../base/errors.js";
import type { PeerReport } from "../model/control-port.js";
import type { CommandPort } from "./command-port.js";
import type { ScriptSession } from "./session.js";

/** What connections call the agent itself. */
export const THIS_MACHINE = "localhost";

/** Is the machine the one of the agent that the script talks to? By a name of the host or of the agent, or by an address. */
export async function isThisMachine(session: ScriptSession, machine: string): Promise<boolean> {
  return isNamed(machine, [THIS_MACHINE, ...machineNames(session.port)]) || isAgentOf(session.port, machine);
}

/**
 * The way to the agent of the machine; null = the script knows none. `localhost`, and the names of that machine, are the agent that
 * the script was given to, whatever was selected since; then come the stored servers, then what the agents call themselves.
 */
export async function findSource(session: ScriptSession, machine: string): Promise<CommandPort | null> {
  const { port } = session;
  const home = session.asUser(session.home);
  const known = knownServer(session, machine);
  if (known !== null) return session.asUser(known);
  if (await isAgentOf(port, machine)) return port;
  return port !== home && (await isAgentOf(home, machine)) ? home : null;
}

/** What is known without asking an agent: the one that the script was given to, or a stored server. By the way of the account, whoever logged in. */
export function knownServer({ home }: ScriptSession, machine: string): CommandPort | null {
  return isNamed(machine, [THIS_MACHINE, ...machineNames(home)]) ? home : home.toServer(machine);
}

/** What is known without asking: of another machine only as what it is stored. */
function machineNames({ serverNames }: CommandPort): readonly string[] {
  if (serverNames !== null) return serverNames;
  const host = hostname();
  return [host, host.split(".")[0] ?? host, ...Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address))];
}

async function isAgentOf(port: CommandPort, machine: string): Promise<boolean> {
  const { agent } = await port.call("status", {});
  return isNamed(machine, [agent.name, agent.listen]);
}

function isNamed(machine: string, names: readonly string[]): boolean {
  return names.some((name) => name.toLowerCase() === machine.toLowerCase());
}

/** The peer, or THIS_MACHINE, as connections name it. SCRIPT_TARGET when the agent knows no such machine. */
export async function resolveTarget(session: ScriptSession, machine: string): Promise<string> {
  const { peers } = await session.port.call("peer.list", {});
  if (peers.some(({ name }) => name === machine)) return machine;
  if (await isThisMachine(session, machine)) return THIS_MACHINE;
  const found = peersMeant(peers, machine.toLowerCase());
  const [first] = found;
  if (first === undefined) {
    const known = peers.slice(0, 20).map(({ name }) => name);
    const list = known.length === 0 ? "this agent is paired with none" : `it is paired with ${known.join(", ")}`;
    throw new SmError("SCRIPT_TARGET", `the agent knows no machine ${JSON.stringify(machine.slice(0, 255))}: ${list}`);
  }
  if (found.length === 1) return first.name;
  throw new SmError("SCRIPT_TARGET", `${JSON.stringify(machine.slice(0, 255))} may be ${found.map(({ name }) => name).join(" or ")}: give the name`);
}

function peersMeant(peers: readonly PeerReport[], machine: string): readonly PeerReport[] {
  const byName = peers.filter(({ name }) => name.toLowerCase() === machine);
  if (byName.length > 0) return byName;
  return peers.filter(({ addresses }) => addresses.some(({ host, port }) => [host, `${host}:${port}`, `[${host}]:${port}`].includes(machine)));
}

/** The selected target, for commands that name none. */
export function selectedTarget(session: ScriptSession): string {
  if (session.target === null) throw new SmError("SCRIPT_TARGET", "no target has been selected: TARGET <machine> does");
  return session.target;
}
