// Several sockets of one channel: who may join, what breaks it, what is held when one of them stands still.

import { afterEach, expect, test } from "vitest";
import type { TargetChannel } from "../../src/model/channel-port.js";
import { SOCKETS_MAX } from "../../src/model/sockets.js";
import { encodeHello, encodeJoin, encodePing, encodeStripe } from "../../src/transport/frame-codec.js";
import { HELD_BYTES_MAX } from "../../src/transport/stripe-order.js";
import { ChaosProxy } from "../support/chaos-proxy.js";
import { eventually } from "../support/eventually.js";
import { openRaw, type RawChannel } from "../support/hostile-client.js";
import { type Agent, Cleanup, introduce, never, openAgent, openTarget, sampleHello, sampleSet, type Target } from "../support/transport-fixture.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const KEY = Buffer.alloc(32, 0x5a);
const MiB = 1024 * 1024;

/** A channel whose hello has KEY, by hand. */
async function openKeyed(): Promise<{ target: Target; source: Agent; raw: RawChannel; channel: TargetChannel; received: Buffer[] }> {
  const target = await openTarget(cleanup);
  const source = await openAgent(cleanup, "source");
  await introduce(source, target);
  const raw = await openRaw(target.server.address, source.identity);
  raw.ws.send(encodeHello({ ...sampleHello, joinKey: KEY.toString("hex") }));
  const channel = await target.taken();
  const received: Buffer[] = [];
  channel.onSet((bytes) => received.push(bytes));
  return { target, source, raw, channel, received };
}

async function join({ target, source }: { target: Target; source: Agent }, key = KEY): Promise<RawChannel> {
  const raw = await openRaw(target.server.address, source.identity, "/join");
  raw.ws.send(encodeJoin(key));
  return raw;
}

async function joined(pair: { target: Target; source: Agent }): Promise<RawChannel> {
  const raw = await join(pair);
  await eventually(() => expect(raw.frames.map(({ kind }) => kind)).toContain("joined"));
  return raw;
}

const whole = (number: number, set: Buffer): Buffer => encodeStripe(number, set.length, set);

test("a socket joins by certificate and key together: another peer's, another key and a key that is over find nothing", async () => {
  const pair = await openKeyed();
  const stranger = await openAgent(cleanup, "stranger");
  await pair.target.peers.add({ name: "stranger", fingerprint: stranger.identity.fingerprint, addresses: [], addedAt: "2026-01-01T00:00:00.000Z" });
  const refused = { kind: "refuse", code: "REFUSED" };
  for (const attempt of [await join({ ...pair, source: stranger }), await join(pair, Buffer.alloc(32, 1))]) {
    await attempt.closed;
    expect(attempt.frames.at(-1)).toMatchObject(refused);
  }
  const unknown = await openAgent(cleanup, "unknown");
  await expect(join({ ...pair, source: unknown })).rejects.toThrow("403");
  await joined(pair);
  pair.raw.ws.terminate();
  await pair.channel.ended;
  const late = await join(pair);
  await late.closed;
  expect(late.frames.at(-1)).toMatchObject(refused);
});

test("a key is used by one channel, which has so many sockets at most", async () => {
  const pair = await openKeyed();
  const second = await openRaw(pair.target.server.address, pair.source.identity);
  second.ws.send(encodeHello({ ...sampleHello, joinKey: KEY.toString("hex") }));
  await second.closed;
  expect(second.frames.at(-1)).toMatchObject({ kind: "refuse", code: "PROTOCOL" });
  for (let count = 1; count < SOCKETS_MAX; count += 1) await joined(pair);
  const surplus = await join(pair);
  await surplus.closed;
  expect(surplus.frames.at(-1)).toMatchObject({ kind: "bye", code: "REFUSED" });
  expect(pair.target.server.channels()).toBe(1);
});

