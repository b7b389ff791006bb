// The control API as other machines reach it: the listener of an agent on a real TLS socket, an agent in memory behind it.

import type { IncomingHttpHeaders } from "node:http";
import { type Agent as HttpsAgent, request } from "node:https";
import type { Log } from "../../src/base/log.js";
import { EventStreams, type EventStreamsOptions } from "../../src/control/http-events.js";
import { RemoteApi } from "../../src/control/http-remote.js";
import type { UserRole } from "../../src/model/user.js";
import { Bootstrap } from "../../src/transport/bootstrap.js";
import { Identity } from "../../src/transport/identity.js";
import { PeerServer, type PeerServerLimits } from "../../src/transport/peer-server.js";
import { PeerStore } from "../../src/transport/peer-store.js";
import { MemoryAgentControl } from "./memory-agent-control.js";
import { type Cleanup, memoryLog, tempDirectory } from "./transport-fixture.js";

export interface ApiKit {
  readonly agent: MemoryAgentControl;
  readonly server: PeerServer;
  readonly remote: RemoteApi;
  readonly peers: PeerStore;
  readonly identity: Identity;
  readonly streams: EventStreams;
  readonly log: ReturnType<typeof memoryLog>;
  /** The token of a new user. */
  user(name: string, role: UserRole, fingerprint?: string): Promise<string>;
  ask(path: string, options?: AskOptions): Promise<ApiAnswer>;
}

export interface AskOptions {
  readonly token?: string;
  /** Default: POST when there is a body, else GET. */
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly identity?: Identity;
  /** Keeps the connection. */
  readonly agent?: HttpsAgent;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The code of the error, undefined where there is none. */
  readonly code: string | undefined;
}

export interface ApiKitOptions {
  readonly limits?: Partial<PeerServerLimits>;
  readonly streams?: Partial<EventStreamsOptions>;
  readonly socketsMax?: number;
  readonly bodyTimeoutMs?: number;
}

export async function openApiKit(cleanup: Cleanup, options: ApiKitOptions = {}): Promise<ApiKit> {
  const directory = await tempDirectory(cleanup);
  const agent = new MemoryAgentControl();
  const log = memoryLog();
  const identity = await Identity.open(directory, "target");
  const peers = await PeerStore.open(directory);
  const streams = new EventStreams({ agent, log, ...options.streams });
  const { socketsMax = 128, bodyTimeoutMs = 10_000 } = options;
  const remote = await RemoteApi.open({ agent, users: agent.users, log, streams, socketsMax, bodyTimeoutMs });
  const server = await openListener(directory, { identity, peers, log, limits: options.limits ?? {}, remote });
  cleanup.add(server, (s) => s.close());
  cleanup.add(remote, (r) => r.close());
  const user = async (name: string, role: UserRole, fingerprint: string | null = null) => (await agent.users.create({ name, role, fingerprint })).token;
  return { agent, server, remote, peers, identity, streams, log, user, ask: (path, asked) => ask(server, path, asked) };
}

interface ListenerParts {
  readonly identity: Identity;
  readonly peers: PeerStore;
  readonly log: Log;
  readonly limits: Partial<PeerServerLimits>;
  readonly remote: RemoteApi;
}

async function openListener(directory: string, { remote, ...parts }: ListenerParts): Promise<PeerServer> {
  return PeerServer.open({
    ...parts,
    bootstrap: await Bootstrap.open(directory),
    listen: { host: "127.0.0.1", port: 0 },
    accept: async () => {
      throw new Error("no channel is opened here");
    },
    dismiss: async () => undefined,
    takeRequest: (plain) => remote.take(plain),
  });
}

function ask(server: PeerServer, path: string, options: AskOptions = {}): Promise<ApiAnswer> {
  const { token, body, identity, agent = false, method = body === undefined ? "GET" : "POST" } = options;
  const text = typeof body === "string" ? body : JSON.stringify(body ?? "");
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(method === "POST" ? { "content-type": "application/json" } : {}),
    ...options.headers,
  };
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...server.address, ...identity?.tls(), path, method, headers, agent, rejectUnauthorized: false }, (response) => {
      let answer = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        answer += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: answer, code: codeOf(answer) }));
      response.on("error", reject);
    });
    outgoing.on("error", reject);
    outgoing.end(body === undefined ? undefined : text);
  });
}

function codeOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { readonly error?: { readonly code: string } }).error?.code;
  } catch {
    return undefined;
  }
}
