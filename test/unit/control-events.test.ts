import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, request, ServerResponse } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, expect, vi } from "vitest";
import { silentLog } from "../../src/base/log.js";
import { EventStreams, type EventStreamsOptions } from "../../src/control/http-events.js";
import { ControlServer } from "../../src/control/http-server.js";
import { connectionReport, MemoryAgentControl } from "../support/memory-agent-control.js";

interface Reader {
  readonly response: IncomingMessage;
  /** All that came so far. */
  text(): string;
  ids(): string[];
}

interface Fixture {
  agent: MemoryAgentControl;
  open(options?: Partial<EventStreamsOptions>): Promise<{ server: ControlServer; streams: EventStreams; read(lastEventId?: string): Promise<Reader> }>;
}

const test = base.extend<Fixture>({
  // biome-ignore lint/correctness/noEmptyPattern: the form vitest wants
  agent: async ({}, use) => use(new MemoryAgentControl()),
  open: async ({ agent }, use) => {
    const directory = mkdtempSync(join(tmpdir(), "sm-events-"));
    const servers: ControlServer[] = [];
    await use(async (options = {}) => {
      const streams = new EventStreams({ agent, log: silentLog, ...options });
      const server = await ControlServer.open({ runtimeDir: directory, agent, log: silentLog, groupFile: join(directory, "group"), streams });
      servers.push(server);
      return { server, streams, read: (lastEventId) => openReader(server.monitorSocket, lastEventId) };
    });
    await Promise.all(servers.map((server) => server.close()));
    // Wakes what waits at the agent.
    agent.setConnection(connectionReport());
    rmSync(directory, { recursive: true });
  },
});

async function openReader(socketPath: string, lastEventId?: string): Promise<Reader> {
  const headers = { accept: "text/event-stream", ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }) };
  const outgoing = request({ socketPath, path: "/api/v1/events", headers, agent: false });
  outgoing.on("error", () => outgoing.destroy());
  outgoing.end();
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  let text = "";
  response.setEncoding("utf8");
  response.on("data", (chunk: string) => {
    text += chunk;
  });
  response.on("error", () => response.destroy());
  return { response, text: () => text, ids: () => [...text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id ?? "") };
}

test("a stream has the report at once, then each change; who comes back goes on behind what they had", async ({ agent, open }) => {
  const { read, streams } = await open();
  const reader = await read();
  expect(reader.response.headers).toMatchObject({ "content-type": "text/event-stream", "cache-control": "no-store" });
  await vi.waitFor(() => expect(reader.ids()).toHaveLength(1));
  agent.setConnection(connectionReport({ id: 3 }));
  await vi.waitFor(() => expect(reader.ids()).toHaveLength(2));
  expect(reader.text()).toMatch(/^retry: 2000\n\nid: .*-1\nevent: status\ndata: \{.*\}\n\nid: .*-2\nevent: status\ndata: \{.*"id":3,.*\}\n\n$/);

  const [first = "", last = ""] = reader.ids();
  const [resumed, behind, ofAnotherRun] = await Promise.all([read(last), read(first), read(`x${last}`)]);
  await vi.waitFor(() => expect([behind.ids(), ofAnotherRun.ids()]).toEqual([[last], [last]]));
  expect(resumed.ids()).toEqual([]);
  agent.setConnection(connectionReport({ id: 4 }));
  await vi.waitFor(() => expect([resumed, behind, reader].map((each) => each.ids().at(-1))).toEqual(Array(3).fill(last.replace(/2$/, "3"))));
  for (const each of [reader, resumed, behind, ofAnotherRun]) each.response.destroy();
  await vi.waitFor(() => expect(streams.count).toBe(0));
});

test("changes that follow each other fast are one event, and one wait at the agent serves all streams", async ({ agent, open }) => {
  const { read } = await open();
  const readers = await Promise.all([read(), read(), read()]);
  await vi.waitFor(() => expect(agent.watcherCount).toBe(1));
  for (let id = 1; id <= 500; id += 1) agent.setConnection(connectionReport({ id }));
  await vi.waitFor(() => expect(readers.every((reader) => reader.ids().at(-1)?.endsWith("-501"))).toBe(true));
  for (const reader of readers) expect(reader.ids().length).toBeLessThan(50);
});

test("between events there are signs of life, and a stop ends the stream", async ({ open }) => {
  const { read, server, streams } = await open({ heartbeatMs: 20 });
  const reader = await read();
  await vi.waitFor(() => expect(reader.text()).toContain(": heartbeat\n\n: heartbeat\n\n"));
  const ended = once(reader.response, "end");
  await server.close();
  await ended;
  expect(streams.count).toBe(0);
});

