// Who calls a command, as far as the listener knows: what rights are checked against, and what is said of who changed something.

/** monitor may read; admin may do everything; none may ask whether anybody is there. */
export const ROLES = ["none", "monitor", "admin"] as const;
export type Role = (typeof ROLES)[number];

export interface Caller {
  readonly role: Role;
  /** The account: of a socket "uid N" or the system's name of it, of a remote user their name; "unknown" where nobody tells. */
  readonly name: string;
  /** The door they came through: "admin.sock", "monitor.sock", or the address of a remote machine. */
  readonly from: string;
}

export function mayCall(caller: Role, needed: Role): boolean {
  return ROLES.indexOf(caller) >= ROLES.indexOf(needed);
}
