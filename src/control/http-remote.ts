// The control API for other machines, behind the TLS listener that peers use. It opens no socket itself: the listener hands it
// requests. Invariants: a socket is under the listener's deadline for strangers until a user logged in on it; each request logs in
// anew; what is open ends when its user is changed; without users there is no such API, and the listener says what it said before.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { SmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import type { AgentControl } from "../model/control-port.js";
import type { UserDirectory } from "../model/user.js";
import { AnswersUnderway } from "./answers-underway.js";
import type { Role } from "./caller.js";
import { apiHandler, type RequestHandler } from "./http-api.js";
import { EventStreams } from "./http-events.js";
import { type Login, WaitingRequests } from "./login.js";
import { RemoteLogins } from "./remote-logins.js";

/** A request as the listener hands it over. */
export interface RemoteRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly remoteAddress: string;
  /** Of a certificate that is nobody's but perhaps a user's. */
  readonly fingerprint: string | undefined;
  /** The socket is that of a user. */
  admit(): void;
}

export interface RemoteApiOptions {
  readonly agent: AgentControl;
  readonly users: UserDirectory;
  readonly log: Log;
  readonly bodyTimeoutMs?: number;
  readonly closeGraceMs?: number;
  /** Sockets of the users of each role. */
  readonly socketsMax?: number;
  readonly streams?: EventStreams;
}

export class RemoteApi {
  readonly #options: Required<RemoteApiOptions>;
  readonly #logins: RemoteLogins;
  readonly #waiting = new WaitingRequests();
  readonly #underway = new AnswersUnderway();
  /** What one role asks keeps no other one out. */
  readonly #underwayOf: Readonly<Record<Role, AnswersUnderway>> = { none: new AnswersUnderway(), monitor: new AnswersUnderway(), admin: new AnswersUnderway() };
  /** With the role of who logged in there first. */
  readonly #sockets = new Map<Socket, Role>();
  readonly #comers = new WeakMap<IncomingMessage, RemoteRequest>();
  readonly #unsubscribe: () => void;
  #handler: RequestHandler | undefined;
  #isClosing = false;

  private constructor(options: RemoteApiOptions) {
    const { agent, log, users } = options;
    this.#options = { bodyTimeoutMs: 10_000, closeGraceMs: 5_000, socketsMax: 128, streams: new EventStreams({ agent, log }), ...options };
    this.#logins = new RemoteLogins({ users, log });
    this.#unsubscribe = users.onChanged(() => {
      this.#waiting.endLapsed();
      this.#options.streams.endLapsed();
    });
  }

  static async open(options: RemoteApiOptions): Promise<RemoteApi> {
    const api = new RemoteApi(options);
    const { agent, log, bodyTimeoutMs, streams } = api.#options;
    const routes = { agent, log, bodyTimeoutMs, streams, waiting: api.#waiting, needsJsonType: true, login: (request: IncomingMessage) => api.#login(request) };
    api.#handler = await apiHandler(routes);
    return api;
  }

  /** False: the request is for none of this. */
  take(comer: RemoteRequest): boolean {
    const { request, response } = comer;
    if (this.#isClosing || this.#handler === undefined || this.#options.users.count === 0 || !request.url?.startsWith("/api/")) return false;
    this.#comers.set(request, comer);
    this.#underway.add(request, response);
    this.#handler(request, response);
    return true;
  }

  /** Long polls and streams end at once, everything else gets the grace. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#unsubscribe();
    this.#waiting.stop(new SmError("AGENT_UNREACHABLE", "the agent is stopping"));
    this.#options.streams.close();
    await this.#underway.settled(this.#options.closeGraceMs);
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  #login(request: IncomingMessage): Login {
    const comer = this.#comers.get(request);
    if (comer === undefined) throw new SmError("ASSERTION_FAILED", "a request came in by no listener");
    const { fingerprint, remoteAddress } = comer;
    const login = this.#logins.login({ authorization: request.headers.authorization, fingerprint, remoteAddress });
    const { role } = login.caller;
    this.#admit(comer, role);
    this.#underwayOf[role].add(request, comer.response);
    this.#underwayOf[role].requireRoom();
    return login;
  }

  #admit({ request: { socket }, admit }: RemoteRequest, role: Role): void {
    if (this.#sockets.has(socket)) return;
    const { socketsMax } = this.#options;
    if ([...this.#sockets.values()].filter((other) => other === role).length >= socketsMax) {
      throw new SmError("API_BUSY", `${socketsMax} connections of users with the role ${role} are open, the most an agent serves`, {
        data: { retryAfterSeconds: 5 },
      });
    }
    this.#sockets.set(socket, role);
    socket.once("close", () => this.#sockets.delete(socket));
    admit();
  }
}
