// When a connection is held, by numbers and times alone.

import { expect, test } from "vitest";
import { ChangedWindow } from "../../src/connection/changed-window.js";
import { guardPolicyOf } from "../../src/connection/guard-decision.js";
import type { GuardHold, GuardRecord } from "../../src/connection/guard-record.js";
import { guardRecordSchema, heldIn, NOTHING_HELD } from "../../src/connection/guard-record.js";
import { LossWindow } from "../../src/connection/loss-window.js";
import { type GuardPolicy, MassChangeGuard } from "../../src/connection/mass-change-guard.js";

const NONE = new Uint32Array(0);
const POLICY: GuardPolicy = { lostPercent: 20, lostFiles: null, changedPercent: null, lostFilesMin: 10, windowSeconds: 60 };

function create(record: GuardRecord = NOTHING_HELD, policy: GuardPolicy | null = POLICY) {
  const time = { monotonicMs: 0, nowMs: 0 };
  const saved: { record: GuardRecord; isUrgent: boolean }[] = [];
  const discarded: number[] = [];
  let isOwed = false;
  const guard = new MassChangeGuard({
    connectionId: 3,
    record,
    policy: () => policy,
    isMirrorOwed: () => isOwed,
    save: (changed, isUrgent) => saved.push({ record: changed, isUrgent }),
    discard: (seq) => discarded.push(seq),
    clock: { nowMs: () => time.nowMs, monotonicMs: () => time.monotonicMs },
  });
  const owe = (value: boolean): void => {
    isOwed = value;
  };
  return { guard, time, saved, discarded, owe, last: () => saved.at(-1) };
}

test("holds from the set on that crosses the threshold, on record before anybody can send it", () => {
  const { guard, last } = create();
  guard.takeSet({ changed: NONE, seq: 1, lost: 10, files: 90 });
  expect([guard.isHeld, guard.lastSeq]).toEqual([false, Number.POSITIVE_INFINITY]);
  guard.takeSet({ changed: NONE, seq: 2, lost: 9, files: 81 });
  expect(guard.isHeld).toBe(false);
  guard.takeSet({ changed: NONE, seq: 3, lost: 1, files: 80 });
  expect([guard.isHeld, guard.lastSeq]).toEqual([true, 2]);
  expect(last()).toMatchObject({ isUrgent: true, record: { hold: { decision: "open", fromSeq: 3, lost: 20, files: 100 } } });
  guard.takeSet({ changed: NONE, seq: 4, lost: 30, files: 50 });
  expect(guard.report()).toMatchObject({ state: "held", lost: 50, files: 100, fromSeq: 3 });
});

test.each([
  ["few files, whatever their share", { lost: 9, files: 0 }],
  ["a small share, however many files", { lost: 190_000, files: 900_000 }],
])("%s are let go", (_, { lost, files }) => {
  const { guard } = create();
  guard.takeSet({ changed: NONE, seq: 1, lost, files });
  expect(guard.isHeld).toBe(false);
});

test("so many files hold, however small their share, and of a connection whose guard is off they do not", () => {
  const policy = { ...POLICY, lostFiles: 1000 };
  const { guard, last } = create(NOTHING_HELD, policy);
  guard.takeSet({ changed: NONE, seq: 1, lost: 1000, files: 10_000_000 });
  expect(guard.isHeld).toBe(false);
  guard.takeSet({ changed: NONE, seq: 2, lost: 1, files: 9_999_999 });
  expect(last()).toMatchObject({ isUrgent: true, record: { hold: { fromSeq: 2, lost: 1001, limit: "lost", limitPercent: null, limitFiles: 1000 } } });
  expect(guard.reason()?.message).toContain("1001 of 10001000 files (0 %) were removed or emptied on the source within 60 s, where 1000 files may be");
  const alone = { ...policy, lostPercent: null };
  expect(guardPolicyOf({ guard: "configured", guardChanged: "configured" }, alone)).toMatchObject({ lostFiles: 1000 });
  expect(guardPolicyOf({ guard: 30, guardChanged: "configured" }, alone)).toMatchObject({ lostPercent: 30, lostFiles: 1000 });
  expect(guardPolicyOf({ guard: "off", guardChanged: "configured" }, alone)).toBeNull();
});

test("a mirror that would remove more files than may be lost is held, whatever their share", () => {
  const { guard } = create({ files: 10_000_000, hold: null }, { ...POLICY, lostFiles: 1000 });
  guard.takeMirror({ lastSeq: 5, files: 9_999_000, removesExtras: true });
  expect(guard.isHeld).toBe(false);
  guard.takeMirror({ lastSeq: 6, files: 9_997_000, removesExtras: true });
  expect([guard.isHeld, guard.lastSeq]).toEqual([true, 6]);
});

