// What parts of the agent are configured with, as they ask for it: each value is looked up when it is needed, so that a changed
// configuration is in force without a restart. Nothing here may be copied by a spread.

import type { ProgramDirectory } from "../apply/target-path.js";
import { MiB } from "../base/units.js";
import type { Config } from "../config/config.js";
import type { TargetSettings } from "../connection/target-settings.js";
import type { PeerServerOptions } from "../transport/peer-server.js";
import type { DialerOptions } from "../transport/source-dialer.js";

/** How long nothing may move before that is said; null = it is not watched. */
export function stallMs({ watchdog }: Pick<Config, "watchdog">): number | null {
  return watchdog.stallSeconds === 0 ? null : watchdog.stallSeconds * 1000;
}

function programDirectories({ source, target }: Config): readonly ProgramDirectory[] {
  const places = [
    { path: source.taskDirectory, key: "source.taskDirectory" },
    { path: target.taskDirectory, key: "target.taskDirectory" },
  ];
  return places.flatMap(({ path, key }) => (path === null ? [] : [{ path, key }]));
}

export function targetSettings(config: Config): TargetSettings {
  const { configDir, stateDir, runtimeDir, logDir } = config;
  return {
    name: config.server.name,
    stateDir,
    ownDirectories: [configDir, stateDir, runtimeDir, logDir, config.queue.directory],
    programDirectories: programDirectories(config),
    tasks: { isEnabled: config.target.tasks, directory: config.target.taskDirectory, keys: { enabled: "target.tasks", directory: "target.taskDirectory" } },
    get isEnabled() {
      return config.target.enabled;
    },
    get allowedRoots() {
      return config.target.allowedRoots;
    },
    get stageBytesMax() {
      return config.target.stageMiB * MiB;
    },
    get orphanLog() {
      return config.orphans.log;
    },
    get retryInitialMs() {
      return config.apply.retryInitialMs;
    },
    get retryMaxMs() {
      return config.apply.retryMaxMs;
    },
    get stallMs() {
      return stallMs(config);
    },
    get quarantine() {
      const { refusals, retryLimitSeconds, quarantineRetrySeconds } = config.apply;
      return { refusals, limitMs: retryLimitSeconds === null ? null : retryLimitSeconds * 1000, retryMs: quarantineRetrySeconds * 1000 };
    },
  };
}

function linkTiming(config: Config) {
  return {
    get heartbeatMs() {
      return config.transport.heartbeatMs;
    },
    get deadMs() {
      return config.transport.deadMs;
    },
    get connectTimeoutMs() {
      return config.transport.connectTimeoutMs;
    },
  };
}

/** Of links that are dialled. */
export function dialerOptions(common: Pick<DialerOptions, "identity" | "peers" | "log">, config: Config): DialerOptions {
  return {
    ...common,
    timing: linkTiming(config),
    get compressBytesMin() {
      return config.transport.compressMinBytes;
    },
    get sockets() {
      return config.transport.sockets;
    },
  };
}

/** Of links that are accepted. */
export function serverOptions(common: Omit<PeerServerOptions, "limits" | "compressBytesMin">, config: Config): PeerServerOptions {
  return {
    ...common,
    runsTasks: config.target.tasks,
    limits: linkTiming(config),
    get compressBytesMin() {
      return config.transport.compressMinBytes;
    },
  };
}
