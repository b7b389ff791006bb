// Replication of a connection stopped and started: which sets are for the target, what the queue keeps, and what is owed behind it.

import { describe, expect, onTestFinished, test as plain } from "vitest";
import { type ConnectionRecord, connectionRecordSchema } from "../../src/connection/connection-record.js";
import { reportConnection } from "../../src/connection/connection-report.js";
import { isPassedOver, remainingSpans, SPANS_MAX, spansAtStart, startedSpans, stoppedSpans } from "../../src/connection/passed-over.js";
import { followedBy, mergeNeeds, needAfter, needAfterStop, needByHand } from "../../src/connection/resume-plan.js";
import { encodeChangeSet } from "../../src/model/change-set.js";
import type { Journal } from "../../src/model/journal-port.js";
import { ackOf } from "../support/acks.js";
import { eventually } from "../support/eventually.js";
import { bodyOf, test } from "../support/journal-fixture.js";
import { CONNECTION, memoryConnection } from "../support/memory-connection.js";

const NEED = needAfterStop({ cleanUntilMs: 500 }, "2030", { isAutomatic: true, isSettling: false });
const FIRST = { ...NEED, reason: "initial", extras: "report", changedSinceMs: null } as const;

/** Of the connection alone, and empty. */
const setOf = (seq: number, mirror: boolean) => ({
  seq,
  connectionId: CONNECTION,
  bytes: encodeChangeSet({ seq, sourceTimeMs: 0, closed: false, forced: false, mirror, changes: [] }),
});

async function streaming(journal: Journal) {
  journal.addCursor(CONNECTION, 0);
  const { connection, heard, commands } = memoryConnection(journal);
  const stop = new AbortController();
  const running = connection.run(stop.signal);
  onTestFinished(() => running);
  onTestFinished(() => stop.abort());
  const acknowledge = await heard.promise;
  const made = async (seq: number, { of = 0, ends = true, moves = false, bytes = bodyOf(seq) } = {}): Promise<void> => {
    await journal.append({ seq, connectionId: of, bytes });
    const counts = { changes: 1, lost: 0, files: 1, changed: new Uint32Array(0), lastPath: "" };
    connection.takeEvent({ kind: "set", seq, connectionId: of, mirror: of !== 0, ends: ends && of === 0, moves, ...counts, bytes });
  };
  const applied = (seq: number): void => acknowledge(ackOf({ appliedSeq: seq }));
  const queued = (): number => journal.backlog(CONNECTION).records;
  return { connection, commands, made, applied, queued };
}

describe("the spans that are passed over", () => {
  const of = (replicate: boolean, passedOver?: ConnectionRecord["passedOver"]) =>
    ({ id: 1, options: { replicate } as ConnectionRecord["options"], ...(passedOver === undefined ? {} : { passedOver }) }) as const;
  const span = (afterSeq: number | null, untilSeq: number | null) => ({ afterSeq, untilSeq, since: "" });

  plain("begin behind the state that is being sent, and end where replication starts", () => {
    const passed = (record: Parameters<typeof isPassedOver>[0]): number[] => [1, 2, 3, 4, 5].filter((seq) => isPassedOver(record, seq));
    expect(passed(of(true))).toEqual([]);
    expect(passed(of(false))).toEqual([1, 2, 3, 4, 5]);
    expect(passed(of(false, [span(null, null)]))).toEqual([]);
    expect(passed(of(false, [span(2, null)]))).toEqual([3, 4, 5]);
    expect(passed(of(true, [span(0, 1), span(3, 4)]))).toEqual([1, 4]);
  });

  plain("are closed by a start, and go when the target is past them", () => {
    expect(startedSpans(of(false), 9)).toEqual([{ ...span(0, 9), moves: true }]);
    expect(startedSpans(of(false, [span(1, 2), span(4, null)]), 9)).toEqual([span(1, 2), span(4, 9)]);
    // Nothing came between.
    expect(startedSpans(of(false, [span(9, null)]), 9)).toEqual([]);
    expect(startedSpans(of(false, [span(null, null)]), 9)).toEqual([]);
    expect(remainingSpans([span(1, 2), span(4, 9), span(11, null)], 8)).toEqual([span(4, 9), span(11, null)]);
  });

  plain("are bounded, and in another stream there is nothing of before", () => {
    expect(() => stoppedSpans(of(true, Array(SPANS_MAX).fill(span(1, 2))), "")).toThrow("connect it first");
    expect(spansAtStart(of(false, [span(1, 2), span(4, null)]), true)).toEqual({ passedOver: [span(1, 2), span(4, null)] });
    expect(spansAtStart(of(false, [span(1, 2), span(null, null)]), false)).toEqual({ passedOver: [span(0, null)] });
    expect(spansAtStart(of(true, [span(1, 2)]), false)).toEqual({ passedOver: [] });
  });
});

