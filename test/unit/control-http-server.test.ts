import { lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, expect, vi } from "vitest";
import { silentLog } from "../../src/base/log.js";
import { UNDERWAY_MAX } from "../../src/control/answers-underway.js";
import type { ApiCommands, ApiErrorBody, ApiFieldError } from "../../src/control/api.js";
import { EventStreams } from "../../src/control/http-events.js";
import { ControlServer, type ControlServerOptions } from "../../src/control/http-server.js";
import { connectionReport, MemoryAgentControl } from "../support/memory-agent-control.js";

/** What these tests look into: the answers of the commands they send, and errors. */
type Body = Partial<ApiCommands["connection.connect"]["output"] & ApiCommands["status.wait"]["output"] & ApiErrorBody>;

interface Answer {
  readonly status: number;
  readonly body: Body;
}

/** The fields that a validation error names. */
function fieldsOf({ body }: Answer): string[] {
  const fields = (body.error?.data.fields ?? []) as readonly ApiFieldError[];
  return fields.map((field) => field.path).sort();
}

interface Fixture {
  directory: string;
  agent: MemoryAgentControl;
  server: ControlServer;
  open(options?: Partial<ControlServerOptions>): Promise<ControlServer>;
}

const test = base.extend<Fixture>({
  // biome-ignore lint/correctness/noEmptyPattern: the form vitest wants
  directory: async ({}, use) => {
    const directory = mkdtempSync(join(tmpdir(), "sm-ctl-"));
    await use(directory);
    rmSync(directory, { recursive: true });
  },
  // biome-ignore lint/correctness/noEmptyPattern: the form vitest wants
  agent: async ({}, use) => use(new MemoryAgentControl()),
  open: async ({ directory, agent }, use) => {
    const servers: ControlServer[] = [];
    await use(async (options = {}) => {
      const server = await ControlServer.open({ runtimeDir: directory, agent, log: silentLog, groupFile: join(directory, "group"), ...options });
      servers.push(server);
      return server;
    });
    await Promise.all(servers.map((server) => server.close()));
  },
  server: async ({ open }, use) => use(await open()),
});

function call(socketPath: string, method: string, path: string, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = request(
      { socketPath, method, path, agent: false, headers: body === undefined ? {} : { "content-length": Buffer.byteLength(body) } },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
      },
    );
    req.on("error", reject);
    req.end(body);
  });
}

const post = (socket: string, path: string, input: unknown): Promise<Answer> => call(socket, "POST", `/api/v1/${path}`, JSON.stringify(input));

/** Sends raw bytes, returns all that comes back until the server closes. */
function raw(socketPath: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath, () => socket.write(text));
    let answer = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}

test("a command answers with its output", async ({ server, agent }) => {
  const created = await post(server.adminSocket, "repset/create", { name: "home", rules: [{ path: "/home", mode: "include" }] });
  expect(created).toEqual({
    status: 200,
    body: { repset: { name: "home", generation: 1, rules: [{ path: "/home", mode: "include", recursive: true }] }, dropped: [] },
  });
  const connected = await post(server.adminSocket, "connection/connect", { repset: "home", target: "beta", map: { kind: "exact" } });
  expect(connected.body.connection).toMatchObject({ id: 1, repset: "home", target: "beta" });
  expect(JSON.parse(agent.calls[0] ?? "").options).toEqual({
    mirror: "difference",
    replicate: true,
    compression: "off",
    remapLinks: true,
    guard: "configured",
    guardChanged: "configured",
  });
});

test("a refusal is short, whatever is sent", async ({ server }) => {
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`field${index}`, 0]));
  for (const input of [many, { ["x".repeat(900_000)]: 0 }]) {
    const answer = await post(server.monitorSocket, "repset/list", input);
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body).length).toBeLessThan(30_000);
  }
});

test("options of a connection change by name; none, and others than there are, are refused", async ({ server, agent }) => {
  agent.setConnection(connectionReport({ id: 7 }));
  const set = (options: unknown) => post(server.adminSocket, "connection/set", { id: 7, options });
  expect((await set({ compression: "brotli" })).body.connection).toMatchObject({ id: 7, compression: "brotli" });
  for (const options of [{}, { compression: "zip" }, { compression: "off", more: 1 }, null]) expect((await set(options)).status).toBe(400);
  expect((await agent.connections.show(7)).compression).toBe("brotli");
  expect((await post(server.monitorSocket, "connection/set", { id: 7, options: { compression: "off" } })).status).toBe(403);
});

test("the monitor socket reads and changes nothing", async ({ server, agent }) => {
  expect((await post(server.monitorSocket, "status", {})).status).toBe(200);
  expect((await call(server.monitorSocket, "GET", "/api/v1/repset/list")).body).toEqual({ repsets: [] });
  const refused = await post(server.monitorSocket, "repset/create", { name: "home", rules: [] });
  expect(refused).toMatchObject({ status: 403, body: { error: { code: "REFUSED", hint: expect.stringContaining("smadmin") } } });
  expect((await post(server.monitorSocket, "agent/stop", {})).status).toBe(403);
  expect(agent.calls).toEqual([]);
  expect(await agent.repsets.list()).toEqual([]);
});

