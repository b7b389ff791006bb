// Users in memory: the port of the commands and of the login, for tests of the control plane.

import { makeToken } from "../../src/base/access-token.js";
import { SmError } from "../../src/base/errors.js";
import type { TokenLife, UserAccount, UserControl, UserDirectory, UserReport, UserRequest, UserRole } from "../../src/model/user.js";

type User = UserAccount & UserReport;

const AT = "2026-01-01T00:00:00.000Z";

export class MemoryUsers implements UserDirectory, UserControl {
  readonly #byName = new Map<string, User>();
  readonly #listeners = new Set<() => void>();

  get count(): number {
    return this.#byName.size;
  }

  find(name: string): User | undefined {
    return this.#byName.get(name);
  }

  findByFingerprint(fingerprint: string): User | undefined {
    return [...this.#byName.values()].find((user) => user.fingerprint === fingerprint);
  }

  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async list(): Promise<readonly UserReport[]> {
    return [...this.#byName.values()];
  }

  async create({ name, role, fingerprint, tokenUntil = null }: UserRequest) {
    if (this.#byName.has(name)) throw new SmError("ALREADY_EXISTS", `there is a user "${name}" already`);
    return this.#withToken({ name, role, fingerprint, tokenHash: "", createdAt: AT, tokenAt: AT, tokenUntil });
  }

  async renewToken(name: string, life: TokenLife = "as before") {
    const user = this.#require(name);
    return this.#withToken({ ...user, tokenUntil: life === "as before" ? user.tokenUntil : life === "never" ? null : life });
  }

  async setRole(name: string, role: UserRole): Promise<UserReport> {
    return this.#set({ ...this.#require(name), role });
  }

  async remove(name: string): Promise<void> {
    this.#require(name);
    this.#byName.delete(name);
    for (const listener of this.#listeners) listener();
  }

  #withToken(user: User) {
    const { text, hash } = makeToken(user.name);
    return { user: this.#set({ ...user, tokenHash: hash }), token: text, serverFingerprint: "cd".repeat(32) };
  }

  #set(user: User): User {
    this.#byName.set(user.name, user);
    for (const listener of this.#listeners) listener();
    return user;
  }

  #require(name: string): User {
    const user = this.#byName.get(name);
    if (user === undefined) throw new SmError("NOT_FOUND", `there is no user "${name}"`);
    return user;
  }
}