describe("the mirror that is owed", () => {
  plain("follows the one that is under way, and is owed until it is done", () => {
    const underWay = followedBy(FIRST, NEED);
    expect(underWay).toMatchObject({ extras: "report", changedSinceMs: null, again: { changedSinceMs: 500, isAutomatic: true } });
    expect(needAfter(underWay, 0, "2031")).toMatchObject({ reason: "replication", extras: "remove", changedSinceMs: 500, isAutomatic: true });
    expect(needAfter(underWay, 2, "2031")).toMatchObject({ changedSinceMs: 500, isAutomatic: true });
    expect(needAfter(needAfter(underWay, 0, "2031"), 0, "2031")).toBeNull();
    expect(followedBy(underWay, { ...NEED, changedSinceMs: 700, isAutomatic: false }).again).toMatchObject({ changedSinceMs: 500, isAutomatic: true });
  });

  plain("is covered by a mirror that begins anew, but for what the first one may not remove", () => {
    const restart = { ...NEED, reason: "restart", changedSinceMs: 900 } as const;
    expect(mergeNeeds(followedBy(FIRST, NEED), restart)).toMatchObject({ extras: "report", changedSinceMs: 500, again: { changedSinceMs: 500 } });
    const repairing = mergeNeeds(followedBy(restart, NEED), restart);
    expect(repairing).toMatchObject({ extras: "remove", changedSinceMs: 500 });
    expect(repairing.again).toBeUndefined();
    const wish = { mode: "difference", content: "times", newerOnly: false } as const;
    expect(needByHand(followedBy(FIRST, NEED), wish, "2031")).toMatchObject({ changedSinceMs: 500, again: { changedSinceMs: 500 } });
    expect(needByHand(followedBy(FIRST, NEED), { ...wish, paths: ["/a"] }, "2031").again).toBeUndefined();
  });
});

test("what is passed over is not kept in the queue, and never counts as clean", async ({ journals }) => {
  const journal = await journals.open();
  const { connection, made, applied, queued } = await streaming(journal);
  await made(1, { ends: false });
  connection.replication.stop();
  // What the target holds is completed first.
  await made(2, { ends: false });
  await made(3);
  expect(connection.record.passedOver).toEqual([{ afterSeq: 3, untilSeq: null, since: expect.any(String) }]);
  await made(4);
  await made(5);
  expect(queued()).toBe(5);
  applied(3);
  expect([queued(), connection.durableSeq]).toEqual([0, 5]);
  const { cleanUntilMs } = connection.record;
  await made(6);
  await made(7, { of: CONNECTION, bytes: setOf(7, true).bytes });
  await made(8);
  await eventually(() => expect(connection.sentSeq).toBe(7));
  expect(queued()).toBe(2);
  applied(7);
  expect([queued(), connection.durableSeq, connection.oldestPendingMs]).toEqual([0, 8, null]);
  expect(connection.record.cleanUntilMs).toBe(cleanUntilMs);
  expect(reportConnection(connection)).toMatchObject({ replicationStatus: "Stopped", targetDataState: "Mirror Required", queuedOps: 0 });
});

