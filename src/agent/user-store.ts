// The users of the control API: name -> role, hash of the token, certificate. The file is the truth after a start; a change
// that takes rights away counts at once, in memory, even when the disk then refuses it.

import { join } from "node:path";
import { z } from "zod";
import { makeToken, USER_NAME_PATTERN } from "../base/access-token.js";
import { SmError, toSmError } from "../base/errors.js";
import type { TokenLife, UserAccount, UserDirectory, UserReport, UserRequest, UserRole } from "../model/user.js";
import { SecretState } from "../transport/secret-state.js";

export const USERS_MAX = 256;

const hashSchema = z.string().regex(/^[0-9a-f]{64}$/);

const userSchema = z.strictObject({
  name: z.string().regex(USER_NAME_PATTERN),
  role: z.enum(["none", "monitor", "admin"]),
  tokenHash: hashSchema,
  fingerprint: hashSchema.nullable(),
  createdAt: z.iso.datetime(),
  tokenAt: z.iso.datetime(),
  tokenUntil: z.iso.datetime().nullable().default(null),
});
const fileSchema = z.strictObject({ version: z.literal(1), users: z.array(userSchema).max(USERS_MAX) });

type User = UserAccount & UserReport;

interface UserFile {
  readonly version: 1;
  readonly users: readonly User[];
}

export class UserStore implements UserDirectory {
  readonly #state: SecretState<UserFile>;
  readonly #byName = new Map<string, User>();
  readonly #listeners = new Set<() => void>();

  private constructor(state: SecretState<UserFile>, users: readonly User[]) {
    this.#state = state;
    for (const user of users) this.#byName.set(user.name, user);
  }

  static async open(stateDir: string): Promise<UserStore> {
    const state = new SecretState(join(stateDir, "users.json"), fileSchema);
    const users = (await state.read())?.users ?? [];
    const fingerprints = users.flatMap(({ fingerprint }) => fingerprint ?? []);
    if (new Set(users.map(({ name }) => name)).size !== users.length || new Set(fingerprints).size !== fingerprints.length) {
      throw new SmError("STATE_CORRUPT", `${state.path} names a user or a certificate twice`);
    }
    return new UserStore(state, users);
  }

  get count(): number {
    return this.#byName.size;
  }

  list(): readonly User[] {
    return [...this.#byName.values()];
  }

  find(name: string): User | undefined {
    return this.#byName.get(name);
  }

  findByFingerprint(fingerprint: string): User | undefined {
    return this.list().find((user) => user.fingerprint === fingerprint);
  }

  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The token is told when the file holds the user. */
  async create({ name, role, fingerprint, tokenUntil = null }: UserRequest) {
    if (!USER_NAME_PATTERN.test(name)) {
      throw new SmError("USAGE", `the name of a user is 1 to 64 letters, digits, and . _ - behind the first: ${JSON.stringify(name.slice(0, 100))} is not`);
    }
    if (this.#byName.has(name)) throw new SmError("ALREADY_EXISTS", `there is a user "${name}" already`);
    const other = fingerprint === null ? undefined : this.findByFingerprint(fingerprint);
    if (other !== undefined) throw new SmError("ALREADY_EXISTS", `the certificate ${fingerprint} belongs to the user "${other.name}"`);
    if (this.#byName.size >= USERS_MAX) throw new SmError("REFUSED", `there are ${USERS_MAX} users, the most an agent keeps`);
    const now = new Date().toISOString();
    requireFuture(tokenUntil, now);
    const { text, hash } = makeToken(name);
    const user: User = { name, role, tokenHash: hash, fingerprint, createdAt: now, tokenAt: now, tokenUntil };
    this.#byName.set(name, user);
    try {
      await this.#save();
    } catch (error) {
      if (this.#byName.get(name) === user) this.#byName.delete(name);
      throw error;
    }
    if (tokenUntil !== null) this.tellChanged();
    return { user, token: text };
  }

  async renewToken(name: string, life: TokenLife = "as before"): Promise<{ readonly user: User; readonly token: string }> {
    const before = this.require(name);
    const nowMs = Date.now();
    const [tokenAt, tokenUntil] = [new Date(nowMs).toISOString(), endOf(life, before, nowMs)];
    requireFuture(tokenUntil, tokenAt);
    const { text, hash } = makeToken(name);
    const user = await this.#change(name, { tokenHash: hash, tokenAt, tokenUntil });
    return { user, token: text };
  }

  async setRole(name: string, role: UserRole): Promise<User> {
    return this.require(name).role === role ? this.require(name) : this.#change(name, { role });
  }

  async remove(name: string): Promise<void> {
    this.require(name);
    this.#byName.delete(name);
    await this.#saveChange(name);
  }

  require(name: string): User {
    const user = this.#byName.get(name);
    if (user === undefined) throw new SmError("NOT_FOUND", `there is no user ${JSON.stringify(name)}: see \`sm user list\``);
    return user;
  }

  async #change(name: string, change: Partial<User>): Promise<User> {
    const user: User = { ...this.require(name), ...change };
    this.#byName.set(name, user);
    await this.#saveChange(name);
    return user;
  }

  /** What is open asks anew whether it may go on: a user changed, or the time of a token is over. */
  tellChanged(): void {
    for (const listener of this.#listeners) listener();
  }

  async #saveChange(name: string): Promise<void> {
    this.tellChanged();
    try {
      await this.#save();
    } catch (error) {
      throw toSmError(error, "FS_IO", `the change of user "${name}" holds until this agent restarts only, because ${this.#state.path} cannot be written`);
    }
  }

  #save(): Promise<void> {
    return this.#state.write(() => ({ version: 1, users: this.list() }));
  }
}

function endOf(life: TokenLife, { tokenAt, tokenUntil }: User, nowMs: number): string | null {
  if (life === "never") return null;
  if (life !== "as before") return life;
  return tokenUntil === null ? null : new Date(nowMs + Date.parse(tokenUntil) - Date.parse(tokenAt)).toISOString();
}

function requireFuture(tokenUntil: string | null, now: string): void {
  if (tokenUntil !== null && Date.parse(tokenUntil) <= Date.parse(now)) throw new SmError("USAGE", `the token would be over already: ${tokenUntil} is past`);
}
