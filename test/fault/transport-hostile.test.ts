// Strangers, former peers and peers that lost their mind at the door of a target.

import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { brotliCompressSync } from "node:zlib";
import { compressSync } from "lz4-napi";
import { afterEach, expect, test } from "vitest";
import { encodeFrame, encodeHello, encodePing } from "../../src/transport/frame-codec.js";
import { eventually } from "../support/eventually.js";
import { connectTls, openRaw, type RawChannel, talk, upgradeRequest } from "../support/hostile-client.js";
import { Cleanup, introduce, never, openAgent, openTarget, sampleHello, sampleSet, type Target } from "../support/transport-fixture.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const FORBIDDEN = /^HTTP\/1\.1 403 Forbidden\r\n[\s\S]*\r\n\r\nthis agent does not know your certificate: pair with it first\n$/;

async function expectServes(target: Target): Promise<void> {
  const friend = await openAgent(cleanup, "friend");
  await target.peers.add({ name: "friend", fingerprint: friend.identity.fingerprint, addresses: [], addedAt: "2026-01-01T00:00:00.000Z" });
  const peer = { name: "target", fingerprint: target.identity.fingerprint, addresses: [target.server.address], addedAt: "" };
  await friend.peers.add({ ...peer, addedAt: "2026-01-01T00:00:00.000Z" });
  await (await friend.dialer.dial(peer, sampleHello, never)).close();
}

test("without a certificate, or with an unknown one, there is one line and no WebSocket", async () => {
  const target = await openTarget(cleanup);
  const stranger = await openAgent(cleanup, "stranger");
  for (const identity of [undefined, stranger.identity]) {
    expect(await talk(await connectTls(target.server.address, identity), upgradeRequest("/sm"))).toMatch(FORBIDDEN);
    expect(await talk(await connectTls(target.server.address, identity), upgradeRequest("/elsewhere"))).toMatch(FORBIDDEN);
    expect(await talk(await connectTls(target.server.address, identity), "GET / HTTP/1.1\r\nHost: x\r\n\r\n")).toMatch(
      /^HTTP\/1\.1 403[\s\S]*pair with it first/,
    );
  }
  expect(await talk(await connectTls(target.server.address), upgradeRequest("/pair", "sm.pair.1"))).toMatch(/^HTTP\/1\.1 403/);
  expect(target.channels.length).toBe(0);
  expect(target.log.lines.filter((line) => line.level === "warn").length).toBe(3);
});

test("a dialling stranger learns that it is not known", async () => {
  const target = await openTarget(cleanup);
  const source = await openAgent(cleanup, "source");
  const peer = await introduce(source, target);
  await target.peers.remove("source");
  await expect(source.dialer.dial(peer, sampleHello, never)).rejects.toMatchObject({
    code: "PEER_UNKNOWN",
    message: expect.stringContaining("pair with it first"),
  });
});

