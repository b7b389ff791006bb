import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** Where the program keeps what belongs to a person, not to an agent. */
export function userStateDirectory(env: Readonly<Record<string, string | undefined>>): string {
  const fromEnv = env.XDG_STATE_HOME;
  return join(fromEnv === undefined || fromEnv === "" ? join(homedir(), ".local", "state") : resolve(fromEnv), "sm");
}