test("what is spread over more than the window does not count together, whatever is done to the wall clock", () => {
  const { guard, time } = create();
  for (let step = 0; step < 20; step++) {
    time.monotonicMs += 16_000;
    time.nowMs = step % 2 === 0 ? 1e13 : 0;
    guard.takeSet({ changed: NONE, seq: step + 1, lost: 4, files: 100 });
  }
  expect(guard.isHeld).toBe(false);
  time.monotonicMs += 1000;
  guard.takeSet({ changed: NONE, seq: 30, lost: 10, files: 90 });
  expect(guard.isHeld).toBe(true);
});

test("files that were emptied for a moment, and have content again, are not lost", () => {
  const { guard } = create();
  for (let seq = 1; seq < 100; seq++) guard.takeSet({ changed: NONE, seq, lost: seq % 2 === 1 ? 15 : -15, files: 100 });
  expect(guard.isHeld).toBe(false);
});

test("files that are emptied count in full, though they are files of the set still, also after a quiet time", () => {
  const { guard, time } = create();
  guard.takeMirror({ lastSeq: 0, files: 100, removesExtras: true });
  time.monotonicMs += 3_600_000;
  guard.takeSet({ changed: NONE, seq: 1, lost: 20, files: 100 });
  expect(guard.report()).toMatchObject({ state: "held", lost: 20, files: 100 });
});

test("what is approved opens the gate, and counting begins anew", () => {
  const { guard } = create();
  let opened = 0;
  const unsubscribe = guard.onOpen(() => {
    opened += 1;
  });
  guard.takeSet({ changed: NONE, seq: 5, lost: 50, files: 50 });
  guard.approve();
  guard.approve();
  expect([opened, guard.isHeld, guard.lastSeq]).toEqual([1, false, Number.POSITIVE_INFINITY]);
  guard.takeSet({ changed: NONE, seq: 6, lost: 9, files: 41 });
  expect(guard.isHeld).toBe(false);
  unsubscribe();
  expect(() => guard.reject(6)).toThrowError(expect.objectContaining({ code: "GUARD_NOT_HELD" }));
});

test("what is rejected is discarded, with all behind it, until a mirror lifts it", () => {
  const { guard, discarded, last } = create();
  guard.takeSet({ changed: NONE, seq: 5, lost: 50, files: 50 });
  guard.reject(7);
  guard.reject(7);
  guard.takeSet({ changed: NONE, seq: 8, lost: 1, files: 49 });
  expect([discarded, guard.lastSeq, guard.isRejected]).toEqual([[7, 8], 4, true]);
  expect(() => guard.approve()).toThrowError(expect.objectContaining({ code: "GUARD_NOT_HELD" }));
  expect(create(last()?.record).guard.isRejected).toBe(true);
  guard.lift();
  expect([guard.isRejected, last()?.record]).toEqual([false, { files: 49, hold: null }]);
});

test("files lost while nobody watched hold the mirror that would remove them, before its first set", () => {
  const before = { files: 100, hold: null };
  const { guard, owe, last } = create(before);
  owe(true);
  guard.takeSet({ changed: NONE, seq: 1, lost: 0, files: 70 });
  guard.takeMirror({ lastSeq: 1, files: 70, removesExtras: true });
  expect([guard.isHeld, guard.lastSeq]).toEqual([true, 1]);
  expect(last()?.record.hold).toMatchObject({ lost: 30, files: 100, windowSeconds: null });
  const harmless = create(before);
  harmless.guard.takeMirror({ lastSeq: 1, files: 70, removesExtras: false });
  const other = create(before);
  other.guard.forgetFiles();
  other.guard.takeMirror({ lastSeq: 1, files: 70, removesExtras: true });
  expect([harmless.guard.isHeld, other.guard.isHeld, other.last()?.record.files]).toEqual([false, false, 70]);
});

test("without a threshold nothing is held or kept; what is held stays so when it is taken away", () => {
  const off = create(NOTHING_HELD, null);
  off.guard.takeSet({ changed: NONE, seq: 1, lost: 1000, files: 0 });
  expect([off.guard.isHeld, off.saved]).toEqual([false, []]);
  const hold = {
    decision: "open",
    fromSeq: 9,
    since: "2026-01-02T03:04:05.000Z",
    lost: 30,
    changed: 0,
    limit: "lost",
    limitPercent: null,
    limitFiles: null,
    files: 60,
    windowSeconds: 600,
  } as const;
  const { guard } = create(heldIn({ files: 60, hold }, true), null);
  expect([guard.isHeld, guard.lastSeq, guard.reason()?.message]).toEqual([
    true,
    8,
    "30 of 60 files (50 %) were removed or emptied on the source within 600 s: nothing from change set 9 on is sent",
  ]);
  expect(create(heldIn({ files: 60, hold }, false)).guard.lastSeq).toBe(-1);
});

