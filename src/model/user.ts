// People and programs that may use the control API from other machines. The agent keeps them; the control plane asks.

/** none may ask whether the agent is there; monitor may read; admin may do everything. */
export type UserRole = "none" | "monitor" | "admin";

/** A user as the login sees it. A change makes another value: who holds this one knows that it is current, or not. */
export interface UserAccount {
  readonly name: string;
  readonly role: UserRole;
  /** sha256 of the secret of the token, hexadecimal; the secret itself is kept nowhere. */
  readonly tokenHash: string;
  /** ISO 8601: when the token ends; null: it does not. */
  readonly tokenUntil: string | null;
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
  /** ISO 8601: when it ends; null: it does not. A certificate is not concerned. */
  readonly tokenUntil: string | null;
}

/** How long a new token is good: until a time (ISO 8601), without end, or as long as the one before it was meant to be. */
export type TokenLife = string | "never" | "as before";

export function isTokenOver({ tokenUntil }: Pick<UserReport, "tokenUntil">, nowMs: number): boolean {
  return tokenUntil !== null && Date.parse(tokenUntil) <= nowMs;
}

/** The one time that a token is told. */
export interface UserToken {
  readonly user: UserReport;
  readonly token: string;
  /** Of this agent's certificate: what the user's client has to expect. */
  readonly serverFingerprint: string;
}

export interface UserRequest {
  readonly name: string;
  readonly role: UserRole;
  readonly fingerprint: string | null;
  /** ISO 8601; absent, or null: without end. */
  readonly tokenUntil?: string | null;
}

export interface UserControl {
  list(): Promise<readonly UserReport[]>;
  /** Throws USAGE when the token would be over already. */
  create(request: UserRequest): Promise<UserToken>;
  /** A new token; the one before is over. */
  renewToken(name: string, life?: TokenLife): Promise<UserToken>;
  setRole(name: string, role: UserRole): Promise<UserReport>;
  remove(name: string): Promise<void>;
}
