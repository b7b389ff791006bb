// The control API over HTTP on two Unix sockets. Place: between local clients (CLI, console) and the command table.
// The socket is the role: admin.sock may do everything, monitor.sock may read. Who may open which is the file system's decision.
// Invariants: bodies, headers, sockets and times are bounded; every answer is JSON; no request outlives the server.

import { mkdir } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import { SmError, toSmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import type { Account } from "../model/account.js";
import type { AgentControl } from "../model/control-port.js";
import { AnswersUnderway } from "./answers-underway.js";
import { socketCaller } from "./caller.js";
import { refuseUnparsable } from "./http-answer.js";
import { apiHandler, type RequestHandler } from "./http-api.js";
import { EventStreams } from "./http-events.js";
import { type Login, WaitingRequests } from "./login.js";
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
  readonly streams?: EventStreams;
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
  readonly #waiting = new WaitingRequests();
  /** Those of the one door keep nobody out of the other. */
  readonly #underway = { admin: new AnswersUnderway(), monitor: new AnswersUnderway() };
  #closed: Promise<void> | undefined;

  private constructor(options: ControlServerOptions) {
    const { agent, log } = options;
    this.#options = {
      groupFile: "/etc/group",
      accountOf: () => undefined,
      bodyTimeoutMs: 10_000,
      closeGraceMs: 5_000,
      streams: new EventStreams({ agent, log, perCallerMax: 64 }),
      ...options,
    };
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

  /** Long polls and streams end at once, everything else gets the grace; then nothing is left open. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const ended = this.#doors.map(({ server }) => new Promise<void>((resolve) => server.close(() => resolve())));
    this.#waiting.stop(new SmError("AGENT_UNREACHABLE", "the agent is stopping"));
    this.#options.streams.close();
    await Promise.all(Object.values(this.#underway).map((underway) => underway.settled(this.#options.closeGraceMs)));
    for (const { server } of this.#doors) server.closeAllConnections();
    await Promise.all(ended);
    for (const { socket } of this.#doors.reverse()) await removeBoundSocket(socket);
  }

  async #openDoor(role: SocketRole, groupId: number | undefined): Promise<Door> {
    const { agent, log, bodyTimeoutMs, streams, runtimeDir, accountOf } = this.#options;
    // Before the body is read: of a socket that is closed meanwhile nobody tells any more whose it was.
    const login = (request: IncomingMessage): Login => {
      this.#underway[role].requireRoom();
      return { caller: socketCaller(role, accountOf(request.socket)), isCurrent: () => true };
    };
    const options = { agent, log, bodyTimeoutMs, streams, waiting: this.#waiting, needsJsonType: false, login };
    const server = this.#serverFor(role, await apiHandler(options));
    return { server, socket: await bindUnixSocket(server, { path: join(runtimeDir, `${role}.sock`), groupId, log }) };
  }

  #serverFor(role: SocketRole, handler: RequestHandler): Server {
    const { bodyTimeoutMs } = this.#options;
    const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: bodyTimeoutMs, connectionsCheckingInterval: 1_000 });
    // The body has its own clock, which answers in JSON.
    server.requestTimeout = 0;
    server.keepAliveTimeout = IDLE_MS;
    server.maxConnections = CONNECTIONS_MAX;
    server.on("clientError", (error, socket) => refuseUnparsable(error, socket as Socket));
    return server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      this.#underway[role].add(request, response);
      handler(request, response);
    });
  }
}
