// Users as the control plane sees them: never a hash, and a token once.

import { SmError } from "../base/errors.js";
import type { TokenLife, UserControl, UserReport, UserRequest, UserRole, UserToken } from "../model/user.js";
import type { Identity } from "../transport/identity.js";
import type { PeerStore } from "../transport/peer-store.js";
import type { UserStore } from "./user-store.js";

export interface UserServiceOptions {
  readonly users: UserStore;
  readonly identity: Identity;
  readonly peers: PeerStore;
}

export class UserService implements UserControl {
  readonly #options: UserServiceOptions;

  constructor(options: UserServiceOptions) {
    this.#options = options;
  }

  async list(): Promise<readonly UserReport[]> {
    return this.#options.users.list().map(reportOf);
  }

  async create(request: UserRequest): Promise<UserToken> {
    const { users, identity, peers } = this.#options;
    const { fingerprint } = request;
    const peer = fingerprint === null ? undefined : peers.findByFingerprint(fingerprint);
    if (peer !== undefined || (fingerprint !== null && identity.isOwn(fingerprint))) {
      const owner = peer === undefined ? "this agent" : `the peer "${peer.name}"`;
      throw new SmError("ALREADY_EXISTS", `the certificate ${fingerprint} is that of ${owner}, which is for channels alone: give the user another one`);
    }
    return this.#told(await users.create(request));
  }

  async renewToken(name: string, life: TokenLife = "as before"): Promise<UserToken> {
    return this.#told(await this.#options.users.renewToken(name, life));
  }

  async setRole(name: string, role: UserRole): Promise<UserReport> {
    return reportOf(await this.#options.users.setRole(name, role));
  }

  remove(name: string): Promise<void> {
    return this.#options.users.remove(name);
  }

  #told({ user, token }: { readonly user: UserReport; readonly token: string }): UserToken {
    return { user: reportOf(user), token, serverFingerprint: this.#options.identity.newest };
  }
}

function reportOf({ name, role, fingerprint, createdAt, tokenAt, tokenUntil }: UserReport): UserReport {
  return { name, role, fingerprint, createdAt, tokenAt, tokenUntil };
}
