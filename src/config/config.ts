// The agent's configuration as one frozen value. What each field means, its default and the reason for it: config-fields.ts.

import type { OrphanLogging } from "../model/orphans.js";
import type { SocketRule } from "../model/sockets.js";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface ConfigSections {
  readonly server: {
    readonly name: string;
    readonly listen: string;
    readonly addresses: readonly string[];
  };
  readonly source: {
    readonly enabled: boolean;
    /** Programs of tasks may run on this server. */
    readonly tasks: boolean;
    /** Hooks of mirrors may run on this server. */
    readonly hooks: boolean;
    /** Programs of both lie below it; null = none may. */
    readonly taskDirectory: string | null;
  };
  readonly target: {
    readonly enabled: boolean;
    readonly allowedRoots: readonly string[];
    readonly stageMiB: number;
    /** Programs may run on this server because a paired source says so. */
    readonly tasks: boolean;
    /** They lie below it; null = none may. */
    readonly taskDirectory: string | null;
  };
  readonly queue: {
    readonly directory: string;
    readonly memoryMiB: number;
    readonly diskMiB: number | null;
    readonly minFreeMiB: number;
    /** 0 = no alert. */
    readonly alertPercent: number;
    readonly onFull: "pull-ahead" | "mirror";
  };
  readonly transport: {
    readonly compressMinBytes: number;
    readonly windowMiB: number;
    /** Of each connection. */
    readonly sockets: SocketRule;
    readonly heartbeatMs: number;
    readonly deadMs: number;
    readonly connectTimeoutMs: number;
  };
  readonly apply: {
    readonly durability: "none" | "write" | "fsync";
    readonly retryInitialMs: number;
    readonly retryMaxMs: number;
    /** Names of the errors that hold up one path only. */
    readonly refusals: readonly string[];
    /** Seconds; null = for ever. */
    readonly retryLimitSeconds: number | null;
    /** Seconds; 0 = by hand only. */
    readonly quarantineRetrySeconds: number;
  };
  readonly capture: {
    readonly source: "auto" | "fanotify" | "chokidar" | "walk";
    readonly watchesMax: number | null;
    readonly walkSeconds: number;
    /** Seconds between audits of a source that tells everything; 0 = none. */
    readonly auditSeconds: number;
    readonly signatureMiB: number;
  };
  readonly mirror: {
    /** How much there is to do is calculated before a mirror that does not say. */
    readonly size: boolean;
  };
  readonly verify: {
    /** Follows the name of the replication set. */
    readonly name: string;
    readonly append: boolean;
    readonly bytesMax: number;
  };
  readonly orphans: {
    /** More files go only when a person says so. */
    readonly confirmFiles: number;
    /** What a target logs of orphans that go. */
    readonly log: OrphanLogging;
  };
  readonly guard: {
    /** Percent of its files that a set may lose within the window before its connections hold; null = any. */
    readonly lostPercent: number | null;
    /** How many it may lose within the window, whatever their share; null = any number. */
    readonly lostFiles: number | null;
    /** The same of files that are overwritten or replaced. */
    readonly changedPercent: number | null;
    readonly lostFilesMin: number;
    readonly windowSeconds: number;
  };
  readonly tdu: {
    /** Of the statistics of simulations: one line for each. */
    readonly intervalSeconds: number;
    readonly maxFileMiB: number;
    /** Of each simulation. */
    readonly maxFiles: number;
  };
  readonly watchdog: {
    /** Nothing moves for so long though something waits, and nothing explains it: that is said; 0 = it is not watched. */
    readonly stallSeconds: number;
  };
  readonly api: {
    /** Users may log in from other machines. */
    readonly remote: boolean;
  };
  readonly log: {
    readonly level: "error" | "warn" | "info" | "debug";
    readonly format: "text" | "json";
    readonly maxFileMiB: number;
    readonly maxFiles: number;
    readonly dtlogMaxFileBytes: number;
    readonly dtlogMaxFiles: number;
    readonly maxPathChars: number;
    /** Whether events go to the log of the system, where there is one. */
    readonly system: "auto" | "off";
    readonly systemSocket: string;
  };
}

export interface ConfigDirectories {
  readonly configDir: string;
  readonly stateDir: string;
  readonly runtimeDir: string;
  readonly logDir: string;
}

export interface Config extends ConfigDirectories, ConfigSections {}

/** Host and port of "host:port" or "[ipv6]:port"; undefined when it is neither. Port 0 = any free port. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([A-Za-z0-9_][A-Za-z0-9._-]{0,252})):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}
