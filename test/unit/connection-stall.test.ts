// What a connection that does not move waits for, by numbers and times alone.

import { expect, test } from "vitest";
import { silentLog } from "../../src/base/log.js";
import { ConnectionStallWatch, type StalledConnection, waitsFor } from "../../src/connection/connection-stall.js";
import type { Journal } from "../../src/model/journal-port.js";
import type { SourceCommand } from "../../src/model/source-messages.js";

const LIMIT_MS = 60_000;

function create() {
  const time = { monotonicMs: 0, nowMs: 1e12 };
  const stats = { sentBytes: 0, sentCompressedBytes: 0, receivedBytes: 0, unsentBytes: 0, roundTripMs: 1, connectedAtMs: 0 };
  const closed: boolean[] = [];
  const sent: SourceCommand[] = [];
  const feed = {
    send: (command: SourceCommand) => sent.push(command),
    pulse: { work: 0, turns: 0, what: "" } as { work: number; turns: number; what: string } | null,
  };
  let backlog = 0;
  const journal = { backlog: () => ({ records: backlog, bytes: 0 }), stats: () => ({ lastSeq: 9 }) } as unknown as Journal;
  const connection = {
    id: 3,
    record: { peer: "B", options: { replicate: true }, mirrorNeed: null },
    state: { kind: "streaming" },
    channel: { stats: () => stats, close: async () => void closed.push(true) },
    sender: { isIdle: true },
    sentSeq: 5,
    appliedSeq: 5,
    durableSeq: 5,
    isSourceHalted: false,
    retrying: null,
    transmission: { isOpen: true },
    guard: { isHeld: false, isRejected: false },
    mirror: { isRunning: false, standing: "" },
    quarantine: { count: 0 },
    pendingRepairs: 0,
    repair: { lastSeq: 0 },
    lastFile: "a/file",
    options: {
      journal,
      feed,
      stallMs: LIMIT_MS,
      log: silentLog,
      onChange: () => undefined,
      clock: { nowMs: () => time.nowMs, monotonicMs: () => time.monotonicMs },
    },
  };
  const watch = new ConnectionStallWatch(connection as unknown as StalledConnection);
  /** Looks every second; the target's heartbeats come every other one. */
  const pass = (seconds: number, each: (second: number) => void = () => undefined): void => {
    for (let second = 0; second < seconds; second++) {
      time.monotonicMs += 1000;
      time.nowMs += 1000;
      if (second % 2 === 0) stats.receivedBytes += 13;
      each(second);
      watch.look();
    }
  };
  const queue = (records: number): void => {
    backlog = records;
  };
  return { connection, stats, time, feed, watch, pass, queue, closed, sent };
}

type Kit = ReturnType<typeof create>;

const WAITS: readonly [string, string, (kit: Kit) => void][] = [
  ["target", "sends heartbeats and has acknowledged nothing", ({ connection }) => Object.assign(connection, { sender: { isIdle: false }, sentSeq: 7 })],
  ["closing", "has not sent what completes them", ({ connection }) => Object.assign(connection, { sentSeq: 7 })],
  ["disk", "its disk has what was applied", ({ connection }) => Object.assign(connection, { durableSeq: 4 })],
  ["sender", "what is queued has not been sent", ({ queue }) => queue(4)],
  ["mirror", "the mirror has not moved", ({ connection }) => Object.assign(connection, { mirror: { isRunning: true, standing: "1" } })],
  ["repairs", "the repair of what may differ has not moved", ({ connection }) => Object.assign(connection, { pendingRepairs: 3 })],
];

test.each(WAITS)("waiting for %s is said after the limit, not before, and is over when it moves", (kind, words, prepare) => {
  const kit = create();
  prepare(kit);
  expect(waitsFor(kit.connection as unknown as StalledConnection)).toBe(kind);
  kit.pass(59);
  expect(kit.watch.reason).toBeNull();
  kit.pass(8);
  expect(kit.watch.reason).toMatchObject({ code: "STALLED", message: expect.stringContaining(words), command: "sm connection show 3" });
  const since = kit.watch.reason?.since;
  kit.pass(20);
  expect(kit.watch.reason?.since).toBe(since);
  kit.connection.appliedSeq -= 1;
  kit.pass(1);
  expect(kit.watch.reason).toBeNull();
});