test("a peer finds nothing but channels, and only with the right subprotocol", async () => {
  const target = await openTarget(cleanup);
  const source = await openAgent(cleanup, "source");
  await introduce(source, target);
  const ask = async (text: string): Promise<string> => talk(await connectTls(target.server.address, source.identity), text);
  expect(await ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n")).toMatch(/^HTTP\/1\.1 404/);
  expect(await ask(upgradeRequest("/other"))).toMatch(/^HTTP\/1\.1 404/);
  expect(await ask(upgradeRequest("/sm", "sm.2"))).toMatch(/^HTTP\/1\.1 400[\s\S]*speaks sm\.1/);
  expect(await ask(upgradeRequest("/sm").replace("GET", "POST"))).toMatch(/^HTTP\/1\.1 405/);
  expect(await ask(`GET /sm HTTP/1.1\r\nX: ${"y".repeat(10_000)}\r\n\r\n`)).toMatch(/^$|^HTTP\/1\.1 431/);
});

test("TLS 1.2 is refused", async () => {
  const target = await openTarget(cleanup);
  const attempt = connectTls(target.server.address, undefined, { maxVersion: "TLSv1.2" });
  await expect(attempt).rejects.toMatchObject({ code: expect.stringContaining("ALERT_PROTOCOL_VERSION") });
});

test("a peer that is removed loses its channels at once, and is refused afterwards", async () => {
  const target = await openTarget(cleanup);
  const source = await openAgent(cleanup, "source");
  const peer = await introduce(source, target);
  const taken = target.taken();
  const channel = await source.dialer.dial(peer, sampleHello, never);
  await target.peers.remove("source");
  expect(await (await taken).ended).toMatchObject({ code: "PEER_UNKNOWN" });
  expect(await channel.ended).toMatchObject({ code: "PEER_UNKNOWN", message: expect.stringContaining("removed") });
  await expect(source.dialer.dial(peer, sampleHello, never)).rejects.toMatchObject({ code: "PEER_UNKNOWN" });
});

test("garbage in place of TLS is dropped", async () => {
  const target = await openTarget(cleanup);
  const socket = createConnection(target.server.address);
  const closed = once(socket, "close");
  socket.on("error", () => socket.destroy());
  socket.resume();
  socket.write("GET / HTTP/1.1\r\n\r\n");
  await closed;
  await expectServes(target);
});

test("whoever hesitates is shown out: at TCP, at TLS, at the request, at the pairing", async () => {
  const target = await openTarget(cleanup, { strangerMs: 300 });
  const source = await openAgent(cleanup, "source");
  const silent = createConnection(target.server.address);
  const halfRequest = await connectTls(target.server.address, source.identity);
  halfRequest.write("GET /sm HTTP/1.1\r\nHost");
  const noRequest = await connectTls(target.server.address);
  const noToken = await openRaw(target.server.address, source.identity, "/pair", "sm.pair.1");
  const sockets: readonly Socket[] = [silent, halfRequest, noRequest];
  const closed = sockets.map(
    (socket) =>
      new Promise((resolve) =>
        socket
          .on("error", () => socket.destroy())
          .once("close", resolve)
          .resume(),
      ),
  );
  await Promise.all([...closed, noToken.closed]);
  await expectServes(target);
});

test("strangers are few", async () => {
  const target = await openTarget(cleanup, { strangersMax: 3, strangerMs: 5_000 });
  const sockets = Array.from({ length: 3 }, () => cleanup.add(createConnection(target.server.address), (socket) => socket.destroy()));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  const fourth = createConnection(target.server.address);
  fourth.on("error", () => fourth.destroy()).resume();
  await once(fourth, "close");
  for (const socket of sockets) socket.destroy();
  await eventually(() => expectServes(target));
});

test("channels per peer are limited, and the limit is a reason to try again", async () => {
  const target = await openTarget(cleanup, { channelsPerPeerMax: 2 });
  const source = await openAgent(cleanup, "source");
  const peer = await introduce(source, target);
  const first = await source.dialer.dial(peer, sampleHello, never);
  await source.dialer.dial(peer, sampleHello, never);
  await expect(source.dialer.dial(peer, sampleHello, never)).rejects.toMatchObject({ code: "PEER_BUSY" });
  await first.close();
  await eventually(() => source.dialer.dial(peer, sampleHello, never));
});

async function openMad(limits = {}): Promise<{ target: Target; raw: RawChannel }> {
  const target = await openTarget(cleanup, limits);
  const source = await openAgent(cleanup, "source");
  await introduce(source, target);
  return { target, raw: await openRaw(target.server.address, source.identity) };
}

const madness: readonly [string, boolean, readonly (Buffer | string)[]][] = [
  ["a text message", false, ["hello"]],
  ["an empty message", false, [Buffer.alloc(0)]],
  ["a set before the hello", false, [sampleSet(1)]],
  ["an ack in place of the hello", false, [encodeFrame(["ack", 1, 1, [], null])]],
  ["a hello of another shape", false, [encodeFrame(["hello", { connectionKey: 1 }])]],
  ["probes without end", false, Array.from({ length: 17 }, () => encodeFrame(["probe", Buffer.alloc(16)]))],
  ["a second hello", true, [encodeHello(sampleHello)]],
  ["a truncated set", true, [sampleSet(1).subarray(0, 5)]],
  ["a welcome from the source", true, [encodeFrame(["welcome", {}])]],
  ["a compressed set that was not agreed", true, [encodeFrame(["lz4", 600], [Buffer.from(`58020000${"00".repeat(100)}`, "hex")])]],
  ["a set compressed more than was agreed", true, [encodeFrame(["brotli", 600], [Buffer.alloc(100)])]],
  ["a malformed ping", true, [encodeFrame(["ping", "x"])]],
];

test.each(madness)("%s ends the channel and is told", async (_what, afterHello, messages) => {
  const { target, raw } = await openMad();
  if (afterHello) {
    raw.ws.send(encodeHello(sampleHello));
    await eventually(() => expect(target.channels.length).toBe(1));
  }
  for (const message of messages) raw.ws.send(message);
  await raw.closed;
  expect(raw.frames.at(-1)).toMatchObject({ kind: "bye", code: "PROTOCOL" });
  if (afterHello) expect(await target.channels[0]?.ended).toMatchObject({ code: "PROTOCOL" });
  await eventually(() => expect(target.server.channels()).toBe(0));
});

test("a frame that is too large ends the channel before it is read", async () => {
  const { target, raw } = await openMad();
  raw.ws.send(encodeHello(sampleHello));
  await eventually(() => expect(target.channels.length).toBe(1));
  raw.ws.send(Buffer.alloc(17 * 1024 * 1024));
  expect(await target.channels[0]?.ended).toMatchObject({ code: "PROTOCOL" });
  await raw.closed;
});

test("broken WebSocket framing ends the channel", async () => {
  const target = await openTarget(cleanup);
  const source = await openAgent(cleanup, "source");
  await introduce(source, target);
  const answer = await talk(await connectTls(target.server.address, source.identity), `${upgradeRequest("/sm")}${"\xff".repeat(100)}`);
  expect(answer).toMatch(/^HTTP\/1\.1 101/);
  await eventually(() => expect(target.server.channels()).toBe(0));
  await expectServes(target);
});

test.each(["lz4", "brotli"] as const)("a damaged set compressed by %s ends the channel, after the sets before it", async (level) => {
  const { target, raw } = await openMad();
  raw.ws.send(encodeHello({ ...sampleHello, compression: level }));
  await eventually(() => expect(target.channels.length).toBe(1));
  const received: Buffer[] = [];
  target.channels[0]?.onSet((bytes) => received.push(bytes));
  raw.ws.send(sampleSet(1));
  raw.ws.send(encodeFrame([level, 600], [Buffer.from("58020000ffffff", "hex")]));
  raw.ws.send(sampleSet(2));
  expect(await target.channels[0]?.ended).toMatchObject({ code: "PROTOCOL", message: expect.stringContaining("decompressed") });
  expect(received).toEqual([sampleSet(1)]);
});

test.each(["lz4", "brotli"] as const)("small frames of %s that become large do not become more than a target holds", async (level) => {
  const { target, raw } = await openMad();
  raw.ws.send(encodeHello({ ...sampleHello, compression: level }));
  await eventually(() => expect(target.channels.length).toBe(1));
  let received = 0;
  target.channels[0]?.onSet((bytes) => {
    received += bytes.length;
  });
  const set = sampleSet(1, Buffer.alloc(4 * 1024 * 1024 - 1024));
  // Brotli makes it smaller than is believed: what follows its end is not looked at.
  const block = level === "lz4" ? compressSync(set) : Buffer.concat([brotliCompressSync(set), Buffer.alloc(17_000)]);
  for (let i = 0; i < 200; i += 1) raw.ws.send(encodeFrame([level, set.length], [block]));
  let before = -1;
  await eventually(
    () => {
      const isStill = received === before && received > 32 * 1024 * 1024;
      before = received;
      expect(isStill).toBe(true);
    },
    { intervalMs: 300 },
  );
  expect(received).toBeLessThan(80 * 1024 * 1024);
  raw.ws.terminate();
});

test("a peer that says no hello is shown out", async () => {
  const { target, raw } = await openMad({ helloTimeoutMs: 200 });
  await raw.closed;
  expect(raw.frames.at(-1)).toMatchObject({ kind: "bye", message: expect.stringContaining("no hello") });
  expect(target.channels.length).toBe(0);
});

test("pings are answered, however odd their number", async () => {
  const { raw } = await openMad();
  for (const token of [0, 5, Number.MAX_SAFE_INTEGER]) raw.ws.send(encodePing(token));
  const pongs = (): number[] => raw.frames.flatMap((frame) => (frame.kind === "pong" ? [frame.token] : []));
  await eventually(() => expect(pongs()).toEqual([0, 5, Number.MAX_SAFE_INTEGER]));
  raw.ws.terminate();
});