test("what has no number keeps its place before what has, whichever arrives first", async () => {
  const pair = await openKeyed();
  const further = await joined(pair);
  const sets = [1, 2, 3, 4].map((seq) => sampleSet(seq, Buffer.alloc(1000, `${seq}`)));
  const [one, two, three, four] = sets as [Buffer, Buffer, Buffer, Buffer];
  further.ws.send(whole(3, three));
  further.ws.send(encodeStripe(5, four.length, four.subarray(100)));
  await eventually(() => expect(pair.received.length).toBe(0));
  pair.raw.ws.send(one);
  pair.raw.ws.send(two);
  pair.raw.ws.send(encodeStripe(4, four.length, four.subarray(0, 100)));
  await eventually(() => expect(pair.received.length).toBe(4));
  expect(Buffer.concat(pair.received).equals(Buffer.concat(sets))).toBe(true);
});

const madness: readonly [string, readonly Buffer[]][] = [
  ["a set on a further socket", [sampleSet(1)]],
  ["a second join", [encodeJoin(KEY)]],
  ["a number twice", [whole(1, sampleSet(1)), whole(1, sampleSet(2))]],
  ["a number backwards", [whole(3, sampleSet(1)), whole(2, sampleSet(2))]],
  ["a stripe that holds no set", [whole(1, encodePing(1))]],
  ["a stripe that is too large", [whole(1, sampleSet(1, Buffer.alloc(MiB)))]],
];

test.each(madness)("%s ends the whole channel", async (_what, frames) => {
  const pair = await openKeyed();
  const further = await joined(pair);
  for (const frame of frames) further.ws.send(frame);
  expect(await pair.channel.ended).toMatchObject({ code: "PROTOCOL" });
  await pair.raw.closed;
  await further.closed;
});

test("while one socket stands still, what the others bring is held up to a limit, and handed out when it goes on", async () => {
  const pair = await openKeyed();
  const [slow, fast] = [await joined(pair), await joined(pair)];
  const set = sampleSet(1, Buffer.alloc(MiB - 1024));
  const count = Math.ceil((3 * HELD_BYTES_MAX) / set.length);
  for (let number = 2; number <= count; number += 1) fast.ws.send(whole(number, set));
  // What the target does not read stays here: it no longer becomes less.
  let before = -1;
  await eventually(
    () => {
      const isSame = fast.ws.bufferedAmount === before;
      before = fast.ws.bufferedAmount;
      expect(isSame).toBe(true);
    },
    { intervalMs: 300 },
  );
  expect(before).toBeGreaterThan(HELD_BYTES_MAX / 2);
  expect(pair.received.length).toBe(0);
  slow.ws.send(whole(1, set));
  const releasing = setInterval(() => pair.channel.release(4 * MiB), 5);
  await eventually(() => expect(pair.received.length).toBe(count));
  clearInterval(releasing);
});

test("the loss of one socket ends the channel on both sides, and its name is said", async () => {
  const target = await openTarget(cleanup);
  const source = await openAgent(cleanup, "source", {}, 4);
  const peer = await introduce(source, target);
  const proxy = await ChaosProxy.open(target.server.address);
  const taken = target.taken();
  const channel = await source.dialer.dial({ ...peer, addresses: [{ host: "127.0.0.1", port: proxy.port }] }, sampleHello, never);
  const other = await taken;
  await eventually(() => expect(channel.sockets()).toEqual({ open: 4, why: "transport.sockets is 4" }));
  proxy.cutOne(2);
  expect(await channel.ended).toMatchObject({ code: "CHANNEL_LOST" });
  expect(await other.ended).toMatchObject({ code: "CHANNEL_LOST" });
  await eventually(() => expect(proxy.openLinks).toBe(0));
  await expect(channel.sendSet(sampleSet(1))).rejects.toMatchObject({ code: "CHANNEL_LOST" });
});

test("a peer that is removed loses all its sockets at once", async () => {
  const pair = await openKeyed();
  const further = await joined(pair);
  await pair.target.peers.remove("source");
  await pair.raw.closed;
  await further.closed;
  expect(further.frames.at(-1)).toMatchObject({ kind: "bye", code: "PEER_UNKNOWN" });
});
