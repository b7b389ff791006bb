// Who calls a command, as far as the listener knows: what rights are checked against, and what is said of who changed something.

import type { Account } from "../model/account.js";

/** monitor may read; admin may do everything; none may ask whether anybody is there. */
export const ROLES = ["none", "monitor", "admin"] as const;
export type Role = (typeof ROLES)[number];

export interface Caller {
  readonly role: Role;
  /** The account: of a socket "uid N" or the system's name of it, of a remote user their name; "unknown" where nobody tells. */
  readonly name: string;
  /** The door they came through: "admin.sock", "monitor.sock", or the address of a remote machine. */
  readonly from: string;
  /** Of the process at the other end of a Unix socket, where the system tells. */
  readonly uid?: number;
  readonly pid?: number;
}

/** Who calls through the socket of a role; `account` undefined = the system does not tell. */
export function socketCaller(role: Role, account: Account | undefined): Caller {
  return { role, name: "unknown", from: `${role}.sock`, ...account };
}

export function mayCall(caller: Role, needed: Role): boolean {
  return ROLES.indexOf(caller) >= ROLES.indexOf(needed);
}
