// The contract of SourceChannel and TargetChannel, over WebSockets with and without compression, one and several of them.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { SmError } from "../../src/base/errors.js";
import type { BytePath } from "../../src/model/byte-path.js";
import type { SourceChannel, TargetChannel } from "../../src/model/channel-port.js";
import { COMPRESSIONS } from "../../src/model/compression.js";
import type { Ack, CopyClaim } from "../../src/model/session.js";
import { decodeFrame, encodeWelcome, type Frame } from "../../src/transport/frame-codec.js";
import { ackOf } from "../support/acks.js";
import { eventually } from "../support/eventually.js";
import { Cleanup, introduce, never, openAgent, openTarget, peerOf, sampleHello, sampleSet, sampleWelcome } from "../support/transport-fixture.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const MiB = 1024 * 1024;

const KINDS = [...COMPRESSIONS.map((compression) => ({ compression, sockets: 1 })), { compression: "off" as const, sockets: 4 }];

describe.each(KINDS)("a channel with compression $compression over $sockets sockets", ({ compression, sockets }) => {
  async function openChannel(): Promise<{ source: SourceChannel; target: TargetChannel }> {
    const agent = await openAgent(cleanup, "source", {}, sockets);
    const other = await openTarget(cleanup);
    const peer = await introduce(agent, other);
    const taken = other.taken();
    const source = cleanup.add(await agent.dialer.dial(peer, sampleHello, never), (channel) => channel.close());
    source.setCompression(compression);
    await eventually(() => expect(source.sockets().open).toBe(sockets));
    return { source, target: await taken };
  }

  test("hello and welcome arrive as they were said, with the name of the pinned peer", async () => {
    const { source, target } = await openChannel();
    expect(source.welcome).toEqual(sampleWelcome);
    expect(source.remoteAddress).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(target.hello).toEqual({ ...sampleHello, compression: "brotli", ...(sockets === 1 ? {} : { joinKey: expect.any(String) }) });
    expect(target.peerName).toBe("source");
  });

  test("sets arrive whole, in order, whatever their size", async () => {
    const { source, target } = await openChannel();
    const sets = [10, 300_000, 5_000, 3 * MiB, 20, 70_000].map((size, i) => sampleSet(i + 1, Buffer.alloc(size, `text ${i} `)));
    sets.push(sampleSet(99, randomBytes(100_000)));
    const received: Buffer[] = [];
    target.onSet((bytes) => received.push(bytes));
    await Promise.all(sets.map((set) => source.sendSet(set)));
    await eventually(() => expect(received.length).toBe(sets.length));
    for (const [i, set] of sets.entries()) expect(received[i]?.equals(set)).toBe(true);
  });

  test("at a pace sets go in pieces, arrive whole and in order, and what is no set passes between them", async () => {
    const { source, target } = await openChannel();
    const sets = [10, 300_000, 5_000, 999].map((size, i) => sampleSet(i + 1, randomBytes(size)));
    const received: (Buffer | CopyClaim)[] = [];
    target.onSet((bytes) => received.push(bytes));
    target.onCopy((claim) => received.push(claim));
    const taken: number[] = [];
    const claim = { fromSeq: 1, why: "" };
    const take = async (bytes: number): Promise<boolean> => {
      taken.push(bytes);
      if (taken.length === 100) source.sendCopy(claim);
      return true;
    };
    let wireBytes = 0;
    const onWire = (bytes: number): void => {
      wireBytes += bytes;
    };
    for (const set of sets) await source.sendSet(set, { pace: { pieceBytes: 1000, take }, onWire });
    await eventually(() => expect(received.length).toBe(sets.length + 1));
    if (sockets === 1) expect(received[1]).toEqual(claim);
    expect(received).toContainEqual(claim);
    expect(received.filter((one) => Buffer.isBuffer(one)).map((bytes, i) => (bytes as Buffer).equals(sets[i] as Buffer))).toEqual([true, true, true, true]);
    expect(taken.reduce((sum, bytes) => sum + bytes, 0)).toBe(wireBytes);
    expect(Math.max(...taken)).toBeLessThan(1030);
  });

  test("a set that may not go on is given up; its pieces are no set", async () => {
    const { source, target } = await openChannel();
    const received: Buffer[] = [];
    target.onSet((bytes) => received.push(bytes));
    let pieces = 0;
    const pace = { pieceBytes: 1000, take: async () => ++pieces <= 3 };
    await expect(source.sendSet(sampleSet(1, randomBytes(50_000)), { pace })).rejects.toMatchObject({ code: "CHANNEL_LOST" });
    await source.close({ isAbrupt: true });
    await target.ended;
    expect(received).toEqual([]);
  });

  test("the target's pause arrives, also before anybody listens", async () => {
    const { source, target } = await openChannel();
    const heard: string[] = [];
    target.sendPause({ pause: "pending", sinceMs: 1 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    source.onPause(({ pause }) => heard.push(pause));
    target.sendPause({ pause: "paused", sinceMs: 1 });
    target.sendPause({ pause: "no", sinceMs: 0 });
    await eventually(() => expect(heard).toEqual(["pending", "paused", "no"]));
  });

  test("buffers handed out are not reused", async () => {
    const { source, target } = await openChannel();
    const received: Buffer[] = [];
    target.onSet((bytes) => received.push(bytes));
    const sets = Array.from({ length: 200 }, (_, i) => sampleSet(i, Buffer.alloc(1000 + i * 50, `${i} `)));
    for (const set of sets) await source.sendSet(set);
    await eventually(() => expect(received.length).toBe(sets.length));
    expect(Buffer.concat(received).equals(Buffer.concat(sets))).toBe(true);
  });

  test("sets that come before anybody listens are kept", async () => {
    const { source, target } = await openChannel();
    for (let seq = 1; seq <= 3; seq += 1) await source.sendSet(sampleSet(seq, Buffer.alloc(10_000, "x")));
    await eventually(() => expect(source.stats().roundTripMs).toBeGreaterThan(0));
    const received: Buffer[] = [];
    target.onSet((bytes) => received.push(bytes));
    await eventually(() => expect(received.length).toBe(3));
  });

  test("acknowledgements arrive in order, with every answer, also a very large one", async () => {
    const { source, target } = await openChannel();
    const acks: Ack[] = [];
    const path = "d" as BytePath;
    const answers: Ack["answers"] = Array.from({ length: 30_000 }, (_, i) => ({ kind: "stale", seq: i, root: 0, path, reason: "changed" }));
    target.sendAck(ackOf({ appliedSeq: 6, durableSeq: 5 }));
    target.sendAck(ackOf({ appliedSeq: 7, durableSeq: 6, answers }));
    source.onAck((ack) => acks.push(ack));
    await eventually(() => expect(acks.at(-1)?.appliedSeq).toBe(7));
    expect(acks[0]).toEqual(ackOf({ appliedSeq: 6, durableSeq: 5 }));
    expect(acks.flatMap((ack) => ack.answers)).toEqual(answers);
  });

  test("what the source knows of the copy arrives, also before anybody listens", async () => {
    const { source, target } = await openChannel();
    source.sendCopy({ fromSeq: null, why: "a mirror is in progress" });
    source.sendCopy({ fromSeq: 7, why: "" });
    await source.sendSet(sampleSet(1));
    const sets: Buffer[] = [];
    target.onSet((bytes) => sets.push(bytes));
    await eventually(() => expect(sets.length).toBe(1));
    const claims: CopyClaim[] = [];
    target.onCopy((claim) => claims.push(claim));
    source.sendCopy({ fromSeq: null, why: "x".repeat(3000) });
    await eventually(() => expect(claims.length).toBe(2));
    expect(claims).toEqual([
      { fromSeq: 7, why: "" },
      { fromSeq: null, why: "x".repeat(2000) },
    ]);
  });

  test("the source waits when the target does not release", async () => {
    const { source, target } = await openChannel();
    let received = 0;
    target.onSet((bytes) => {
      received += bytes.length;
    });
    const set = sampleSet(1, randomBytes(MiB));
    let sent = 0;
    const sending = (async () => {
      for (; sent < 150; sent += 1) await source.sendSet(set);
    })();
    // Everything stands still once it is full: the count no longer grows over many heartbeats' worth of turns.
    let before = -1;
    await eventually(
      () => {
        const same = received === before && received > 32 * MiB;
        before = received;
        expect(same).toBe(true);
      },
      { intervalMs: 300 },
    );
    expect(received).toBeLessThan(70 * MiB);
    expect(sent).toBeLessThan(150);
    let released = 0;
    const releasing = setInterval(() => {
      target.release(received - released);
      released = received;
    }, 5);
    await sending;
    await eventually(() => expect(received).toBe(150 * set.length));
    clearInterval(releasing);
  });

  test("the statistics tell both sizes", async () => {
    const { source, target } = await openChannel();
    target.onSet(() => target.sendAck(ackOf({ appliedSeq: 1 })));
    const set = sampleSet(1, Buffer.alloc(MiB, "abc"));
    let wireBytes = 0;
    await source.sendSet(set, {
      onWire: (bytes) => {
        wireBytes = bytes;
      },
    });
    await eventually(() => expect(wireBytes).toBeGreaterThan(0));
    if (compression === "off") expect(wireBytes).toBe(set.length);
    else expect(wireBytes).toBeLessThan(set.length / 50);
    await eventually(() => expect(source.stats().receivedBytes).toBeGreaterThan(30));
    expect(source.stats()).toMatchObject({ sentBytes: set.length, sentCompressedBytes: wireBytes });
  });

  test("closing at the source lets what was sent arrive", async () => {
    const { source, target } = await openChannel();
    const received: Buffer[] = [];
    target.onSet((bytes) => received.push(bytes));
    for (let seq = 1; seq <= 20; seq += 1) void source.sendSet(sampleSet(seq, randomBytes(200_000)));
    await source.close();
    expect(await source.ended).toMatchObject({ code: "CHANNEL_LOST" });
    expect(await target.ended).toMatchObject({ code: "CHANNEL_LOST", message: expect.stringContaining("the source closed the channel") });
    expect(received.length).toBe(20);
    await expect(source.sendSet(sampleSet(1))).rejects.toMatchObject({ code: "CHANNEL_LOST" });
    await source.close();
  });

  test("closing at the target tells the source why, and ends its waiting sends", async () => {
    const { source, target } = await openChannel();
    const set = sampleSet(1, randomBytes(MiB));
    const sends = Array.from({ length: 100 }, () => source.sendSet(set).then(undefined, (error: SmError) => error.code));
    await target.close(new SmError("APPLY_FAILED", "the disk is gone"));
    expect(await source.ended).toMatchObject({ code: "APPLY_FAILED", message: expect.stringContaining("the disk is gone") });
    expect((await Promise.all(sends)).at(-1)).toBe("CHANNEL_LOST");
    target.sendAck(ackOf({ appliedSeq: 9 }));
    await target.close();
  });
});

test("the level changes between two sets, and the order stays", async () => {
  const agent = await openAgent(cleanup, "source");
  const other = await openTarget(cleanup);
  const peer = await introduce(agent, other);
  const taken = other.taken();
  const source = cleanup.add(await agent.dialer.dial(peer, sampleHello, never), (channel) => channel.close());
  const received: Buffer[] = [];
  (await taken).onSet((bytes) => received.push(bytes));
  const sets: Buffer[] = [];
  const wires: number[] = [];
  for (let seq = 1; seq <= 120; seq += 1) {
    source.setCompression(COMPRESSIONS[seq % COMPRESSIONS.length] ?? "off");
    const set = sampleSet(seq, Buffer.alloc(seq % 7 === 0 ? MiB : 5_000, `text ${seq} `));
    sets.push(set);
    void source.sendSet(set, { onWire: (bytes) => wires.push(bytes) });
  }
  await eventually(() => expect(received.length).toBe(sets.length));
  for (const [i, set] of sets.entries()) expect(received[i]?.equals(set)).toBe(true);
  expect(wires.filter((bytes, i) => bytes === sets[i]?.length).length).toBe(40);
  expect(source.stats()).toMatchObject({ sentBytes: sum(sets.map(({ length }) => length)), sentCompressedBytes: sum(wires) });
});

test("a target that says nothing of compression and sockets is sent what every version reads, over one", async () => {
  const agent = await openAgent(cleanup, "source", {}, 4);
  const other = await openAgent(cleanup, "target");
  const server = createServer({ ...other.identity.tls(), requestCert: true, rejectUnauthorized: false });
  const sockets = new WebSocketServer({ server, handleProtocols: () => "sm.1" });
  const frames: Frame[] = [];
  sockets.on("connection", (ws) => {
    ws.on("message", (data) => {
      const frame = decodeFrame(data as Buffer);
      if (frame.kind !== "ping") frames.push(frame);
      if (frame.kind === "hello") ws.send(encodeWelcome(sampleWelcome));
    });
    cleanup.add(ws, () => ws.terminate());
  });
  cleanup.add(server.listen(0, "127.0.0.1"), () => void server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const peer = { name: "target", fingerprint: other.identity.fingerprint, addresses: [{ host: "127.0.0.1", port }], addedAt: "2026-01-01T00:00:00.000Z" };
  await agent.peers.add(peer);
  const source = await agent.dialer.dial(peer, sampleHello, never);
  source.setCompression("brotli");
  expect(source.compression).toBe("lz4");
  expect(source.sockets()).toEqual({ open: 1, why: expect.stringContaining("older") });
  await source.sendSet(sampleSet(1, Buffer.alloc(5000, "abc ")));
  await eventually(() => expect(frames.map(({ kind }) => kind)).toEqual(["hello", "lz4"]));
  expect(frames[0]).toEqual({ kind: "hello", hello: { ...sampleHello, compression: "lz4" } });
});

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

test("a refusal of the target reaches the source as its error", async () => {
  const agent = await openAgent(cleanup, "source");
  const other = await openTarget(cleanup, {}, async () => {
    throw new SmError("TARGET_IN_USE", "/copy is taken");
  });
  const peer = await introduce(agent, other);
  await expect(agent.dialer.dial(peer, sampleHello, never)).rejects.toMatchObject({
    code: "TARGET_IN_USE",
    message: expect.stringContaining("/copy is taken"),
  });
  await eventually(() => expect(other.server.channels()).toBe(0));
});

test("a defect of the acceptor is refused without its inside, and logged", async () => {
  const agent = await openAgent(cleanup, "source");
  const other = await openTarget(cleanup, {}, async () => {
    throw new TypeError("secret inside");
  });
  const peer = await introduce(agent, other);
  const error = await agent.dialer.dial(peer, sampleHello, never).catch((caught: SmError) => caught);
  expect(error).toMatchObject({ code: "PROTOCOL", message: expect.not.stringContaining("secret inside") });
  expect(other.log.lines).toContainEqual({ level: "error", message: expect.stringContaining("secret inside") });
});

test("an agent is its own peer localhost", async () => {
  const target = await openTarget(cleanup);
  const taken = target.taken();
  const source = await target.dialer.dial(peerOf(target, "localhost"), sampleHello, never);
  expect((await taken).peerName).toBe("localhost");
  await source.close();
});

test("many channels of one peer live side by side", async () => {
  const agent = await openAgent(cleanup, "source");
  const other = await openTarget(cleanup);
  const peer = await introduce(agent, other);
  const channels = await Promise.all(Array.from({ length: 10 }, () => agent.dialer.dial(peer, sampleHello, never)));
  expect(other.server.channels("source")).toBe(10);
  await Promise.all(channels.map((channel) => channel.close()));
  await eventually(() => expect(other.server.channels()).toBe(0));
});
