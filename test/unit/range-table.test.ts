import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clipRanges, type DirtyInode, END_OF_FILE, inodeKey, PAGE_BYTES, RangeTable } from "../../src/capture/range-table.js";

const LIMITS = { rangesPerInodeMax: 8, rangesMax: 40, inodesMax: 4 };
const KEY = inodeKey({ device: 1, root: 0, ino: 2 });

function takeOnly(table: RangeTable): DirtyInode | undefined {
  const taken = table.take();
  expect(taken.size).toBeLessThanOrEqual(1);
  return taken.get(KEY);
}

describe("ranges of one inode", () => {
  test("widened to pages, sorted and joined", () => {
    const table = new RangeTable();
    for (const [start, end] of [
      [9000, 9001],
      [5000, 5100],
      [4096, 8192],
      [100_000, 100_001],
      [0, 1],
    ] as const)
      table.add(1, 0, 2, start, end, 1);
    expect(takeOnly(table)).toEqual({
      device: 1,
      root: 0,
      ino: 2,
      ranges: [
        [0, 12_288],
        [98_304, 4096],
      ],
      marks: 1,
      reach: 100_001,
    });
    expect(table.take().size).toBe(0);
  });

  test("to the end of the file", () => {
    const table = new RangeTable();
    table.add(1, 0, 2, 5000, END_OF_FILE, 0);
    table.add(1, 0, 2, 20_000, 30_000, 0);
    const dirty = takeOnly(table);
    expect(dirty?.ranges).toEqual([[4096, END_OF_FILE - 4096]]);
    expect(dirty?.reach).toBe(30_000);
    if (dirty?.ranges !== "whole") expect(clipRanges(dirty?.ranges ?? [], 10_000)).toEqual([[4096, 5904]]);
  });

  test("whole stays whole", () => {
    const table = new RangeTable();
    table.add(1, 0, 2, 0, 1, 1);
    table.addWhole(1, 0, 2, 4);
    table.add(1, 0, 2, 9000, 9001, 2);
    expect(takeOnly(table)).toMatchObject({ ranges: "whole", marks: 7 });
  });

  test("a cut whose place is not told makes the file whole, in whichever order the two come", () => {
    for (const changes of [
      [1, -1],
      [-1, 1],
      [1, 1, -1, -1],
    ] as const) {
      const table = new RangeTable();
      for (const change of changes) table.addCut(1, 0, 2, change);
      table.add(1, 0, 2, 0, 1, 0);
      expect(takeOnly(table)?.ranges).toEqual([[0, 4096]]);
    }
    const table = new RangeTable();
    table.addCut(1, 0, 2, 1);
    expect(takeOnly(table)?.ranges).toBe("whole");
  });

  test("taken alone", () => {
    const table = new RangeTable();
    table.add(1, 5, 2, 0, 1, 0);
    table.add(1, 6, 2, 9000, 9001, 0);
    expect(table.takeInode({ device: 1, root: 5, ino: 2 })?.ranges).toEqual([[0, 4096]]);
    expect(table.takeInode({ device: 1, root: 5, ino: 2 })).toBeNull();
    expect([table.inodes, table.ranges]).toEqual([1, 1]);
    expect([...table.take().keys()]).toEqual(["1:6:2"]);
  });
});

