// Strangers, users without rights, and users who lost them, at the API behind the listener for peers.

import { once } from "node:events";
import { Agent as HttpsAgent, request } from "node:https";
import { createConnection } from "node:net";
import { afterEach, expect, test } from "vitest";
import { UNDERWAY_MAX } from "../../src/control/answers-underway.js";
import { COMMANDS } from "../../src/control/command-table.js";
import { routePath } from "../../src/control/http-api.js";
import { Identity } from "../../src/transport/identity.js";
import { type ApiKit, openApiKit } from "../support/api-kit.js";
import { eventually } from "../support/eventually.js";
import { connectTls, talk } from "../support/hostile-client.js";
import { connectionReport } from "../support/memory-agent-control.js";
import { Cleanup, tempDirectory } from "../support/transport-fixture.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const PING = "/api/v1/ping";
const NOBODY = /^this agent does not know your certificate: pair with it first\n$/;

async function openIdentity(name: string): Promise<Identity> {
  return Identity.open(await tempDirectory(cleanup), name);
}

function keepAlive(): HttpsAgent {
  return cleanup.add(new HttpsAgent({ keepAlive: true, maxSockets: 1 }), (agent) => agent.destroy());
}

test("without a user there is no API: strangers and peers find what they found before", async () => {
  const kit = await openApiKit(cleanup);
  const peer = await openIdentity("peer");
  await kit.peers.add({ name: "peer", fingerprint: peer.fingerprint, addresses: [], addedAt: "2026-01-01T00:00:00.000Z" });
  expect(await kit.ask(PING)).toMatchObject({ status: 403, text: expect.stringMatching(NOBODY) });
  expect(await kit.ask(PING, { identity: peer })).toMatchObject({ status: 404, text: "nothing is here\n" });
  await kit.user("joe", "admin");
  expect(await kit.ask("/", {})).toMatchObject({ status: 403, text: expect.stringMatching(NOBODY) });
  expect(await kit.ask(PING)).toMatchObject({ status: 401, code: "LOGIN_FAILED" });
});

test("a token and a user's certificate let in; nothing else does, a peer's certificate least of all", async () => {
  const kit = await openApiKit(cleanup);
  const [own, peer] = [await openIdentity("own"), await openIdentity("peer")];
  await kit.peers.add({ name: "peer", fingerprint: peer.fingerprint, addresses: [], addedAt: "2026-01-01T00:00:00.000Z" });
  const token = await kit.user("joe", "monitor");
  await kit.user("cert", "admin", own.fingerprint);
  // As a user would be who was made first, and then paired.
  await kit.user("both", "admin", peer.fingerprint);
  expect((await kit.ask("/api/v1/status", { token })).status).toBe(200);
  expect((await kit.ask("/api/v1/repset/create", { identity: own, body: { name: "a", rules: [] } })).status).toBe(200);
  expect(await kit.ask("/api/v1/repset/create", { identity: own, token, body: {} })).toMatchObject({ status: 403 });
  for (const identity of [peer, kit.identity, await openIdentity("unknown"), undefined]) {
    expect(await kit.ask(PING, identity === undefined ? {} : { identity })).toMatchObject({ status: 401, headers: { connection: "close" } });
  }
  const wrong = [`${token}x`, token.slice(0, -1), token.replace("joe", "jim"), token.replace("joe", "cert"), "", "~~", "sm~joe~", "x".repeat(1000), "%00"];
  for (const [index, text] of wrong.entries()) {
    const answer = await kit.ask(PING, { token: text });
    expect(answer, text).toMatchObject({ status: 401, code: "LOGIN_FAILED" });
    if (index > 0) expect(answer.headers["www-authenticate"]).toContain("Bearer");
  }
  expect(await kit.ask(PING, { headers: { authorization: `Basic ${Buffer.from("joe:x").toString("base64")}` } })).toMatchObject({ status: 401 });
  const logged = kit.log.lines.map(({ message }) => message).join("\n");
  expect(logged).not.toContain(token.split("~")[2]);
});

