// The configuration of one agent: its files, its environment, and the flags that it was started with, which win.

import type { Config } from "../config/config.js";
import { type LoadConfigOptions, type LoadedConfig, readConfig, type ValueOrigin } from "../config/load-config.js";

export interface AgentFlags {
  readonly configDir?: string;
  readonly stateDir?: string;
  readonly runtimeDir?: string;
  readonly logDir?: string;
  readonly listen?: string;
  readonly siteName?: string;
}

export interface ConfigSource {
  readonly flags: AgentFlags;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function loadOptions({ flags, env }: ConfigSource): LoadConfigOptions {
  return { flags, env };
}

/** Throws CONFIG_INVALID. `text` stands for what sm.yaml has. */
export function loadAgentConfig(source: ConfigSource, text?: string): LoadedConfig {
  return withFlags(readConfig(loadOptions(source), text), source.flags);
}

export function withFlags({ config, origins }: LoadedConfig, { listen, siteName }: AgentFlags): LoadedConfig {
  const server: Config["server"] = { ...config.server, ...(listen === undefined ? {} : { listen }), ...(siteName === undefined ? {} : { name: siteName }) };
  const flagged: [string, ValueOrigin][] = [
    ...(listen === undefined ? [] : [["server.listen", { from: "flag", place: "--listen" }] satisfies [string, ValueOrigin]]),
    ...(siteName === undefined ? [] : [["server.name", { from: "flag", place: "--site-name" }] satisfies [string, ValueOrigin]]),
  ];
  return { config: { ...config, server: Object.freeze(server) }, origins: new Map([...origins, ...flagged]) };
}