test("a reader that takes nothing holds one report at most, and is dropped", async ({ agent, open }) => {
  const { server, streams } = await open({ slowMs: 300 });
  const socket = connect(server.monitorSocket);
  socket.on("error", () => socket.destroy());
  socket.write("GET /api/v1/events HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n\r\n");
  await vi.waitFor(() => expect(streams.count).toBe(1));
  const closed = once(socket, "close");
  // As large as a report gets: one of them fills what the kernel takes for the reader.
  const path = "x".repeat(4000);
  const mappings = Array.from({ length: 500 }, () => ({ source: path, target: path }));
  agent.setConnection(connectionReport({ mappings }));
  await vi.waitFor(() => expect(streams.count).toBe(0), { timeout: 5_000 });
  socket.resume();
  await closed;
});

test("a stream behind an answer that is still to come is refused: of its connection's end nobody would hear", async ({ agent, open }) => {
  const { server, streams } = await open();
  const socket = connect(server.monitorSocket);
  let text = "";
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    text += chunk.toString();
  });
  const closed = once(socket, "close");
  socket.write(`GET /api/v1/status/wait?since=${agent.status().index}&timeoutMs=100 HTTP/1.1\r\nhost: x\r\n\r\n`);
  socket.write("GET /api/v1/events HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\nconnection: close\r\n\r\n");
  await closed;
  expect(text).toMatch(/^HTTP\/1.1 200 .*HTTP\/1.1 400 .*connection of its own/s);
  expect(streams.count).toBe(0);
});

test("streams are few, and for those who may read", async ({ open }) => {
  const { read, streams } = await open({ streamsMax: 1 });
  const first = await read();
  const second = await read();
  expect(second.response).toMatchObject({ statusCode: 503, headers: { "retry-after": "5" } });
  await vi.waitFor(() => expect(second.text()).toContain("API_BUSY"));
  first.response.destroy();
  await vi.waitFor(() => expect(streams.count).toBe(0));
  expect((await read()).response.statusCode).toBe(200);
});

test("a stream that the server ends says why, in its last event", async ({ agent, open }) => {
  const { server, read } = await open();
  const stopped = await read();
  await vi.waitFor(() => expect(stopped.ids()).toHaveLength(1));
  const ended = once(stopped.response, "end");
  await server.close();
  await ended;
  expect(stopped.text()).toMatch(/\n\nevent: end\ndata: \{"error":\{"code":"AGENT_UNREACHABLE","message":"the agent is stopping",.*\}\n\n$/);

  const streams = new EventStreams({ agent, log: silentLog });
  let isCurrent = true;
  const caller = { role: "monitor", name: "joe", from: "10.0.0.1" } as const;
  const http = createServer((incoming, response) => streams.open({ caller, isCurrent: () => isCurrent }, incoming, response));
  const path = join(mkdtempSync(join(tmpdir(), "sm-events-")), "s");
  await new Promise<void>((resolve) => http.listen(path, resolve));
  const lapsed = await openReader(path);
  await vi.waitFor(() => expect(lapsed.ids()).toHaveLength(1));
  streams.endLapsed();
  expect(lapsed.text()).not.toContain("event: end");
  isCurrent = false;
  const over = once(lapsed.response, "end");
  streams.endLapsed();
  await over;
  expect(lapsed.text()).toMatch(/\nevent: end\ndata: \{"error":\{"code":"LOGIN_FAILED",.*token ended.*\}\n\n$/);
  http.close();
});

test("a reader that took nothing for too long reads why, when it reads at last", async ({ agent, open }) => {
  const { server } = await open({ slowMs: 50, endMs: 20_000 });
  const socket = connect(server.monitorSocket);
  let text = "";
  socket.on("error", () => socket.destroy());
  const path = `/${"x".repeat(4000)}`;
  agent.setConnection(connectionReport({ mappings: Array.from({ length: 500 }, () => ({ source: path, target: path })) }));
  const ending = vi.spyOn(ServerResponse.prototype, "end");
  socket.write("GET /api/v1/events HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n\r\n");
  await vi.waitFor(() => expect(ending).toHaveBeenCalledWith(expect.stringContaining("REQUEST_TIMEOUT")));
  ending.mockRestore();
  const closed = once(socket, "close");
  socket.on("data", (chunk) => {
    text += chunk.toString();
  });
  await closed;
  expect(text).toContain('event: end\ndata: {"error":{"code":"REQUEST_TIMEOUT"');
});
