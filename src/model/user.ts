// People and programs that may use the control API from other machines. The agent keeps them; the control plane asks.

/** none may ask whether the agent is there; monitor may read; admin may do everything. */
export type UserRole = "none" | "monitor" | "admin";

/** A user as the login sees it. A change makes another value: who holds this one knows that it is current, or not. */
export interface UserAccount {
  readonly name: string;
  readonly role: UserRole;
  /** sha256 of the secret of the token, hexadecimal; the secret itself is kept nowhere. */
  readonly tokenHash: string;
  /** sha256 of the certificate that stands for the token, or null. */
  readonly fingerprint: string | null;
}

/** Who may log in. */
export interface UserDirectory {
  readonly count: number;
  find(name: string): UserAccount | undefined;
  findByFingerprint(fingerprint: string): UserAccount | undefined;
  /** After each change of a user, removal included. Returns the way to end it. */
  onChanged(listener: () => void): () => void;
}

export interface UserReport {
  readonly name: string;
  readonly role: UserRole;
  readonly fingerprint: string | null;
  /** ISO 8601. */
  readonly createdAt: string;
  /** ISO 8601: when the token that is valid was made. */
  readonly tokenAt: string;
}

/** The one time that a token is told. */
export interface UserToken {
  readonly user: UserReport;
  readonly token: string;
  /** Of this agent's certificate: what the user's client has to expect. */
  readonly serverFingerprint: string;
}

export interface UserControl {
  list(): Promise<readonly UserReport[]>;
  create(request: { readonly name: string; readonly role: UserRole; readonly fingerprint: string | null }): Promise<UserToken>;
  /** A new token; the one before is over. */
  renewToken(name: string): Promise<UserToken>;
  setRole(name: string, role: UserRole): Promise<UserReport>;
  remove(name: string): Promise<void>;
}
