// The audit log: what was asked of the agent, by whom, and what came of it. One entry for each command that may change
// something, whether it was carried out, failed or was refused.

export interface AuditEntry {
  /** ISO 8601: when the command came. */
  readonly at: string;
  readonly who: string;
  /** Of the process that asked, where the system tells. */
  readonly uid: number | null;
  readonly pid: number | null;
  /** The door they came through: a socket, or the address of a remote machine. */
  readonly from: string;
  readonly role: string;
  readonly command: string;
  /** Without its secrets. Null = the command did not take it, or its caller was refused. */
  readonly input: unknown;
  /** "ok", or the code of the error. */
  readonly result: string;
  readonly durationMs: number;
  /** Refused calls before this one that were too many to be written. */
  readonly leftOut: number;
}

export interface AuditQuery {
  readonly limit: number;
  /** Null = all. */
  readonly command: string | null;
}

export interface AuditControl {
  /** Never rejects: resolves when the entry is on the disk, or when that failed or takes too long, which the agent then says itself. */
  write(entry: AuditEntry): Promise<void>;
  /** The newest first. */
  list(query: AuditQuery): Promise<readonly AuditEntry[]>;
}