test("every command of the table is refused to whom it is above", async () => {
  const kit = await openApiKit(cleanup);
  const [monitor, none] = [await kit.user("m", "monitor"), await kit.user("n", "none")];
  const [asMonitor, asNone] = [keepAlive(), keepAlive()];
  for (const { name, role } of COMMANDS) {
    const path = routePath(name);
    if (role === "admin") {
      expect(await kit.ask(path, { token: monitor, body: {}, agent: asMonitor }), name).toMatchObject({ status: 403, code: "REFUSED" });
      expect(await kit.ask(path, { token: monitor, agent: asMonitor }), name).toMatchObject({ status: 405 });
    }
    if (role !== "none") expect(await kit.ask(path, { token: none, body: {}, agent: asNone }), name).toMatchObject({ status: 403, code: "REFUSED" });
    else expect((await kit.ask(path, { token: none, agent: asNone })).status).toBe(200);
  }
  expect(await kit.ask("/api/v1/events", { token: none, headers: { accept: "text/event-stream" } })).toMatchObject({ status: 403, code: "REFUSED" });
  expect((await kit.ask("/api/v1/openapi.json", { token: none })).text).toContain('"openapi":"3.1.0"');
  expect(kit.agent.calls).toEqual([]);
});

test("who is removed, or gets another role or token, is refused on the same connection, and what waits ends", async () => {
  const kit = await openApiKit(cleanup);
  const [token, admin] = [await kit.user("joe", "admin"), await kit.user("boss", "admin")];
  const agent = keepAlive();
  expect((await kit.ask("/api/v1/user/list", { token, agent, body: {} })).status).toBe(200);
  await kit.ask("/api/v1/user/role", { token: admin, body: { name: "joe", role: "monitor" } });
  expect(await kit.ask("/api/v1/user/list", { token, agent, body: {} })).toMatchObject({ status: 403 });

  const stream = request({
    ...kit.server.address,
    path: "/api/v1/events",
    headers: { authorization: `Bearer ${token}`, accept: "text/event-stream" },
    rejectUnauthorized: false,
  });
  stream.end();
  const [events] = await once(stream, "response");
  const streamEnded = once(events.resume(), "end");
  const waiting = kit.ask("/api/v1/events?since=1&timeoutMs=60000", { token });
  await eventually(() => expect(kit.agent.watcherCount).toBe(2));
  // Their own new token is told to them, and the old one is over.
  const renewed = await kit.ask("/api/v1/user/token", { token: admin, body: { name: "joe" } });
  expect(renewed.status).toBe(200);
  expect(await waiting).toMatchObject({ status: 401, code: "LOGIN_FAILED" });
  await streamEnded;
  expect(await kit.ask(PING, { token, agent })).toMatchObject({ status: 401 });
  const own = await kit.ask("/api/v1/user/token", { token: admin, body: { name: "boss" } });
  const next = (JSON.parse(own.text) as { readonly token: string }).token;
  expect(await kit.ask("/api/v1/user/remove", { token: admin, body: { name: "joe" } })).toMatchObject({ status: 401 });
  expect((await kit.ask("/api/v1/user/remove", { token: next, body: { name: "boss" } })).status).toBe(200);
  expect(await kit.ask(PING, { token: next })).toMatchObject({ status: 401 });
  kit.agent.setConnection(connectionReport());
});

test("a body that comes after the user was removed is not carried out", async () => {
  const kit = await openApiKit(cleanup);
  const token = await kit.user("joe", "admin");
  await kit.user("other", "none");
  const body = JSON.stringify({ name: "late", rules: [] });
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", "content-length": body.length };
  const outgoing = request({ ...kit.server.address, path: "/api/v1/repset/create", method: "POST", headers, agent: false, rejectUnauthorized: false });
  outgoing.write(body.slice(0, 5));
  const answered = once(outgoing, "response");
  // The answer to another request proves that this one was seen.
  await once(outgoing, "socket");
  await eventually(async () => expect((await kit.ask(PING, { token })).status).toBe(200));
  await kit.agent.users.remove("joe");
  outgoing.end(body.slice(5));
  const [response] = await answered;
  expect(response.statusCode).toBe(401);
  response.resume();
  expect(await kit.agent.repsets.list()).toEqual([]);
});