test("what of the queue was given up meanwhile keeps nothing behind it waiting", async ({ journals }) => {
  const journal = await journals.open();
  journal.addCursor(CONNECTION, 0);
  for (const seq of [1, 2]) await journal.append({ seq, connectionId: seq === 1 ? CONNECTION + 1 : 0, bytes: bodyOf(seq) });
  const { connection } = memoryConnection(journal);
  connection.record = { ...connection.record, options: { ...connection.record.options, replicate: false } };
  const stop = new AbortController();
  const running = connection.run(stop.signal);
  onTestFinished(() => running);
  onTestFinished(() => stop.abort());
  // Of what was there before this process only the sender can say that none of it is for the target.
  await eventually(() => expect([connection.durableSeq, journal.backlog(CONNECTION).records]).toEqual([2, 0]));
});

test("a start owes a mirror in the same write, sends from there on, and restores no claim of before", async ({ journals }) => {
  const journal = await journals.open();
  const { connection, commands, made, applied } = await streaming(journal);
  connection.record = { ...connection.record, cleanUntilMs: 77 };
  expect([connection.replication.stop(), connection.replication.stop()]).toEqual([true, false]);
  expect(connection.claim.fromSeq).toBeNull();
  await made(1);
  await made(2);
  connection.requireMirror({ ...NEED, reason: "restart", changedSinceMs: 99 });
  // Nothing begins by itself while replication is stopped.
  expect([connection.record.mirrorNeed?.isAutomatic, commands.some(({ kind }) => kind === "mirror")]).toEqual([false, false]);
  expect([connection.replication.start(true), connection.replication.start(true)]).toEqual([true, false]);
  const { mirrorNeed, passedOver, checkpoint } = connection.record;
  expect(mirrorNeed).toMatchObject({ reason: "replication", changedSinceMs: 77, isAutomatic: true });
  expect([passedOver, checkpoint]).toEqual([[{ afterSeq: 1, untilSeq: 2, since: expect.any(String), moves: true }], null]);
  expect(commands.filter(({ kind }) => kind === "mirror")).toHaveLength(1);
  expect(connection.claim.fromSeq).toBeNull();
  expect(connectionRecordSchema.parse(connection.record)).toEqual(connection.record);
  await made(3);
  applied(3);
  expect(connection.record.passedOver).toEqual([]);
  // While the mirror runs another stop and start has a further one follow.
  connection.replication.stop();
  connection.replication.start(false);
  expect(connection.record.mirrorNeed).toMatchObject({ isAutomatic: true, again: { isAutomatic: false } });
  expect(commands.filter(({ kind }) => kind === "mirror")).toHaveLength(1);
});

test("where directories moved, or nobody looked, a start has all contents compared", async ({ journals }) => {
  const { connection, made } = await streaming(await journals.open());
  let seq = 0;
  const isThorough = async (between: () => Promise<void> | void): Promise<boolean> => {
    connection.keep({ mirrorNeed: null }, false);
    connection.replication.stop();
    await made(++seq);
    await between();
    // What a person has mirrored meanwhile vouches for nothing that moved.
    connection.keep({ mirrorNeed: null }, false);
    connection.replication.start(false);
    return connection.record.mirrorNeed?.isSettling === true;
  };
  expect(await isThorough(() => made(++seq))).toBe(false);
  expect(await isThorough(() => made(++seq, { moves: true }))).toBe(true);
  expect(await isThorough(() => connection.requireMirror({ ...NEED, reason: "restart" }))).toBe(true);
  expect(needAfter(followedBy(FIRST, { ...NEED, isSettling: true }), 0, "")?.isSettling).toBe(true);
});

test("what cannot be put on record is refused, and not done", async ({ journals }) => {
  const { connection } = await streaming(await journals.open());
  const before = connection.record;
  const broken = Object.assign(Object.create(connection.keeper), { keep: () => undefined });
  Object.defineProperty(broken, "fault", { value: { message: "no space", since: "" } });
  Object.assign(connection, { keeper: broken });
  expect(() => connection.replication.stop()).toThrow("no space");
  expect(connection.record).toEqual(before);
});

test("a mark among sets that are passed over goes nowhere: it would wait for their end on the target", async ({ journals }) => {
  const { connection, made } = await streaming(await journals.open());
  connection.replication.stop();
  await made(1);
  expect([setOf(1, false), setOf(2, false), setOf(2, true)].map((each) => connection.replication.passesOver(each))).toEqual([false, true, false]);
});
