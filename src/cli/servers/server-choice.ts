// Which agent a command asks: the flag --server, else --runtime-dir, else SM_SERVER, else SM_HOME, else the stored default, else
// the agent of this machine. Whatever names an agent and cannot be had is refused: no command ever reaches another one instead.

import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { SmError } from "../../base/errors.js";
import { nearestWord } from "../../base/nearest-word.js";
import type { AgentPlace } from "../agent-api.js";
import { type DirectoryFlags, resolveCliDirectories } from "../directories.js";
import { addressText, isSameName, type ServerEntry, THIS_SERVER } from "./server-entry.js";
import { ServerFile } from "./server-file.js";

type Environment = Readonly<Record<string, string | undefined>>;

export interface AgentFlags extends DirectoryFlags {
  readonly server?: string | undefined;
}

export function serverFile(env: Environment): ServerFile {
  const { SM_SERVERS_FILE: file, XDG_CONFIG_HOME: xdg } = env;
  if (file !== undefined && file !== "") return new ServerFile(resolve(file));
  return new ServerFile(join(xdg === undefined || xdg === "" ? join(homedir(), ".config") : resolve(xdg), "sm", "servers.json"));
}

export function chooseAgent(flags: AgentFlags, env: Environment): AgentPlace {
  const server = chosenServer(flags, env);
  return server === null ? { kind: "here", runtimeDir: resolveCliDirectories(flags, env).runtimeDir } : { kind: "server", server };
}

function chosenServer(flags: AgentFlags, env: Environment): ServerEntry | null {
  const given = (Object.keys(flags) as (keyof AgentFlags)[]).find((name) => name.endsWith("-dir") && flags[name] !== undefined);
  if (flags.server !== undefined && given !== undefined) {
    throw new SmError("USAGE", `--server and --${given} go not together: the directories are those of the agent of this machine`);
  }
  if (flags["runtime-dir"] !== undefined) return null;
  const name = flags.server ?? (env.SM_SERVER === "" ? undefined : env.SM_SERVER);
  if (name !== undefined) return findServer(serverFile(env), name, flags.server === undefined ? "SM_SERVER" : "--server");
  if (env.SM_HOME !== undefined && env.SM_HOME !== "") return null;
  const { servers, defaultName } = serverFile(env).read();
  return servers.find((server) => server.name === defaultName) ?? null;
}

/** By its name, or by HOST:PORT where that is one server only; null = the agent of this machine. */
function findServer(file: ServerFile, text: string, origin: string): ServerEntry | null {
  if (isSameName(text, THIS_SERVER)) return null;
  return requireServer(file, text, `${origin} is ${JSON.stringify(text)}, but`);
}

export function requireServer(file: ServerFile, text: string, lead = ""): ServerEntry {
  const { servers } = file.read();
  const found = serversMeant(servers, text);
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  const quoted = JSON.stringify(text);
  if (first !== undefined) throw unknown(lead, `${quoted} may be ${found.map(({ name }) => name).join(" or ")}: give the name`);
  if (text.includes(":")) throw unknown(lead, `no server is stored with the address ${quoted}: \`sm server add NAME --address ${text}\` does`);
  const near = nearestWord(
    text,
    servers.map(({ name }) => name),
  );
  throw unknown(lead, `no server ${quoted} is stored${near === undefined ? "" : `; did you mean ${near}?`}`);
}

export function serversMeant(servers: readonly ServerEntry[], text: string): readonly ServerEntry[] {
  const named = servers.filter(({ name }) => isSameName(name, text));
  return named.length > 0 ? named : servers.filter(({ address }) => isSameName(addressText(address), text));
}

function unknown(lead: string, message: string): SmError {
  return new SmError("SERVER_UNKNOWN", lead === "" ? message : `${lead} ${message}`);
}