test("the window forgets by slots, and knows the most files it had", () => {
  const window = new LossWindow(60_000);
  window.add(0, 0, 500);
  window.add(500, 5, 500);
  window.add(30_000, 5, 495);
  expect([window.lost, window.files]).toEqual([10, 500]);
  window.add(60_001, 0, 490);
  expect([window.lost, window.files]).toEqual([5, 495]);
  window.clear();
  expect([window.lost, window.files]).toEqual([0, 0]);
});

const BOTH: GuardPolicy = { ...POLICY, changedPercent: 50 };
const paths = (from: number, to: number): Uint32Array => Uint32Array.from({ length: to - from }, (_, index) => from + index);

test("holds when too many files are overwritten, each counted once, and says which limit it was", () => {
  const { guard, last } = create(NOTHING_HELD, BOTH);
  for (let seq = 1; seq < 20; seq++) guard.takeSet({ seq, lost: 0, files: 100, changed: paths(0, 49) });
  guard.takeSet({ seq: 20, lost: 3, files: 97, changed: NONE });
  expect(guard.isHeld).toBe(false);
  guard.takeSet({ seq: 21, lost: 0, files: 97, changed: paths(48, 50) });
  expect([guard.isHeld, guard.lastSeq]).toEqual([true, 20]);
  expect(last()).toMatchObject({ isUrgent: true, record: { hold: { fromSeq: 21, limit: "changed", limitPercent: 50, changed: 50, lost: 3 } } });
  expect(guard.report()).toMatchObject({ state: "held", crossed: "changed", changedPercent: 50, changed: 50 });
  expect(guard.reason()?.message).toContain("50 of 100 files (50 %) were overwritten or replaced on the source within 60 s, where 50 % may be, and 3 were");
});

test("what is overwritten again stays in the window, what is not leaves it", () => {
  const { guard, time } = create(NOTHING_HELD, BOTH);
  guard.takeSet({ seq: 1, lost: 0, files: 100, changed: paths(0, 40) });
  time.monotonicMs = 50_000;
  guard.takeSet({ seq: 2, lost: 0, files: 100, changed: paths(30, 40) });
  time.monotonicMs = 70_000;
  guard.takeSet({ seq: 3, lost: 0, files: 100, changed: paths(40, 79) });
  expect(guard.isHeld).toBe(false);
  guard.takeSet({ seq: 4, lost: 0, files: 100, changed: paths(79, 80) });
  expect(guard.report()).toMatchObject({ state: "held", changed: 50 });
});

test("each limit stands alone: without one nothing of its kind is counted", () => {
  const onlyChanged = create(NOTHING_HELD, { ...BOTH, lostPercent: null }).guard;
  onlyChanged.takeSet({ seq: 1, lost: 90, files: 10, changed: paths(0, 9) });
  expect(onlyChanged.isHeld).toBe(false);
  onlyChanged.takeMirror({ lastSeq: 3, files: 0, removesExtras: true });
  expect(onlyChanged.isHeld).toBe(false);
  const onlyLost = create().guard;
  onlyLost.takeSet({ seq: 1, lost: 0, files: 100, changed: paths(0, 100) });
  expect(onlyLost.isHeld).toBe(false);
});

test("a window that is full counts no further, and holds", () => {
  const window = new ChangedWindow(1000, 10);
  window.add(0, paths(0, 20));
  expect([window.count, window.isFull]).toEqual([10, true]);
  window.add(1000, paths(0, 1));
  expect([window.count, window.isFull]).toEqual([1, false]);
});

test("a hold of before there was a limit of overwriting is read", () => {
  const { changed: _, limit: __, limitPercent: ___, limitFiles: ____, ...old } = { ...HELD };
  expect(guardRecordSchema.parse({ files: 5, hold: old }).hold).toMatchObject({ changed: 0, limit: "lost", limitPercent: null, limitFiles: null });
});

const HELD: GuardHold = {
  decision: "open",
  fromSeq: 1,
  since: "2026-01-02T03:04:05.000Z",
  lost: 3,
  changed: 2,
  files: 5,
  limit: "changed",
  limitPercent: 20,
  limitFiles: null,
  windowSeconds: 60,
};

test.each([
  ["20", { lost: "configured", changed: "configured" }, { lostPercent: 7, changedPercent: null }],
  ["its own", { lost: 30, changed: 40 }, { lostPercent: 30, changedPercent: 40 }],
] as const)("a connection's own limits come before those configured: %s", (_, { lost, changed }, expected) => {
  const policy = guardPolicyOf({ guard: lost, guardChanged: changed }, { ...POLICY, lostPercent: 7 });
  expect(policy).toMatchObject(expected);
  expect(guardPolicyOf({ guard: "off", guardChanged: "off" }, BOTH)).toBeNull();
});
