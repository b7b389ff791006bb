// The control API over HTTP on two Unix sockets. Place: between local clients (CLI, console) and the command table.
// The socket is the role: admin.sock may do everything, monitor.sock may read. Who may open which is the file system's decision.
// Invariants: bodies, headers, sockets and times are bounded; every answer is JSON; no request outlives the server.

import { mkdir } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import { SmError, toSmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import { type Deferred, defer, delay } from "../base/wait.js";
import type { Account } from "../model/account.js";
import type { AgentControl } from "../model/control-port.js";
import type { ApiErrorBody } from "./api.js";
import { type Role, socketCaller } from "./caller.js";
import { dispatch, lookUpCommand } from "./dispatcher.js";
import { parseRequest } from "./http-request.js";
import { readRoleGroupIds, type SocketRole } from "./role-groups.js";
import { type BoundSocket, bindUnixSocket, removeBoundSocket } from "./unix-socket.js";

export interface ControlServerOptions {
  readonly runtimeDir: string;
  readonly agent: AgentControl;
  readonly log: Log;
  /** Where the groups of the roles are looked up. */
  readonly groupFile?: string;
  /** The account at the other end of a Unix socket, undefined where the system does not tell. */
  readonly accountOf?: (socket: Socket) => Account | undefined;
  readonly bodyTimeoutMs?: number;
  /** How long close() waits for answers under way. */
  readonly closeGraceMs?: number;
}

interface Door {
  readonly server: Server;
  readonly socket: BoundSocket;
}

const HEADER_BYTES_MAX = 16 * 1024;
/** Each long poll holds a socket: more watchers than this are turned away by the kernel's backlog. */
const CONNECTIONS_MAX = 256;
const IDLE_MS = 5_000;

export class ControlServer {
  readonly #options: Required<ControlServerOptions>;
  readonly #doors: Door[] = [];
  readonly #closing: Deferred<never> = defer<never>();
  readonly #underway = new Set<Promise<void>>();
  #closed: Promise<void> | undefined;

  private constructor(options: ControlServerOptions) {
    this.#options = { groupFile: "/etc/group", accountOf: () => undefined, bodyTimeoutMs: 10_000, closeGraceMs: 5_000, ...options };
    // Observed here as well: a server without long polls has nobody else to see the rejection.
    this.#closing.promise.catch((error: unknown) => options.log.debug("control server closing", { reason: String(error) }));
  }

  static async open(options: ControlServerOptions): Promise<ControlServer> {
    const control = new ControlServer(options);
    try {
      await mkdir(options.runtimeDir, { recursive: true, mode: 0o755 });
      const groupIds = await readRoleGroupIds(control.#options.groupFile);
      for (const role of ["admin", "monitor"] as const) control.#doors.push(await control.#openDoor(role, groupIds[role]));
      return control;
    } catch (error) {
      await control.close();
      throw toSmError(error, "LISTEN_FAILED", `control sockets in ${options.runtimeDir}`);
    }
  }

  get adminSocket(): string {
    return join(this.#options.runtimeDir, "admin.sock");
  }

  get monitorSocket(): string {
    return join(this.#options.runtimeDir, "monitor.sock");
  }

  /** Long polls are answered at once, everything else gets the grace; then nothing is left open. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const ended = this.#doors.map(({ server }) => new Promise<void>((resolve) => server.close(() => resolve())));
    this.#closing.reject(new SmError("AGENT_UNREACHABLE", "the agent is stopping"));
    const graceOver = new AbortController();
    await Promise.race([Promise.allSettled(this.#underway), delay(this.#options.closeGraceMs, graceOver.signal)]);
    graceOver.abort();
    for (const { server } of this.#doors) server.closeAllConnections();
    await Promise.all(ended);
    for (const { socket } of this.#doors.reverse()) await removeBoundSocket(socket);
  }

  async #openDoor(role: SocketRole, groupId: number | undefined): Promise<Door> {
    const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: this.#options.bodyTimeoutMs, connectionsCheckingInterval: 1_000 });
    // The body has its own clock, which answers in JSON.
    server.requestTimeout = 0;
    server.keepAliveTimeout = IDLE_MS;
    server.maxConnections = CONNECTIONS_MAX;
    server.on("request", (request, response) => this.#accept(role, request, response));
    server.on("clientError", (error: NodeJS.ErrnoException, socket) => refuseUnparsable(error, socket as Socket));
    const socket = await bindUnixSocket(server, { path: join(this.#options.runtimeDir, `${role}.sock`), groupId, log: this.#options.log });
    return { server, socket };
  }

  #accept(role: Role, request: IncomingMessage, response: ServerResponse): void {
    const answered = this.#answer(role, request, response).catch((error: unknown) => {
      this.#options.log.error("control answer cannot be sent", { path: request.url?.split("?", 1)[0], error: String(error) });
      response.destroy();
    });
    this.#underway.add(answered);
    answered.finally(() => this.#underway.delete(answered));
  }

  /** Whatever goes wrong becomes an answer. */
  async #answer(role: Role, request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      // Before the body is read: of a socket that is closed meanwhile nobody tells any more whose it was.
      const caller = socketCaller(role, this.#options.accountOf(request.socket));
      const { name, input } = await parseRequest(request, this.#options.bodyTimeoutMs);
      const work = dispatch(this.#options.agent, { caller, name, input }, this.#options.log);
      await respond(response, 200, await (lookUpCommand(name).isWait ? Promise.race([work, this.#closing.promise]) : work));
    } catch (thrown) {
      const error = toSmError(thrown);
      if (error.entry.disposition === "bug") this.#options.log.error("control request failed", { path: request.url?.split("?", 1)[0], error: error.stack });
      await respond(response, error.entry.httpStatus, errorBody(error), { isConnectionDone: !request.complete });
    }
  }
}

export function errorBody(error: SmError): ApiErrorBody {
  return { error: { code: error.code, message: error.message, hint: error.hint, data: error.data } };
}

/** Resolves when the answer has left, or its client has. */
function respond(response: ServerResponse, status: number, body: unknown, { isConnectionDone = false } = {}): Promise<void> {
  const text = JSON.stringify(body, (_key, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
  if (response.closed || response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    response.once("close", resolve);
    response.writeHead(status, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
      "cache-control": "no-store",
      // What remains of a body that was not read would be taken for the next request.
      ...(isConnectionDone ? { connection: "close" } : {}),
    });
    response.end(text);
  });
}

/** What is not HTTP never reaches a request handler; it is told so in the same form. */
function refuseUnparsable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const refusal =
    error.code === "ERR_HTTP_REQUEST_TIMEOUT"
      ? new SmError("REQUEST_TIMEOUT", "the request did not arrive in time")
      : new SmError("USAGE", `the request is no HTTP that the control API takes: ${error.message}`);
  const status = error.code === "HPE_HEADER_OVERFLOW" ? 431 : refusal.entry.httpStatus;
  const text = JSON.stringify(errorBody(refusal));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
  );
}
