// The CLI's way to an agent: one request per call, each with a deadline, over the Unix socket or over the network.
// Of the sockets the admin's is tried first; an account that may not open it gets the monitor socket, whose role the agent enforces.

import { type RequestOptions, request } from "node:http";
import { join } from "node:path";
import { isErrorCode, SmError } from "../base/errors.js";
import { MiB } from "../base/units.js";
import type { ApiCommands, ApiErrorBody, CommandName } from "../control/api.js";

export interface CallOptions {
  readonly deadlineMs?: number;
  /** Ends the call early; it then rejects with AGENT_UNREACHABLE. */
  readonly signal?: AbortSignal;
}

/** What the agent answers from memory or with a few file operations takes far less; it has its own deadline of 30 s. */
const DEADLINE_MS = 40_000;
const KEEP_ALIVE_MS = 30_000;
const ANSWER_BYTES_MAX = 64 * MiB;
/** sun_path of unix(7) without its closing NUL. */
const SOCKET_PATH_BYTES_MAX = 107;

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** The way to one agent, whatever it goes over. */
export interface AgentDoor {
  /** Rejects with AGENT_UNREACHABLE, or with why nobody is let in. */
  post(path: string, body: string, options: CallOptions): Promise<Answer>;
}

export class ApiClient {
  readonly #door: AgentDoor;

  constructor(door: AgentDoor) {
    this.#door = door;
  }

  async call<Name extends CommandName>(name: Name, input: ApiCommands[Name]["input"], options: CallOptions = {}): Promise<ApiCommands[Name]["output"]> {
    const body = JSON.stringify(input);
    const path = `/api/v1/${name.replaceAll(".", "/")}`;
    const answer = await this.#door.post(path, body, options);
    return parseAnswer(name, answer) as ApiCommands[Name]["output"];
  }
}

/** The agent of this machine, by its sockets. */
export class SocketDoor implements AgentDoor {
  readonly #runtimeDir: string;

  constructor(runtimeDir: string) {
    this.#runtimeDir = runtimeDir;
  }

  async post(path: string, body: string, options: CallOptions): Promise<Answer> {
    const admin = join(this.#runtimeDir, "admin.sock");
    try {
      return await post(admin, path, body, options);
    } catch (error) {
      if (!isDenied(error)) throw explain(error, admin);
    }
    const monitor = join(this.#runtimeDir, "monitor.sock");
    try {
      return await post(monitor, path, body, options);
    } catch (error) {
      if (isDenied(error)) throw new SmError("REFUSED", `this account may open neither ${admin} nor ${monitor}`, { cause: error });
      throw explain(error, monitor);
    }
  }
}

function isDenied(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EACCES" || code === "EPERM";
}

function post(socketPath: string, path: string, body: string, options: CallOptions): Promise<Answer> {
  if (Buffer.byteLength(socketPath) > SOCKET_PATH_BYTES_MAX) {
    const message = `the socket path ${socketPath} is longer than the ${SOCKET_PATH_BYTES_MAX} bytes that the system takes`;
    return Promise.reject(new SmError("AGENT_UNREACHABLE", message, { data: { socket: socketPath } }));
  }
  return exchange(socketPath, { socketPath, path }, body, callDeadline(options));
}

/** When a call ends, and whether that is because its time is over. */
export interface CallDeadline {
  readonly deadline: AbortSignal;
  readonly signal: AbortSignal;
}

export function callDeadline(options: CallOptions): CallDeadline {
  const deadline = AbortSignal.timeout(options.deadlineMs ?? DEADLINE_MS);
  return { deadline, signal: options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]) };
}

/** One request and its whole answer; rejects with what the system says. */
export function exchange(place: string, target: RequestOptions, body: string, { deadline, signal }: CallDeadline): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { ...target.headers, "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const outgoing = request({ agent: false, ...target, method: "POST", headers, signal }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) outgoing.destroy(new SmError("PROTOCOL", `the answer of ${place} is above ${ANSWER_BYTES_MAX} bytes`));
        else chunks.push(chunk);
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }));
      response.on("error", reject);
    });
    // A machine that is gone without a word is noticed, however long the answer may take.
    outgoing.on("socket", (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
    outgoing.on("error", (error) => reject(deadline.aborted ? deadline.reason : error));
    outgoing.end(body);
  });
}

/** `place` is a path of a socket, or HOST:PORT. */
export function explain(error: unknown, place: string): SmError {
  if (error instanceof SmError) return error;
  const { code, name, message } = error as NodeJS.ErrnoException;
  const data = place.startsWith("/") ? { socket: place } : { address: place };
  if (name === "TimeoutError") return new SmError("AGENT_UNREACHABLE", `the agent at ${place} did not answer in time`, { cause: error, data });
  if (code === "ENOENT" || code === "ECONNREFUSED") return new SmError("AGENT_UNREACHABLE", `no agent answers on ${place}`, { cause: error, data });
  return new SmError("AGENT_UNREACHABLE", `the link to the agent at ${place} broke: ${message}`, { cause: error, data });
}

/** Nobody listens there; an agent that does not answer in time is another matter. */
export function hasNoAgent(error: unknown): error is SmError {
  const cause = error instanceof SmError && error.code === "AGENT_UNREACHABLE" ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
  return cause?.code === "ENOENT" || cause?.code === "ECONNREFUSED";
}

function parseAnswer(name: string, answer: Answer): unknown {
  let body: unknown;
  try {
    body = JSON.parse(answer.text);
  } catch (error) {
    throw new SmError("PROTOCOL", `the agent's answer to ${name} is no JSON`, { cause: error });
  }
  if (answer.status === 200) return body;
  const failure = (body as Partial<ApiErrorBody> | null)?.error;
  if (failure === undefined) throw new SmError("PROTOCOL", `the agent answered ${name} with status ${answer.status} and no error`);
  if (isErrorCode(failure.code)) throw new SmError(failure.code, failure.message, { data: failure.data });
  throw new SmError("INTERNAL", `the agent answered ${name} with ${failure.code}: ${failure.message}`, { data: failure.data });
}