test("failed logins lock the address for a while, with one line in the log", async () => {
  const kit = await openApiKit(cleanup);
  const token = await kit.user("joe", "admin");
  const agent = keepAlive();
  expect((await kit.ask(PING, { token, agent })).status).toBe(200);
  const wrong = `sm~joe~${"A".repeat(43)}`;
  const statuses = [];
  for (let i = 0; i < 30; i += 1) statuses.push((await kit.ask(PING, { token: wrong })).status);
  expect(statuses).toEqual([...Array<number>(10).fill(401), ...Array<number>(20).fill(429)]);
  const locked = await kit.ask(PING, { token });
  expect(locked).toMatchObject({ status: 429, code: "LOGIN_LOCKED" });
  expect(Number(locked.headers["retry-after"])).toBeGreaterThan(0);
  expect(Number(locked.headers["retry-after"])).toBeLessThanOrEqual(60);
  const warnings = kit.log.lines.filter(({ level }) => level === "warn").map(({ message }) => message);
  expect(warnings.filter((line) => line.includes("are refused for up to 60 s"))).toHaveLength(1);
  expect(warnings.length).toBeLessThanOrEqual(4);
});

const ODD_PATHS: readonly string[] = [
  "/api/v1/../v1/user/list",
  "/api/v1/%2e%2e/v1/user/list",
  "/api/v1/user%2flist",
  "/api/v1/user/%6cist",
  "/api/v1//user/list",
  "/api/v1/user/list/",
  "/api/v1/user/list;x",
  "/api/v1/user.list",
  "/api/v1/USER/LIST",
  "/api/v1/user/list%3f",
  "/api/v1/%",
  "/api/v1/%zz",
  "/api/v1/%00",
  "/api/v1/us%C3%A9r/list",
  "/api/v1/__proto__",
  "/api/v1/constructor/name",
  "/api/v1/*",
  "/api/v2/user/list",
  "/api/",
  `/api/v1/${"a".repeat(6000)}`,
  `/api/v1${"/a".repeat(3000)}`,
];

test("a path that is written oddly leads nowhere", async () => {
  const kit = await openApiKit(cleanup);
  const token = await kit.user("joe", "admin");
  const agent = keepAlive();
  for (const path of ODD_PATHS) {
    const what = path.slice(0, 40);
    for (const method of ["GET", "POST", "DELETE", "PROPFIND"]) {
      expect([400, 404], `${method} ${what}`).toContain((await kit.ask(path, { token, method, agent })).status);
    }
    expect(await kit.ask(path), what).toMatchObject({ status: 401 });
  }
});