describe("limits", () => {
  test("too many ranges are joined over gaps, then the whole file is meant", () => {
    const table = new RangeTable(LIMITS);
    for (let i = 0; i < 100; i++) table.add(1, 0, 2, i * 3 * PAGE_BYTES, i * 3 * PAGE_BYTES + 1, 0);
    const joined = takeOnly(table)?.ranges;
    expect(joined).not.toBe("whole");
    expect(joined?.length).toBeLessThanOrEqual(LIMITS.rangesPerInodeMax);
    for (let i = 0; i < 100; i++) table.add(1, 0, 2, i * 2 ** 30, i * 2 ** 30 + 1, 0);
    expect(takeOnly(table)?.ranges).toBe("whole");
    expect(table.ranges).toBe(0);
  });

  test("too many inodes: whole files first, then everything", () => {
    const table = new RangeTable(LIMITS);
    for (let ino = 0; ino < 12; ino++) table.add(1, 0, ino, 0, 1, 0);
    expect(table.takeOverflow()).toBe(false);
    table.add(1, 0, 12, 0, 1, 0);
    expect(table.takeOverflow()).toBe(true);
    expect(table.takeOverflow()).toBe(false);
    const taken = [...table.take().values()];
    expect(taken.map(({ ranges }) => ranges === "whole")).toEqual([...Array(4).fill(false), ...Array(8).fill(true)]);
  });

  test("too many ranges in all: the next ones stand for whole files", () => {
    const table = new RangeTable({ ...LIMITS, rangesPerInodeMax: 1000, inodesMax: 1000 });
    for (let i = 0; i < 60; i++) table.add(1, 0, i % 3, (i * 2 + (i % 3)) * 10 * PAGE_BYTES, (i * 2 + (i % 3)) * 10 * PAGE_BYTES + 1, 0);
    expect(table.ranges).toBeLessThanOrEqual(LIMITS.rangesMax);
    expect([...table.take().values()].some(({ ranges }) => ranges === "whole")).toBe(true);
  });
});

describe("whatever comes in", () => {
  const write = fc.record({ ino: fc.nat(5), start: fc.nat(400 * PAGE_BYTES), length: fc.integer({ min: 1, max: 20 * PAGE_BYTES }) });

  test("every page that was written is reported; without limits, no other", () => {
    fc.assert(
      fc.property(fc.array(write, { maxLength: 200 }), fc.boolean(), (writes, isLimited) => {
        const table = isLimited ? new RangeTable({ rangesPerInodeMax: 4, rangesMax: 24, inodesMax: 4 }) : new RangeTable();
        const written = new Map<number, Set<number>>();
        for (const { ino, start, length } of writes) {
          table.add(1, 0, ino, start, start + length, 0);
          const pages = written.get(ino) ?? new Set();
          written.set(ino, pages);
          for (let page = Math.floor(start / PAGE_BYTES); page * PAGE_BYTES < start + length; page++) pages.add(page);
        }
        const taken = table.take();
        for (const [ino, pages] of written) {
          const dirty = taken.get(inodeKey({ device: 1, root: 0, ino }));
          expect(dirty).toBeDefined();
          if (dirty === undefined || dirty.ranges === "whole") {
            expect(isLimited).toBe(true);
            continue;
          }
          const reported = new Set<number>();
          let before = -1;
          for (const [offset, length] of dirty.ranges) {
            expect(offset).toBeGreaterThan(before);
            before = offset + length;
            for (let page = offset / PAGE_BYTES; page < before / PAGE_BYTES; page++) reported.add(page);
          }
          for (const page of pages) expect(reported.has(page)).toBe(true);
          if (isLimited) expect(dirty.ranges.length).toBeLessThanOrEqual(4);
          else expect(reported.size).toBe(pages.size);
        }
      }),
      { numRuns: 300 },
    );
  });
});

test("inodes that nobody wants take no room, are asked about once, and may be wanted from the next take on", () => {
  const wanted = new Set([2]);
  const asked: number[] = [];
  const table = new RangeTable(LIMITS, (_device, _root, ino) => {
    asked.push(ino);
    return wanted.has(ino);
  });
  const write = (): void => {
    for (let ino = 0; ino < 100; ino++) for (const start of [0, 9000]) table.add(1, 0, ino, start, start + 1, 1);
    table.addWhole(1, 0, 3, 1);
    table.addCut(1, 0, 4, 1);
  };
  write();
  expect([asked.length, table.inodes, table.ranges, table.takeOverflow()]).toEqual([100, 1, 2, false]);
  expect(table.takeInode({ device: 1, root: 0, ino: 3 })).toBeNull();
  expect(takeOnly(table)).toMatchObject({
    ino: 2,
    ranges: [
      [0, 4096],
      [8192, 4096],
    ],
  });
  wanted.add(3);
  write();
  expect([...table.take().values()]).toMatchObject([{ ino: 2 }, { ino: 3, ranges: "whole" }]);
  expect(asked.length).toBe(200);
});