test.each<[string, (kit: Kit) => void]>([
  ["is not connected", ({ connection }) => Object.assign(connection, { state: { kind: "backingOff" } })],
  ["has no channel", ({ connection }) => Object.assign(connection, { channel: null })],
  ["is paused, stopped or outside of its window, or its target is paused", ({ connection }) => Object.assign(connection, { transmission: { isOpen: false } })],
  ["is held by its guard", ({ connection }) => Object.assign(connection, { guard: { isHeld: true, isRejected: false } })],
  ["waits for its source", ({ connection }) => Object.assign(connection, { isSourceHalted: true })],
  ["waits for a target that tries again, or says itself that it hangs", ({ connection }) => Object.assign(connection, { retrying: { code: "ENOSPC" } })],
  ["is not watched", ({ connection }) => Object.assign(connection.options, { stallMs: null })],
])("nothing is said of a connection that %s", (_, prepare) => {
  const kit = create();
  Object.assign(kit.connection, { sender: { isIdle: false }, sentSeq: 7 });
  prepare(kit);
  kit.pass(1000);
  expect([kit.watch.reason, kit.closed]).toEqual([null, []]);
});

test("what moves is not stuck: bytes of a limited transmission, a tree that is read, repairs that go on", () => {
  const slow = create();
  Object.assign(slow.connection, { sender: { isIdle: false }, sentSeq: 7 });
  slow.pass(1000, (second) => {
    if (second % 50 === 0) slow.stats.sentCompressedBytes += 4096;
  });
  expect(slow.watch.reason).toBeNull();
  const reading = create();
  Object.assign(reading.connection, { mirror: { isRunning: true, standing: "1" } });
  reading.pass(1000, (second) => {
    if (second % 50 === 0 && reading.feed.pulse !== null) reading.feed.pulse.work += 1;
  });
  expect(reading.watch.reason).toBeNull();
  reading.feed.pulse = null;
  reading.pass(1000);
  expect(reading.watch.reason).toBeNull();
});

test("a target from which nothing comes is told from one that only acknowledges nothing", () => {
  const kit = create();
  Object.assign(kit.connection, { sender: { isIdle: false }, sentSeq: 7 });
  kit.pass(90, () => {
    kit.stats.receivedBytes = 1;
  });
  expect(kit.watch.reason?.message).toContain("not even a heartbeat");
  expect(kit.closed).toEqual([]);
});

test("a network that takes nothing is given three times as long; heartbeats that pile up in it are no progress", () => {
  const kit = create();
  Object.assign(kit.connection, { sender: { isIdle: false }, sentSeq: 7 });
  kit.stats.unsentBytes = 3_000_000;
  const beat = (): void => {
    kit.stats.unsentBytes += 20;
  };
  kit.pass(175, beat);
  expect(kit.watch.reason).toBeNull();
  kit.pass(80, beat);
  expect(kit.watch.reason?.message).toContain("neither the network nor B has taken anything");
});

test("the channel is opened anew after three times the limit, again after five minutes at the earliest, and that is shown", () => {
  const kit = create();
  Object.assign(kit.connection, { sender: { isIdle: false }, sentSeq: 7 });
  kit.pass(190);
  expect(kit.closed).toHaveLength(0);
  kit.pass(10);
  expect(kit.closed).toHaveLength(1);
  Object.assign(kit.connection, { state: { kind: "backingOff" } });
  kit.pass(2);
  expect(kit.watch.reason).toBeNull();
  Object.assign(kit.connection, { state: { kind: "streaming" } });
  kit.pass(200);
  expect(kit.closed).toHaveLength(1);
  expect(kit.watch.reason?.next).toContain("that was done once");
  kit.pass(110);
  expect(kit.closed).toHaveLength(2);
  kit.connection.appliedSeq += 1;
  kit.pass(1);
  expect([kit.watch.reason, kit.watch.remedies]).toEqual([null, 0]);
});

test("a state that the source did not complete is asked for, and the channel kept; a slow disk is left alone", () => {
  const kit = create();
  kit.connection.sentSeq = 7;
  kit.pass(185);
  expect([kit.sent, kit.closed]).toEqual([[{ kind: "cut" }], []]);
  const disk = create();
  disk.connection.durableSeq = 4;
  disk.pass(1000);
  expect([disk.sent, disk.closed]).toEqual([[], []]);
});

test("time in which nobody looked does not count", () => {
  const kit = create();
  Object.assign(kit.connection, { sender: { isIdle: false }, sentSeq: 7 });
  kit.pass(30);
  kit.time.monotonicMs += 3_600_000;
  kit.pass(28);
  expect(kit.watch.reason).toBeNull();
  kit.pass(10);
  expect(kit.watch.reason).not.toBeNull();
});