test("GET reads the query with the types of the schema, and is refused for commands that change something", async ({ server, agent }) => {
  agent.setConnection(connectionReport({ id: 7 }));
  expect((await call(server.adminSocket, "GET", "/api/v1/connection/show?id=7")).body.connection?.id).toBe(7);
  const wrong = await call(server.adminSocket, "GET", "/api/v1/connection/show?id=x&more=1");
  expect(wrong.status).toBe(400);
  expect(fieldsOf(wrong)).toEqual(["id", "more"]);
  expect(await call(server.adminSocket, "GET", "/api/v1/agent/stop")).toMatchObject({ status: 405, body: { error: { code: "METHOD_NOT_ALLOWED" } } });
  expect(await call(server.adminSocket, "DELETE", "/api/v1/status")).toMatchObject({ status: 405 });
});

test("validation names every field", async ({ server }) => {
  const answer = await post(server.adminSocket, "connection/connect", {
    repset: 5,
    target: "",
    map: { kind: "pairs", pairs: [{ source: "a", target: "/b" }] },
    options: { mirror: "x" },
  });
  expect(answer.status).toBe(400);
  expect(fieldsOf(answer)).toEqual(["map.pairs.0.source", "options.mirror", "repset", "target"]);
  for (const path of fieldsOf(answer)) expect(answer.body.error?.message).toContain(path);
});

test.for([
  ["no JSON", "{", 400, "USAGE"],
  ["no object", "[1]", 400, "USAGE"],
  ["null", "null", 400, "USAGE"],
  ["prototype key", '{"__proto__":{"name":"x"}}', 400, "USAGE"],
] as const)("a body that is wrong is refused: %s", async ([, body, status, code], { server }) => {
  expect(await call(server.adminSocket, "POST", "/api/v1/repset/show", body)).toMatchObject({ status, body: { error: { code } } });
});

test("errors of the agent keep their code, status, hint and data", async ({ server }) => {
  expect(await post(server.adminSocket, "repset/show", { name: "none" })).toMatchObject({
    status: 404,
    body: { error: { code: "NOT_FOUND", message: "there is no replication set none", hint: expect.any(String), data: {} } },
  });
  for (const path of ["nothing", "repset", "toString", "repset/__proto__", "%2e%2e/x"]) {
    expect(await post(server.adminSocket, path, {}), path).toMatchObject({ status: 404, body: { error: { code: "COMMAND_UNKNOWN" } } });
  }
  expect((await call(server.adminSocket, "GET", "/")).body.error?.code).toBe("COMMAND_UNKNOWN");
});

test("an unforeseen failure is a bug, told and logged", async ({ open, agent }) => {
  const error = vi.fn();
  const server = await open({ log: { ...silentLog, error } });
  vi.spyOn(agent.repsets, "list").mockRejectedValue(new TypeError("boom"));
  expect(await post(server.adminSocket, "repset/list", {})).toMatchObject({ status: 500, body: { error: { code: "INTERNAL", message: "boom" } } });
  vi.spyOn(agent.repsets, "size").mockResolvedValue({ files: Number.NaN, directories: 0, bytes: 0, problems: 0, isComplete: true });
  expect(await post(server.adminSocket, "repset/size", { name: "x" })).toMatchObject({ status: 500, body: { error: { code: "ASSERTION_FAILED" } } });
  expect(error).toHaveBeenCalledTimes(2);
});

test("a body above 1 MiB is refused, whether its length is told or not", async ({ server }) => {
  const body = JSON.stringify({ name: "x".repeat(1024 * 1024) });
  expect(await call(server.adminSocket, "POST", "/api/v1/repset/show", body)).toMatchObject({ status: 413, body: { error: { code: "REQUEST_TOO_LARGE" } } });
  const chunk = "y".repeat(700_000);
  const chunked = `${chunk.length.toString(16)}\r\n${chunk}\r\n`;
  const answer = await raw(
    server.adminSocket,
    `POST /api/v1/repset/show HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n${chunked}${chunked}0\r\n\r\n`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 413 .*REQUEST_TOO_LARGE/s);
});