test("requests that are too large, too slow, or no requests, are cut, and the agent goes on", async () => {
  const kit = await openApiKit(cleanup, { bodyTimeoutMs: 150, limits: { strangerMs: 2_000 } });
  const token = await kit.user("joe", "admin");
  const head = (extra: string): string =>
    `POST /api/v1/repset/show HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n${extra}\r\n`;
  const say = async (text: string): Promise<string> => talk(await connectTls(kit.server.address), text);
  expect(await kit.ask("/api/v1/repset/show", { token, body: { name: "x".repeat(1024 * 1024) } })).toMatchObject({ status: 413, code: "REQUEST_TOO_LARGE" });
  expect(await kit.ask("/api/v1/repset/show", { body: { name: "x".repeat(1024 * 1024) } })).toMatchObject({ status: 401 });
  expect(await say(`${head("Content-Length: 50\r\n")}{"na`)).toMatch(/^HTTP\/1\.1 408 .*REQUEST_TIMEOUT/s);
  expect(await say(head(`X: ${"y".repeat(10_000)}\r\n`))).toBe("");
  expect(await say("hello\r\n\r\n")).toBe("");
  expect(await say(`${head("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n")}{}`)).toBe("");
  expect(await say("GET /api/v1/ping HTTP/1.1\r\nHost: x\r\n")).toBe("");
  expect(await kit.ask(PING, { token, method: "POST", headers: { "content-type": "text/plain" }, body: "{}" })).toMatchObject({ status: 400, code: "USAGE" });

  const plain = createConnection(kit.server.address).on("error", () => undefined);
  plain.end(`GET ${PING} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  let answer = "";
  plain.on("data", (chunk) => {
    answer += chunk;
  });
  await once(plain, "close");
  expect(answer).not.toContain("HTTP/1.1 2");
  await expect(connectTls(kit.server.address, undefined, { maxVersion: "TLSv1.2" })).rejects.toThrow();
  expect((await kit.ask(PING, { token })).status).toBe(200);
});

test("connections of users are bounded, and so are their streams", async () => {
  const kit: ApiKit = await openApiKit(cleanup, { socketsMax: 4, streams: { perCallerMax: 2 } });
  const token = await kit.user("joe", "monitor");
  const headers = { accept: "text/event-stream" };
  const open = () => {
    const outgoing = request({
      ...kit.server.address,
      path: "/api/v1/events",
      headers: { ...headers, authorization: `Bearer ${token}` },
      agent: false,
      rejectUnauthorized: false,
    });
    cleanup.add(outgoing, (o) => o.destroy());
    outgoing.on("error", () => outgoing.destroy());
    outgoing.end();
    return once(outgoing, "response");
  };
  await Promise.all([open(), open()]);
  expect(await kit.ask("/api/v1/events", { token, headers })).toMatchObject({ status: 503, code: "API_BUSY", headers: { "retry-after": "5" } });
  await eventually(() => expect(kit.streams.count).toBe(2));
  const kept = [keepAlive(), keepAlive()];
  for (const agent of kept) await kit.ask(PING, { token, agent });
  expect(await kit.ask(PING, { token })).toMatchObject({ status: 503, code: "API_BUSY" });
  // Of the other role there is room for all.
  expect((await kit.ask(PING, { token: await kit.user("ops", "admin") })).status).toBe(200);
  for (const agent of kept) agent.destroy();
  await eventually(async () => expect((await kit.ask(PING, { token })).status).toBe(200));
});

test("one connection that asks without end, and waits for nothing, is held off, and leaves nothing behind", async () => {
  const kit = await openApiKit(cleanup);
  const token = await kit.user("joe", "monitor");
  const admin = await kit.user("ops", "admin");
  const socket = cleanup.add(await connectTls(kit.server.address), (s) => s.destroy());
  socket.on("error", () => socket.destroy());
  socket.write(`GET /api/v1/events?since=1&timeoutMs=60000 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`.repeat(UNDERWAY_MAX));
  await eventually(() => expect(kit.agent.watcherCount).toBe(UNDERWAY_MAX));
  expect(await kit.ask(PING, { token })).toMatchObject({ status: 503, code: "API_BUSY" });
  expect(kit.agent.watcherCount).toBe(UNDERWAY_MAX);
  expect((await kit.ask("/api/v1/events?since=0&timeoutMs=60000", { token: admin })).status).toBe(200);
  socket.destroy();
  await eventually(async () => expect((await kit.ask(PING, { token })).status).toBe(200));
  // The agent still waits for those who are gone: nobody can heap that up.
  expect(await kit.ask("/api/v1/events?since=1&timeoutMs=60000", { token })).toMatchObject({ status: 503, code: "API_BUSY" });
  kit.agent.setConnection(connectionReport());
  expect((await kit.ask("/api/v1/events?since=1&timeoutMs=60000", { token })).status).toBe(200);
});
