import type { ConfigInForce } from "../config/config-in-force.js";
import type { RepsetStore } from "../config/repset-store.js";
import type { ReplicationControl } from "../model/control-port.js";
import type { VerificationControl } from "../model/verification-control.js";
import type { AgentLog } from "../observe/agent-log.js";
import type { ConfigSource } from "./agent-config.js";
import { ConfigService } from "./config-service.js";
import { ConnectionFiles } from "./connection-files.js";
import type { QueueService } from "./queue-service.js";
import { RepsetReload } from "./repset-reload.js";
import type { SourceService } from "./source-service.js";

export interface OpenConfigOptions {
  readonly from: ConfigSource;
  readonly settings: ConfigInForce;
  readonly repsets: RepsetStore;
  readonly source: SourceService;
  readonly queue: QueueService;
  readonly replication: ReplicationControl;
  readonly verification: VerificationControl;
  readonly onChange: () => void;
  readonly log: AgentLog;
}

export function openConfigService({ from, settings, repsets, source, queue, replication, verification, onChange, log }: OpenConfigOptions): ConfigService {
  return new ConfigService({
    ...{ from, settings, source, queue, onChange, log },
    connections: new ConnectionFiles({ source, replication, verification, log }),
    repsets: new RepsetReload(settings.config.configDir, repsets, source),
    setLogLevel: (level) => log.setLevel(level),
  });
}
