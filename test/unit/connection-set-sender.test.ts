import { expect } from "vitest";
import { SmError } from "../../src/base/errors.js";
import { defer } from "../../src/base/wait.js";
import { type SendGate, type SendGuard, type SentCounts, SetSender, type SetSenderOptions } from "../../src/connection/set-sender.js";
import type { SendHow, SourceChannel } from "../../src/model/channel-port.js";
import type { Journal } from "../../src/model/journal-port.js";
import { eventually } from "../support/eventually.js";
import { appendRange, bodyOf, range, test } from "../support/journal-fixture.js";

/** A channel that keeps what it is given; a set is taken when the gate is open. */
class MemoryChannel implements SourceChannel {
  readonly sent: Buffer[] = [];
  readonly welcome = { appliedSeq: 0, durableSeq: 0, resumed: true, suspect: false, empty: false, limits: [], targetTimeMs: 0, version: "1", name: "memory" };
  readonly remoteAddress = "memory";
  readonly sweepsOrphans = true;
  readonly rebuildsFiles = true;
  readonly tasks = "on";
  readonly #end = defer<SmError>();
  readonly ended = this.#end.promise;
  gate: Promise<void> = Promise.resolve();
  #error: SmError | null = null;

  readonly compression = "lz4";

  setCompression(): void {
    throw new Error("the sender knows nothing of compression");
  }

