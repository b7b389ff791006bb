// Who may command this agent and who did: the groups of its sockets, the accounts at their other ends, the audit log.

import type { Socket } from "node:net";
import type { Log } from "../base/log.js";
import type { Config } from "../config/config.js";
import { readRoleGroupIds } from "../control/role-groups.js";
import { AccountNames, socketAccount } from "../fs/socket-account.js";
import type { Account } from "../model/account.js";
import { ROLE_GROUPS } from "../model/group-file.js";
import type { Reason } from "../model/status.js";
import { AuditLog } from "../observe/audit-log.js";

export interface AgentRightsOptions {
  readonly config: Pick<Config, "logDir">;
  readonly log: Log;
  /** Default /etc/group. */
  readonly groupFile?: string;
  readonly onChange: () => void;
}

export class AgentRights {
  readonly audit: AuditLog;
  readonly accountOf: (socket: Socket) => Account | undefined;
  readonly #standing: readonly Reason[];

  private constructor(audit: AuditLog, standing: readonly Reason[]) {
    const names = new AccountNames();
    this.audit = audit;
    this.accountOf = (socket) => socketAccount(socket, names);
    this.#standing = standing;
  }

  static async open({ config, log, groupFile = "/etc/group", onChange }: AgentRightsOptions): Promise<AgentRights> {
    const missing = missingGroups(await readRoleGroupIds(groupFile), process.getuid?.() === 0);
    const standing = missing.length === 0 ? [] : [groupsReason(missing, groupFile, new Date().toISOString())];
    for (const { message, object, command } of standing) log.warn(message, { path: object, command });
    return new AgentRights(new AuditLog({ directory: config.logDir, log, onChange }), standing);
  }

  reasons(): readonly Reason[] {
    const { reason } = this.audit;
    return reason === undefined ? this.#standing : [...this.#standing, reason];
  }

  close(): Promise<void> {
    return this.audit.close();
  }
}

/** An agent of an ordinary account needs none: its sockets are its own. */
function missingGroups(ids: Readonly<Record<keyof typeof ROLE_GROUPS, number | undefined>>, isRoot: boolean): readonly string[] {
  if (!isRoot) return [];
  return (["admin", "monitor"] as const).filter((role) => ids[role] === undefined).map((role) => ROLE_GROUPS[role]);
}

function groupsReason(missing: readonly string[], groupFile: string, since: string): Reason {
  return {
    code: "ROLE_GROUPS",
    message: `this system has no group ${missing.join(" and no group ")}: root alone may use what is for its members`,
    object: groupFile,
    since,
    next: "make the group, add accounts to it, and restart the agent",
    nextAt: null,
    command: missing.map((group) => `groupadd --system ${group}`).join(" && "),
  };
}
