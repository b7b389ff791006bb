// The moment that a restart goes by: kept when the target has everything of it, and given up as soon as that is not all.

import { expect, test } from "vitest";
import { Checkpoints, whyNoCopy } from "../../src/connection/checkpoints.js";
import type { Checkpoint } from "../../src/connection/connection-record.js";
import type { CleanMark } from "../../src/model/clean-mark.js";
import type { Welcome } from "../../src/model/session.js";

const EPOCH = "0123456789abcdef";

function markAt(untilMs: number, part: Partial<CleanMark> = {}): CleanMark {
  return { untilMs, bootId: "boot", bootTimeMs: 0, set: "set", mounts: [1], book: { id: "book", seq: 1 }, hot: [], ...part };
}

function kept() {
  const view = {
    record: { checkpoint: null as Checkpoint | null, epoch: EPOCH },
    durableSeq: 0,
    claim: { fromSeq: 0 as number | null },
    keep: (part: { checkpoint: Checkpoint | null }) => {
      view.record = { ...view.record, ...part };
    },
  };
  return { view, checkpoints: new Checkpoints(view) };
}

test("a mark waits until the target has its sets durably; the last one that came meanwhile follows", () => {
  const { view, checkpoints } = kept();
  checkpoints.take(5, markAt(100));
  checkpoints.take(6, markAt(200));
  checkpoints.take(9, markAt(300));
  view.durableSeq = 4;
  checkpoints.look();
  expect(view.record.checkpoint).toBe(null);
  view.durableSeq = 5;
  checkpoints.look();
  expect(view.record.checkpoint).toMatchObject({ epoch: EPOCH, seq: 5, mark: { untilMs: 100 } });
  view.durableSeq = 9;
  checkpoints.look();
  expect(view.record.checkpoint).toMatchObject({ seq: 9, mark: { untilMs: 300 } });
});

test("a target that lacks something, or will only be whole with a later set, gives no checkpoint", () => {
  const { view, checkpoints } = kept();
  view.durableSeq = 10;
  view.claim = { fromSeq: null };
  checkpoints.take(5, markAt(100));
  view.claim = { fromSeq: 12 };
  checkpoints.take(6, markAt(200));
  expect(view.record.checkpoint).toBe(null);
  view.durableSeq = 12;
  checkpoints.take(6, markAt(300));
  expect(view.record.checkpoint).toMatchObject({ mark: { untilMs: 300 } });
});

test("what a scan would not find gives it up, with the marks that wait", () => {
  const { view, checkpoints } = kept();
  view.durableSeq = 5;
  checkpoints.take(5, markAt(100));
  checkpoints.take(7, markAt(200));
  checkpoints.take(8, null);
  view.durableSeq = 9;
  checkpoints.look();
  expect(view.record.checkpoint).toBe(null);
});

test("of a source at rest a mark is kept now and then, and after a while no more", () => {
  const { view, checkpoints } = kept();
  let writes = 0;
  const { keep } = view;
  view.keep = (part) => {
    writes += 1;
    keep(part);
  };
  for (let second = 0; second < 7200; second++) checkpoints.take(0, markAt(second * 1000));
  expect(writes).toBeGreaterThan(5);
  expect(writes).toBeLessThan(30);
  checkpoints.take(0, markAt(7_200_000, { hot: [{ root: 0, dev: 1, ino: 2 }] }));
  expect(view.record.checkpoint?.mark.untilMs).toBe(7_200_000);
});

test("only the target that has the very set of the very stream is the copy", () => {
  const checkpoint = { epoch: EPOCH, seq: 5, mark: markAt(1) };
  const record = { checkpoint, epoch: "f".repeat(16) };
  const welcome: Welcome = {
    appliedSeq: 0,
    durableSeq: 0,
    resumed: false,
    suspect: false,
    before: { epoch: EPOCH, appliedSeq: 5 },
    empty: false,
    limits: [],
    targetTimeMs: 0,
    version: "1",
    name: "t",
  };
  const { before, ...fresh } = welcome;
  expect(before).toBeDefined();
  expect(whyNoCopy(record, welcome)).toBe(null);
  const others: Welcome[] = [
    fresh,
    { ...welcome, before: { epoch: EPOCH, appliedSeq: 4 } },
    { ...welcome, before: { epoch: "0".repeat(16), appliedSeq: 5 } },
    { ...welcome, suspect: true },
    { ...welcome, empty: true },
    { ...fresh, resumed: true, appliedSeq: 9 },
  ];
  for (const other of others) expect(whyNoCopy(record, other)).not.toBe(null);
  expect(whyNoCopy({ ...record, checkpoint: null }, welcome)).not.toBe(null);
  // Stopped in order, the stream goes on.
  expect(whyNoCopy({ checkpoint, epoch: EPOCH }, { ...fresh, resumed: true, appliedSeq: 5 })).toBe(null);
  expect(whyNoCopy({ checkpoint, epoch: EPOCH }, { ...fresh, resumed: true, appliedSeq: 4 })).not.toBe(null);
});
