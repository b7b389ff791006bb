// Links that break, stall or lead to the wrong place.

import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { afterEach, expect, test } from "vitest";
import { defer } from "../../src/base/wait.js";
import type { AcceptChannel, TargetChannel } from "../../src/model/channel-port.js";
import { PeerServer } from "../../src/transport/peer-server.js";
import { ChaosProxy } from "../support/chaos-proxy.js";
import { eventually } from "../support/eventually.js";
import { Cleanup, introduce, never, openAgent, openTarget, sampleHello, sampleSet, sampleWelcome } from "../support/transport-fixture.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const fast = { heartbeatMs: 50, deadMs: 400, closeMs: 500, connectTimeoutMs: 1_000, welcomeTimeoutMs: 1_000 };

/** A channel through a proxy, and its other end. */
async function openProxied() {
  const target = await openTarget(cleanup, fast);
  const source = await openAgent(cleanup, "source", fast);
  const peer = await introduce(source, target);
  const proxy = await ChaosProxy.open(target.server.address);
  const taken = target.taken();
  const channel = await source.dialer.dial({ ...peer, addresses: [{ host: "127.0.0.1", port: proxy.port }] }, sampleHello, never);
  return { target, proxy, channel, other: await taken };
}

test("a half-open link is found dead on both sides", async () => {
  const { target, proxy, channel, other } = await openProxied();
  await eventually(() => expect(channel.stats().roundTripMs).toBeGreaterThan(0));
  proxy.freeze();
  const started = performance.now();
  expect(await channel.ended).toMatchObject({ code: "CHANNEL_LOST", message: expect.stringContaining("silent") });
  expect(await other.ended).toMatchObject({ code: "CHANNEL_LOST" });
  expect(performance.now() - started).toBeGreaterThan(300);
  await eventually(() => expect(target.server.channels()).toBe(0));
});

test("an idle link stays alive by its heartbeat", async () => {
  const target = await openTarget(cleanup, fast);
  const source = await openAgent(cleanup, "source", fast);
  const channel = await source.dialer.dial(await introduce(source, target), sampleHello, never);
  const lived = await Promise.race([channel.ended, new Promise((resolve) => setTimeout(() => resolve("alive"), fast.deadMs * 3))]);
  expect(lived).toBe("alive");
});

test("a target that does not release is not taken for dead, nor its source", async () => {
  const target = await openTarget(cleanup, fast);
  const source = await openAgent(cleanup, "source", fast);
  const peer = await introduce(source, target);
  const taken = target.taken();
  const channel = await source.dialer.dial(peer, sampleHello, never);
  const other = await taken;
  let received = 0;
  other.onSet((bytes) => {
    received += bytes.length;
  });
  const set = sampleSet(1, Buffer.alloc(1024 * 1024));
  const sending = Promise.all(Array.from({ length: 90 }, () => channel.sendSet(set)));
  const lived = await Promise.race([channel.ended, other.ended, new Promise((resolve) => setTimeout(() => resolve("alive"), fast.deadMs * 3))]);
  expect(lived).toBe("alive");
  expect(received).toBeLessThan(90 * set.length);
  other.release(received);
  await sending;
  await eventually(() => expect(received).toBe(90 * set.length));
});

test("a cut link ends both sides, and what waits for it", async () => {
  const { proxy, channel, other } = await openProxied();
  proxy.freeze();
  const sends = Array.from({ length: 100 }, () => channel.sendSet(sampleSet(1, Buffer.alloc(1024 * 1024))).then(undefined, (error) => error.code));
  proxy.cut();
  expect(await channel.ended).toMatchObject({ code: "CHANNEL_LOST" });
  expect(await other.ended).toMatchObject({ code: "CHANNEL_LOST" });
  expect((await Promise.all(sends)).at(-1)).toBe("CHANNEL_LOST");
});

test("another certificate than the pinned one gets not one byte of ours", async () => {
  const source = await openAgent(cleanup, "source", fast);
  const impostor = await openAgent(cleanup, "target");
  let received = 0;
  const server = createTlsServer({ ...impostor.identity.tls(), requestCert: true, rejectUnauthorized: false }, (socket) => {
    socket.on("data", (chunk) => {
      received += chunk.length;
    });
    socket.on("error", () => socket.destroy());
  });
  cleanup.add(server.listen(0, "127.0.0.1"), () => new Promise((resolve) => server.close(resolve)));
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const peer = { name: "target", fingerprint: "a".repeat(64), addresses: [{ host: "127.0.0.1", port }], addedAt: "2026-01-01T00:00:00.000Z" };
  await source.peers.add(peer);
  const error = await source.dialer.dial(peer, sampleHello, never).catch((caught) => caught);
  expect(error).toMatchObject({ code: "PEER_MISMATCH", data: { pinned: "a".repeat(64), shown: impostor.identity.fingerprint } });
  expect(received).toBe(0);
});