test("a slow body, a slow header and what is no HTTP are answered and cut", async ({ open }) => {
  const server = await open({ bodyTimeoutMs: 100 });
  expect(await raw(server.adminSocket, 'POST /api/v1/repset/show HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{"na')).toMatch(
    /^HTTP\/1\.1 408 .*REQUEST_TIMEOUT/s,
  );
  expect(await raw(server.adminSocket, "POST /api/v1/repset")).toMatch(/^HTTP\/1\.1 408 .*REQUEST_TIMEOUT/s);
  expect(await raw(server.adminSocket, "hello\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 .*USAGE/s);
  expect(await raw(server.adminSocket, `GET /api/v1/status HTTP/1.1\r\nx: ${"a".repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
});

test("events answer at once when there is news, and with the next change otherwise", async ({ server, agent }) => {
  const { index = 0 } = (await call(server.monitorSocket, "GET", "/api/v1/events?since=0")).body;
  const next = call(server.monitorSocket, "GET", `/api/v1/events?since=${index}`);
  await vi.waitFor(() => expect(agent.watcherCount).toBe(1));
  agent.setConnection(connectionReport({ id: 3 }));
  expect((await next).body).toMatchObject({ index: index + 1, connections: [{ id: 3 }] });
  const unchanged = await call(server.monitorSocket, "GET", `/api/v1/events?since=${index + 1}&timeoutMs=20`);
  expect(unchanged.body.index).toBe(index + 1);
});

test("closing answers long polls, is idempotent and leaves no file", async ({ server, agent, directory }) => {
  const polling = call(server.adminSocket, "GET", "/api/v1/events?since=1&timeoutMs=60000");
  await vi.waitFor(() => expect(agent.watcherCount).toBe(1));
  const started = performance.now();
  await Promise.all([server.close(), server.close()]);
  expect(await polling).toMatchObject({ status: 503, body: { error: { code: "AGENT_UNREACHABLE" } } });
  expect(performance.now() - started).toBeLessThan(2_000);
  expect(readdirSync(directory)).toEqual([]);
  agent.setConnection(connectionReport());
});

test("agent.stop is answered although the stop closes the server", async ({ directory, open }) => {
  const agent = new MemoryAgentControl({ onStop: () => void server.close() });
  const server = await open({ agent, runtimeDir: join(directory, "run") });
  expect(await post(server.adminSocket, "agent/stop", {})).toEqual({ status: 200, body: { stopping: true, pid: process.pid } });
  await server.close();
});

test("sockets have the rights and the group of their role from the start", async ({ open, directory }) => {
  const isRoot = process.getuid?.() === 0;
  writeFileSync(join(directory, "group"), isRoot ? "root:x:0:\nsmadmin:x:4711:a,b\nsmmon:x:4712:\nbroken\n" : "root:x:0:\n");
  const server = await open();
  for (const [path, groupId] of [
    [server.adminSocket, 4711],
    [server.monitorSocket, 4712],
  ] as const) {
    const stats = lstatSync(path);
    expect(stats.mode & 0o777).toBe(isRoot ? 0o660 : 0o600);
    if (isRoot) expect(stats.gid).toBe(groupId);
  }
});

test("a stale socket is replaced, a live one is not, and no other file is touched", async ({ server, open, directory, agent }) => {
  await expect(open()).rejects.toMatchObject({ code: "AGENT_RUNNING" });
  expect((await post(server.adminSocket, "status", {})).status).toBe(200);
  await server.close();

  const path = join(directory, "admin.sock");
  writeFileSync(path, "not a socket");
  await expect(open()).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  rmSync(path);

  await plantStaleSocket(path);
  expect(lstatSync(path).isSocket()).toBe(true);
  const second = await open({ agent });
  expect((await post(second.adminSocket, "status", {})).status).toBe(200);
});

test("a runtime directory that is too deep for a socket is refused by name", async ({ open, directory }) => {
  const runtimeDir = join(directory, "d".repeat(100));
  await expect(open({ runtimeDir })).rejects.toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining("107") });
});

/** What a killed agent leaves: the file of a socket on which nobody listens. */
async function plantStaleSocket(path: string): Promise<void> {
  const { linkSync } = await import("node:fs");
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(`${path}.live`, resolve));
  linkSync(`${path}.live`, path);
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

test("what is asked through the one socket keeps nobody out of the other: requests, waits, streams", async ({ agent, open }) => {
  const server = await open({ streams: new EventStreams({ agent, log: silentLog, streamsMax: 1 }) });
  const flood = connect(server.monitorSocket);
  flood.on("error", () => flood.destroy());
  flood.write("GET /api/v1/status/wait?since=1&timeoutMs=60000 HTTP/1.1\r\nHost: x\r\n\r\n".repeat(UNDERWAY_MAX));
  await vi.waitFor(() => expect(agent.watcherCount).toBe(UNDERWAY_MAX));
  expect((await call(server.monitorSocket, "GET", "/api/v1/ping")).status).toBe(503);
  expect((await call(server.adminSocket, "GET", "/api/v1/ping")).status).toBe(200);
  expect((await call(server.adminSocket, "GET", "/api/v1/status/wait?since=0&timeoutMs=1")).status).toBe(200);
  flood.destroy();
  await vi.waitFor(async () => expect((await call(server.monitorSocket, "GET", "/api/v1/ping")).status).toBe(200));

  const stream = (socketPath: string): Promise<number> =>
    new Promise((resolve) => {
      const req = request({ socketPath, path: "/api/v1/events", agent: false, headers: { accept: "text/event-stream" } }, (response) => {
        response.on("error", () => response.destroy());
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      req.on("error", () => req.destroy());
      req.end();
    });
  expect(await stream(server.monitorSocket)).toBe(200);
  expect(await stream(server.monitorSocket)).toBe(503);
  expect(await stream(server.adminSocket)).toBe(200);
  agent.setConnection(connectionReport());
});
