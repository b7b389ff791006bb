// Where the CLI finds the agent: flags first, then SM_HOME, then the places of an installed system.

import { join, resolve } from "node:path";

export interface DirectoryFlags {
  readonly "config-dir"?: string | undefined;
  readonly "state-dir"?: string | undefined;
  readonly "runtime-dir"?: string | undefined;
  readonly "log-dir"?: string | undefined;
}

export interface Directories {
  readonly configDir: string;
  readonly stateDir: string;
  readonly runtimeDir: string;
  readonly logDir: string;
}

const SYSTEM: Directories = { configDir: "/etc/sm", stateDir: "/var/lib/sm", runtimeDir: "/run/sm", logDir: "/var/log/sm" };

export function homeDirectories(home: string): Directories {
  const root = resolve(home);
  return { configDir: join(root, "etc"), stateDir: join(root, "state"), runtimeDir: join(root, "run"), logDir: join(root, "log") };
}

export function resolveCliDirectories(flags: DirectoryFlags, env: Readonly<Record<string, string | undefined>>): Directories {
  const home = env.SM_HOME;
  const base = home === undefined || home === "" ? SYSTEM : homeDirectories(home);
  const chosen = (flag: string | undefined, otherwise: string): string => (flag === undefined ? otherwise : resolve(flag));
  return {
    configDir: chosen(flags["config-dir"], base.configDir),
    stateDir: chosen(flags["state-dir"], base.stateDir),
    runtimeDir: chosen(flags["runtime-dir"], base.runtimeDir),
    logDir: chosen(flags["log-dir"], base.logDir),
  };
}