test("addresses are tried in turn, and all failures are told", async () => {
  const target = await openTarget(cleanup, fast);
  const source = await openAgent(cleanup, "source", fast);
  const peer = await introduce(source, target);
  const closed = createServer().listen(0, "127.0.0.1");
  await once(closed, "listening");
  const dead = { host: "127.0.0.1", port: (closed.address() as AddressInfo).port };
  await new Promise((resolve) => closed.close(resolve));
  const channel = await source.dialer.dial({ ...peer, addresses: [dead, target.server.address] }, sampleHello, never);
  expect(channel.remoteAddress).toBe(`127.0.0.1:${target.server.address.port}`);
  const failure = source.dialer.dial({ ...peer, addresses: [dead, { host: "::1", port: dead.port }] }, sampleHello, never);
  await expect(failure).rejects.toMatchObject({ code: "CHANNEL_LOST", message: expect.stringMatching(/127\.0\.0\.1:.*; .*\[::1\]:/) });
  await expect(source.dialer.dial({ ...peer, addresses: [] }, sampleHello, never)).rejects.toMatchObject({ code: "CHANNEL_LOST" });
  await expect(source.dialer.dial({ ...peer, addresses: [{ host: "127.0.0.1", port: 70_000 }] }, sampleHello, never)).rejects.toMatchObject({
    code: "CHANNEL_LOST",
  });
});

test("a server that says nothing costs one timeout, at TLS and at the welcome", async () => {
  const mute = createServer((socket) => socket.resume());
  cleanup.add(mute.listen(0, "127.0.0.1"), () => new Promise((resolve) => mute.close(resolve)));
  await once(mute, "listening");
  const gate = defer<void>();
  const target = await openTarget(cleanup, fast, async () => {
    await gate.promise;
    return { welcome: sampleWelcome, take: () => undefined };
  });
  const timing = { ...fast, connectTimeoutMs: 200, welcomeTimeoutMs: 200 };
  const source = await openAgent(cleanup, "source", timing);
  const peer = await introduce(source, target);
  const atTls = source.dialer.dial({ ...peer, addresses: [{ host: "127.0.0.1", port: (mute.address() as AddressInfo).port }] }, sampleHello, never);
  await expect(atTls).rejects.toMatchObject({ code: "CHANNEL_LOST", message: expect.stringContaining("200 ms") });
  await expect(source.dialer.dial(peer, sampleHello, never)).rejects.toMatchObject({ code: "CHANNEL_LOST", message: expect.stringContaining("welcome") });
  gate.resolve();
});

test("a channel whose source left during the acceptance still gets an owner, who sees its end", async () => {
  const gate = defer<void>();
  const asked = defer<void>();
  const owned = defer<TargetChannel>();
  const accept: AcceptChannel = async () => {
    asked.resolve();
    await gate.promise;
    return { welcome: sampleWelcome, take: (channel) => owned.resolve(channel) };
  };
  const target = await openTarget(cleanup, fast, accept);
  const source = await openAgent(cleanup, "source", fast);
  const peer = await introduce(source, target);
  const abort = new AbortController();
  const dialling = source.dialer.dial(peer, sampleHello, abort.signal);
  await asked.promise;
  abort.abort();
  await expect(dialling).rejects.toMatchObject({ code: "CHANNEL_LOST", message: expect.stringContaining("cancelled") });
  await eventually(() => expect(target.server.channels()).toBe(0));
  gate.resolve();
  expect(await (await owned.promise).ended).toMatchObject({ code: "CHANNEL_LOST" });
});

test("an aborted dial leaves nothing behind, whenever it is aborted", async () => {
  const target = await openTarget(cleanup, fast);
  const source = await openAgent(cleanup, "source", fast);
  const peer = await introduce(source, target);
  await expect(source.dialer.dial(peer, sampleHello, AbortSignal.abort())).rejects.toMatchObject({ code: "CHANNEL_LOST" });
  for (let turns = 0; turns < 40; turns += 1) {
    const abort = new AbortController();
    const dialling = source.dialer.dial(peer, sampleHello, abort.signal).then(
      (channel) => channel.close(),
      (error) => expect(error.code).toBe("CHANNEL_LOST"),
    );
    for (let i = 0; i < turns; i += 1) await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    await dialling;
  }
  await eventually(() => expect(target.server.channels()).toBe(0));
});

test("an address in use is told with its reason; closing twice is closing", async () => {
  const target = await openTarget(cleanup);
  const { identity, peers, bootstrap, log } = target;
  const accept: AcceptChannel = async () => ({ welcome: sampleWelcome, take: () => undefined });
  const second = PeerServer.open({ identity, peers, bootstrap, listen: target.server.address, accept, dismiss: async () => undefined, log });
  await expect(second).rejects.toMatchObject({ code: "LISTEN_FAILED", message: expect.stringMatching(/127\.0\.0\.1:\d+.*EADDRINUSE/) });
  await Promise.all([target.server.close(), target.server.close()]);
});

test("a stopping target tells its sources", async () => {
  const target = await openTarget(cleanup);
  const source = await openAgent(cleanup, "source");
  const channel = await source.dialer.dial(await introduce(source, target), sampleHello, never);
  await target.server.close();
  expect(await channel.ended).toMatchObject({ code: "CHANNEL_LOST", message: expect.stringContaining("the target agent stops") });
});

test("removing a peer at the source ends its channels, and forbids new ones", async () => {
  const target = await openTarget(cleanup);
  const source = await openAgent(cleanup, "source");
  const peer = await introduce(source, target);
  const channel = await source.dialer.dial(peer, sampleHello, never);
  await source.peers.remove("target");
  expect(await channel.ended).toMatchObject({ code: "PEER_UNKNOWN" });
  await expect(source.dialer.dial(peer, sampleHello, never)).rejects.toMatchObject({ code: "PEER_UNKNOWN" });
});
