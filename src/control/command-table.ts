// The one table of control commands. Its place: below every face (HTTP API, command language, CLI), above the agent's port.
// Invariant: every command stands here once; a face adds nothing to what the table says.

import { AGENT_COMMANDS } from "./agent-commands.js";
import { AUDIT_COMMANDS } from "./audit-commands.js";
import { CATALOG_COMMANDS } from "./catalog-commands.js";
import type { AnyCommand } from "./command.js";
import { CONFIG_COMMANDS } from "./config-commands.js";
import { CONNECTION_COMMANDS } from "./connection-commands.js";
import { EXPLAIN_COMMANDS } from "./explain-commands.js";
import { HOOK_COMMANDS } from "./hook-commands.js";
import { JOB_COMMANDS } from "./job-commands.js";
import { LOG_COMMANDS } from "./log-commands.js";
import { MIRROR_COMMANDS } from "./mirror-commands.js";
import { PEER_COMMANDS } from "./peer-commands.js";
import { PLAN_COMMANDS } from "./plan-commands.js";
import { QUARANTINE_COMMANDS } from "./quarantine-commands.js";
import { QUEUE_COMMANDS } from "./queue-commands.js";
import { REPLICATION_COMMANDS } from "./replication-commands.js";
import { REPSET_COMMANDS } from "./repset-commands.js";
import { RESTORE_COMMANDS } from "./restore-commands.js";
import { SCHEDULE_COMMANDS } from "./schedule-commands.js";
import { STATUS_COMMANDS } from "./status-commands.js";
import { TASK_COMMANDS } from "./task-commands.js";
import { TDU_COMMANDS } from "./tdu-commands.js";
import { TRANSMISSION_COMMANDS } from "./transmission-commands.js";
import { USER_COMMANDS } from "./user-commands.js";
import { VERIFY_COMMANDS } from "./verify-commands.js";

export const COMMANDS = [
  ...STATUS_COMMANDS,
  ...EXPLAIN_COMMANDS,
  ...AGENT_COMMANDS,
  ...REPSET_COMMANDS,
  ...CONNECTION_COMMANDS,
  ...MIRROR_COMMANDS,
  ...HOOK_COMMANDS,
  ...PLAN_COMMANDS,
  ...JOB_COMMANDS,
  ...RESTORE_COMMANDS,
  ...VERIFY_COMMANDS,
  ...REPLICATION_COMMANDS,
  ...TRANSMISSION_COMMANDS,
  ...SCHEDULE_COMMANDS,
  ...TDU_COMMANDS,
  ...QUEUE_COMMANDS,
  ...CONFIG_COMMANDS,
  ...QUARANTINE_COMMANDS,
  ...TASK_COMMANDS,
  ...PEER_COMMANDS,
  ...USER_COMMANDS,
  ...LOG_COMMANDS,
  ...AUDIT_COMMANDS,
  ...CATALOG_COMMANDS,
] as const;

const BY_NAME: ReadonlyMap<string, AnyCommand> = new Map(COMMANDS.map((command): [string, AnyCommand] => [command.name, command]));

export function findCommand(name: string): AnyCommand | undefined {
  return BY_NAME.get(name);
}
