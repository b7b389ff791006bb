// How full a queue is, when that is worth an alert, how fast it drains; limits that are set while the agent runs.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { QueueLimitsFile } from "../../src/agent/queue-limits.js";
import { SmError } from "../../src/base/errors.js";
import { fillPercent, isAlerting } from "../../src/journal/queue-level.js";
import { QueueRate } from "../../src/journal/queue-rate.js";

test("fullness is measured by the limit, or by what the volume has above what must stay free", () => {
  const room = { diskBytes: 30, diskBytesMax: null, freeBytes: 80, minFreeBytes: 10 };
  expect(fillPercent(room)).toBe(30);
  expect(fillPercent({ ...room, diskBytesMax: 60 })).toBe(50);
  expect(fillPercent({ ...room, diskBytesMax: 1000 })).toBe(30);
  expect(fillPercent({ ...room, freeBytes: 5 })).toBe(100);
  expect(fillPercent({ ...room, diskBytes: 0, freeBytes: 5 })).toBe(100);
  expect(fillPercent({ ...room, freeBytes: null, diskBytesMax: 40 })).toBe(75);
  expect(fillPercent({ ...room, freeBytes: null })).toBeNull();
});

test("an alert begins at the mark and ends well below it", () => {
  const course = (percents: readonly (number | null)[], mark: number): boolean[] => {
    let is = false;
    return percents.map((percent) => {
      is = isAlerting(is, percent, mark);
      return is;
    });
  };
  expect(course([49.9, 50, 45, 40, 39.9, 45, 50], 50)).toEqual([false, true, true, true, false, false, true]);
  expect(course([50, null, 30, null], 50)).toEqual([true, true, false, false]);
  expect(course([9, 10, 6, 5, 4.9], 10)).toEqual([false, true, true, true, false]);
  expect(course([100], 0)).toEqual([false]);
});

test("a queue that shrinks says when it is empty, one that grows does not", () => {
  const rate = new QueueRate();
  rate.measure(0, 0);
  for (let second = 1; second <= 60; second++) {
    rate.appended(2000);
    rate.measure(second * 1000, second * 1000);
  }
  const growing = rate.flow(60_000);
  expect(growing).toMatchObject({ drainSeconds: null });
  expect([growing.drain, growing.fill].map((bytes) => Math.round(bytes / 100))).toEqual([10, 20]);
  for (let second = 61; second <= 120; second++) rate.measure(60_000 - (second - 60) * 1000, second * 1000);
  expect(Math.round(rate.flow(5000).drainSeconds ?? 0)).toBe(5);
  expect(rate.flow(0).drainSeconds).toBe(0);
});

test("limits that were set stay over restarts, before the configured ones, until they are set back", () => {
  const directory = mkdtempSync(join(tmpdir(), "sm-limits-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const configured = { directory: "/q", memoryMiB: 128, diskMiB: null, minFreeMiB: 50, alertPercent: 50, onFull: "pull-ahead" } as const;
  const open = (): QueueLimitsFile => QueueLimitsFile.open(directory, () => configured);
  const limits = open();
  expect(limits.changed).toEqual([]);
  limits.set({ memoryMiB: 8 });
  limits.set({ diskMiB: 100, alertPercent: 50 });
  expect(open().inForce).toEqual({ memoryMiB: 8, diskMiB: 100, minFreeMiB: 50, alertPercent: 50 });
  expect(open().changed).toEqual(["memoryMiB", "diskMiB"]);
  limits.set({ diskMiB: null });
  expect(open().changed).toEqual(["memoryMiB"]);
  const before = readFileSync(join(directory, "queue-limits.json"), "utf8");
  expect(() => limits.set({ memoryMiB: 0 })).toThrow(SmError);
  expect(() => limits.set({ diskMiB: 4 })).toThrow("queue.diskMiB takes");
  expect(() => limits.set({ alertPercent: 100 })).toThrow(SmError);
  expect(readFileSync(join(directory, "queue-limits.json"), "utf8")).toBe(before);
  limits.set(null);
  limits.set(null);
  expect(open().inForce).toEqual({ memoryMiB: 128, diskMiB: null, minFreeMiB: 50, alertPercent: 50 });
  writeFileSync(join(directory, "queue-limits.json"), "{");
  expect(open).toThrow("queue-limits.json cannot be read");
});
