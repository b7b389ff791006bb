import { describe, expect, test } from "vitest";
import { type IomapEnd, type IomapStep, IomapTracker } from "../../src/capture/iomap-tracker.js";
import { DEFAULT_RANGE_LIMITS, type DirtyInode, MARK_MAPPED, MARK_UNSETTLED } from "../../src/capture/range-table.js";
import { TraceSink } from "../../src/capture/trace-sink.js";

const BLOCK = 4096;
const END_NS = 1_000_000;
const at = { device: 7, ino: 12, thread: 100, timeNs: 0 };

const step = (values: Partial<IomapStep>): IomapStep => ({ kind: "step", ...at, pos: BLOCK, length: BLOCK, what: "direct", ...values });
const end = (values: Partial<IomapEnd>): IomapEnd => ({
  kind: "end",
  ...at,
  timeNs: 10,
  pos: 2 * BLOCK,
  result: BLOCK,
  isAsync: false,
  isWrite: false,
  ...values,
});

class Kit {
  readonly sink = new TraceSink(DEFAULT_RANGE_LIMITS);
  readonly tracker = new IomapTracker(this.sink);

  /** What is dirty after these events, decoded up to `untilNs`. */
  run(events: readonly (IomapStep | IomapEnd)[], untilNs = END_NS): DirtyInode[] {
    for (const event of events) this.tracker.push(event);
    this.tracker.settle(untilNs, 100);
    return [...this.sink.dirty.take().values()];
  }
}

const ranges = (dirty: readonly DirtyInode[]): unknown[] => dirty.map((each) => each.ranges);

describe("direct requests", () => {
  test("a write is dirty when it has ended, not before", () => {
    const kit = new Kit();
    expect(kit.run([step({})])).toEqual([]);
    expect(ranges(kit.run([end({})]))).toEqual([[[BLOCK, BLOCK]]]);
  });

  test("a read is nothing, also of the thread that wrote before", () => {
    expect(new Kit().run([end({})])).toEqual([]);
    expect(ranges(new Kit().run([step({}), end({}), end({ timeNs: 20, pos: 9 * BLOCK })]))).toEqual([[[BLOCK, BLOCK]]]);
  });

  test("the step was read after the end, from the ring of another processor", () => {
    expect(ranges(new Kit().run([end({ timeNs: 10 }), step({ timeNs: 5 })]))).toEqual([[[BLOCK, BLOCK]]]);
  });

  test("what is later than the moment of the drain waits for the next one", () => {
    const kit = new Kit();
    expect(kit.run([end({ timeNs: 5000 })], 1000)).toEqual([]);
    expect(ranges(kit.run([step({ timeNs: 4000 })], 9000))).toEqual([[[BLOCK, BLOCK]]]);
  });

  test("an end within the slack of the clocks is asked again", () => {
    const kit = new Kit();
    expect(kit.run([end({ timeNs: 1050 })], 1000)).toEqual([]);
    expect(ranges(kit.run([step({ timeNs: 1040 })], 9000))).toEqual([[[BLOCK, BLOCK]]]);
  });

  test("an asynchronous write says so, wherever it ends", () => {
    expect(ranges(new Kit().run([end({ isAsync: true, isWrite: true, thread: 7 })]))).toEqual([[[BLOCK, BLOCK]]]);
    expect(new Kit().run([end({ isAsync: true, thread: 7 })])).toEqual([]);
  });

  test("or is known by its start, also when two are under way there", () => {
    const ends = [end({ isAsync: true, thread: 7 }), end({ isAsync: true, thread: 8, timeNs: 30 })];
    const kit = new Kit();
    expect(ranges(kit.run([step({}), step({ timeNs: 1 }), ...ends.slice(0, 1)]))).toEqual([[[BLOCK, BLOCK]]]);
    expect(ranges(kit.run(ends.slice(1)))).toEqual([[[BLOCK, BLOCK]]]);
    expect(kit.run([end({ isAsync: true, thread: 7, pos: 90 * BLOCK })])).toEqual([]);
  });

  test.each([
    [0, []],
    [-11, []],
    [-5, ["whole or to the end"]],
  ])("result %i", (result, expected) => {
    const dirty = new Kit().run([step({}), end({ result, pos: BLOCK })]);
    expect(dirty).toHaveLength(expected.length);
    if (expected.length > 0) expect(dirty[0]?.ranges).toEqual([[0, Number.MAX_SAFE_INTEGER]]);
  });

  test("more requests than are remembered: the files of the forgotten ones are dirty as a whole", () => {
    const kit = new Kit();
    const many = Array.from({ length: 65_537 }, (_, i) => step({ thread: i, pos: i * BLOCK, ino: i, timeNs: i }));
    const dirty = kit.run(many);
    expect(dirty.map((each) => [each.ino, each.ranges])).toEqual([[0, "whole"]]);
  });
});

describe("steps that tell by the next step how far they went", () => {
  test("zeroed from 0 on", () => {
    const dirty = new Kit().run([step({ what: "zero", pos: 0, length: 0 }), step({ what: "zero", pos: 3 * BLOCK, length: 0, timeNs: 5 })]);
    expect(dirty).toMatchObject([{ ranges: [[0, 3 * BLOCK]], marks: MARK_UNSETTLED | 1 }]);
  });

  test("in several pieces, over several drains", () => {
    const kit = new Kit();
    expect(kit.run([step({ what: "zero", pos: 0, length: 0 })])).toEqual([]);
    expect(ranges(kit.run([step({ what: "zero", pos: BLOCK, length: 0 })]))).toEqual([[[0, BLOCK]]]);
    expect(ranges(kit.run([step({ what: "zero", pos: 5 * BLOCK, length: 0 })]))).toEqual([[[0, 5 * BLOCK]]]);
  });

  test("the next step is of another file", () => {
    const kit = new Kit();
    expect(kit.run([step({ what: "zero", pos: 0, length: 0 }), step({ what: "zero", pos: BLOCK, length: 0, ino: 13, timeNs: 5 })])).toEqual([]);
  });

  test("a fault of a mapping is marked as one", () => {
    expect(new Kit().run([step({ what: "fault" })])).toMatchObject([{ ranges: [[BLOCK, BLOCK]], marks: MARK_MAPPED | 1 }]);
  });
});

test("on btrfs the number is meant in each subvolume that had an event", () => {
  const kit = new Kit();
  kit.sink.addRoot(7, 5);
  kit.sink.addRoot(7, 256);
  const dirty = kit.run([step({}), end({})]);
  expect(dirty.map(({ root }) => root)).toEqual([5, 256]);
});
