// The control API for other machines: users, and the door that the listener for peers opens to them. Requests that come before the
// agent serves, or while remote access is off, are answered as by an agent without such an API.

import type { Log } from "../base/log.js";
import type { Config } from "../config/config.js";
import { RemoteApi } from "../control/http-remote.js";
import type { AgentControl } from "../model/control-port.js";
import type { Reason } from "../model/status.js";
import type { UserControl } from "../model/user.js";
import type { Identity } from "../transport/identity.js";
import type { PlainRequest } from "../transport/peer-server.js";
import type { PeerStore } from "../transport/peer-store.js";
import { TokenExpiry } from "./token-expiry.js";
import { UserService } from "./user-service.js";
import { UserStore } from "./user-store.js";

export interface RemoteAccessOptions {
  readonly config: Pick<Config, "api" | "stateDir">;
  readonly identity: Identity;
  readonly peers: PeerStore;
  readonly onChange: () => void;
  readonly log: Log;
}

export class RemoteAccess {
  readonly users: UserControl;
  readonly #options: RemoteAccessOptions;
  readonly #store: UserStore;
  readonly #expiry: TokenExpiry;
  #api: RemoteApi | undefined;

  private constructor(options: RemoteAccessOptions, store: UserStore) {
    this.#options = options;
    this.#store = store;
    this.#expiry = new TokenExpiry({ ...options, users: store });
    this.users = new UserService({ ...options, users: store });
  }

  static async open(options: RemoteAccessOptions): Promise<RemoteAccess> {
    return new RemoteAccess(options, await UserStore.open(options.config.stateDir));
  }

  /** What is to be said of users: tokens that end. */
  reasons(): readonly Reason[] {
    return this.#expiry.reasons();
  }

  readonly take = (request: PlainRequest): boolean => this.#api?.take(request) ?? false;

  async serve(agent: AgentControl): Promise<void> {
    const { config, log } = this.#options;
    if (config.api.remote) this.#api = await RemoteApi.open({ agent, users: this.#store, log });
  }

  async close(): Promise<void> {
    this.#expiry.close();
    await this.#api?.close();
  }
}