  async sendSet(bytes: Buffer, { onWire }: SendHow = {}): Promise<void> {
    await this.gate;
    if (this.#error !== null) throw this.#error;
    this.sent.push(bytes);
    onWire?.(Math.ceil(bytes.length / 2));
  }

  sendCopy(): void {
    throw new Error("the sender knows nothing of copies");
  }

  sendMended(): void {
    throw new Error("the sender knows nothing of a quarantine");
  }

  onQuarantine(): void {
    throw new Error("the sender knows nothing of a quarantine");
  }

  onAck(): void {
    throw new Error("the sender takes no acknowledgements");
  }

  onPause(): void {
    throw new Error("the sender does not listen to the target");
  }

  stats() {
    return { sentBytes: 0, sentCompressedBytes: 0, receivedBytes: 0, unsentBytes: 0, roundTripMs: 0, connectedAtMs: 0 };
  }

  readonly path = { mark: async () => null, isBackedUp: false, roundTripMs: 0, leastRoundTripMs: 0, count: 1 };

  sockets() {
    return { open: 1, why: "memory" };
  }

  fail(): void {
    this.#error = new SmError("CHANNEL_LOST", "the memory channel is closed");
    this.#end.resolve(this.#error);
  }

  async close(): Promise<void> {
    this.fail();
  }
}

const ID = 7;
const FREE: SendGuard = { lastSeq: Number.POSITIVE_INFINITY, onOpen: () => () => undefined };
const OPEN: SendGate = { mayBegin: () => true, onOpen: () => () => undefined, pace: () => ({ pieceBytes: null, take: async () => true }) };

function start(journal: Journal, channel: MemoryChannel, part: Partial<SetSenderOptions> = {}) {
  const counts: SentCounts = { bytes: 0, wireBytes: 0, mirrorBytes: 0, mirrorWireBytes: 0 };
  const sender = new SetSender({
    connectionId: ID,
    journal,
    channel,
    sentSeq: 0,
    windowBytes: 1_000_000,
    passesOver: () => false,
    onPassedOver: () => undefined,
    counts,
    gate: OPEN,
    guard: FREE,
    onMirrorSent: () => undefined,
    onSend: () => undefined,
    ...part,
  });
  const stop = new AbortController();
  const running = sender.run(stop.signal);
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  return { sender, counts, running, end };
}

test("sends what is there and what comes, in order, each once", async ({ journals }) => {
  const journal = await journals.open();
  journal.addCursor(ID, 0);
  await appendRange(journal, 1, 20);
  const channel = new MemoryChannel();
  const { sender, counts, end } = start(journal, channel);
  await eventually(() => expect(channel.sent).toHaveLength(20));
  await appendRange(journal, 21, 40);
  await eventually(() => expect(channel.sent).toHaveLength(40));
  expect(channel.sent).toEqual(range(1, 40).map((seq) => bodyOf(seq)));
  expect(counts).toEqual({ bytes: 800, wireBytes: 400, mirrorBytes: 0, mirrorWireBytes: 0 });
  expect([sender.sentSeq, sender.isIdle]).toEqual([40, false]);
  sender.taken(40);
  expect(sender.isIdle).toBe(true);
  await end();
});

test("goes on after the set it is told", async ({ journals }) => {
  const journal = await journals.open();
  journal.addCursor(ID, 0);
  await appendRange(journal, 1, 10);
  const channel = new MemoryChannel();
  const { end } = start(journal, channel, { sentSeq: 6 });
  await eventually(() => expect(channel.sent).toEqual(range(7, 10).map((seq) => bodyOf(seq))));
  await end();
});

test("stops at the window until the target has applied", async ({ journals }) => {
  const journal = await journals.open();
  journal.addCursor(ID, 0);
  await appendRange(journal, 1, 10);
  const channel = new MemoryChannel();
  const { sender, end } = start(journal, channel, { windowBytes: 60 });
  for (let applied = 0; applied <= 7; applied++) {
    sender.taken(applied);
    await eventually(() => expect(channel.sent).toHaveLength(applied + 3));
    await new Promise((resolve) => setImmediate(resolve));
    expect(channel.sent).toHaveLength(applied + 3);
  }
  sender.taken(10);
  expect(sender.isIdle).toBe(true);
  await end();
});

test("a set larger than the window goes alone", async ({ journals }) => {
  const journal = await journals.open();
  journal.addCursor(ID, 0);
  await appendRange(journal, 1, 2, 0, 5000);
  const channel = new MemoryChannel();
  const { sender, end } = start(journal, channel, { windowBytes: 100 });
  await eventually(() => expect(channel.sent).toHaveLength(1));
  sender.taken(1);
  await eventually(() => expect(channel.sent).toHaveLength(2));
  await end();
});

test("without replication only this connection's own sets go, and the others do not fill the window", async ({ journals }) => {
  const journal = await journals.open();
  journal.addCursor(ID, 0);
  await appendRange(journal, 1, 10);
  await appendRange(journal, 11, 12, ID);
  await appendRange(journal, 13, 14, ID + 1);
  await appendRange(journal, 15, 15, ID);
  const channel = new MemoryChannel();
  const passed: [number, number][] = [];
  const { counts, end } = start(journal, channel, {
    windowBytes: 61,
    passesOver: ({ connectionId }) => connectionId === 0,
    onPassedOver: (seq, goneSeq) => passed.push([seq, goneSeq]),
  });
  await appendRange(journal, 16, 17);
  await eventually(() => expect(channel.sent).toEqual([11, 12, 15].map((seq) => bodyOf(seq))));
  await eventually(() => expect(passed.slice(9)).toEqual([10, 16, 17].map((seq) => [seq, seq === 10 ? 0 : 15])));
  expect(counts).toMatchObject({ mirrorBytes: 60, mirrorWireBytes: 30 });
  await end();
});

test("ends at once when it is told to, waiting or not", async ({ journals }) => {
  const journal = await journals.open();
  journal.addCursor(ID, 0);
  const idle = start(journal, new MemoryChannel());
  await idle.end();
  await appendRange(journal, 1, 5);
  const full = start(journal, new MemoryChannel(), { windowBytes: 1 });
  await eventually(() => expect(full.sender.sentSeq).toBe(1));
  await full.end();
  await appendRange(journal, 6, 6);
  expect(full.sender.sentSeq).toBe(1);
});

test("a set that is being taken when it is told to end is the last", async ({ journals }) => {
  const journal = await journals.open();
  journal.addCursor(ID, 0);
  await appendRange(journal, 1, 5);
  const channel = new MemoryChannel();
  const gate = defer<void>();
  channel.gate = gate.promise;
  const { sender, end } = start(journal, channel);
  await eventually(() => expect(sender.sentSeq).toBe(1));
  const ended = end();
  gate.resolve();
  await ended;
  expect(channel.sent).toEqual([bodyOf(1)]);
});

test("a channel that breaks is the sender's error", async ({ journals }) => {
  const journal = await journals.open();
  journal.addCursor(ID, 0);
  const channel = new MemoryChannel();
  const { running } = start(journal, channel);
  channel.fail();
  await appendRange(journal, 1, 1);
  await expect(running).rejects.toMatchObject({ code: "CHANNEL_LOST" });
});

test("stops at what the guard holds, and goes on when it opens", async ({ journals }) => {
  const journal = await journals.open();
  journal.addCursor(ID, 0);
  const listeners = new Set<() => void>();
  const guard = {
    lastSeq: 3,
    onOpen: (listener: () => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const channel = new MemoryChannel();
  const { sender, end } = start(journal, channel, { guard });
  await appendRange(journal, 1, 10);
  await eventually(() => expect(sender.sentSeq).toBe(3));
  await appendRange(journal, 11, 20);
  expect(sender.sentSeq).toBe(3);
  guard.lastSeq = Number.POSITIVE_INFINITY;
  for (const listener of listeners) listener();
  await eventually(() => expect(channel.sent).toEqual(range(1, 20).map((seq) => bodyOf(seq))));
  await end();
  expect(listeners.size).toBe(0);
});
