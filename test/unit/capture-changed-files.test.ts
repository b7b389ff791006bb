import { expect, test } from "vitest";
import { ChangedFiles, overwrites } from "../../src/capture/changed-files.js";
import type { BytePath } from "../../src/model/byte-path.js";
import type { FileChange } from "../../src/model/change.js";

const KiB = 1024;

function change(before: number | null, part: Partial<FileChange>): FileChange {
  const base = before === null ? null : { size: before, mtimeSec: 1, mtimeNsec: 2 };
  const common = { op: "file", root: 0, path: "a/f" as BytePath, start: "patch", continues: false, holes: [], meta: null, payload: Buffer.alloc(0) } as const;
  return { ...common, base, size: before ?? 0, extents: [], ...part };
}

test.each<[string, boolean, FileChange]>([
  ["a new file", false, change(null, { start: "replace", size: 9, extents: [[0, 9]] })],
  ["a repair that checks nothing", false, change(null, { size: 9, extents: [[0, 9]] })],
  ["an empty file that gets content", false, change(0, { size: 9, extents: [[0, 9]] })],
  ["what is written behind the end", false, change(100, { size: 120, extents: [[100, 20]] })],
  ["what is written in the middle", true, change(100, { size: 100, extents: [[50, 1]] })],
  ["what is written over the end", true, change(100, { size: 120, extents: [[99, 21]] })],
  ["a small file that is read whole, and grew", true, change(100, { size: 120, extents: [[0, 120]] })],
  ["a file that is cut", true, change(100, { size: 50 })],
  ["a hole within it", true, change(100 * KiB, { size: 100 * KiB, holes: [[64 * KiB, 1]] })],
  ["the block at the end of a large file that grew", false, change(1000 * KiB, { size: 2000 * KiB, extents: [[960 * KiB, 1040 * KiB]] })],
  ["the block before that", true, change(1000 * KiB, { size: 2000 * KiB, extents: [[896 * KiB, 1104 * KiB]] })],
  ["a further piece", false, change(100, { continues: true, size: 100, extents: [[0, 10]] })],
])("%s: overwritten %s", (_, expected, given) => {
  expect(overwrites(given)).toBe(expected);
});

test("a path has one number, in each root another", () => {
  const files = new ChangedFiles();
  files.note(0, "a/\xe9" as BytePath);
  files.note(0, "a/\xe9" as BytePath);
  files.note(1, "a/\xe9" as BytePath);
  const [first, second, third] = files.take();
  expect(second).toBe(first);
  expect(third).not.toBe(first);
  expect(files.take()).toHaveLength(0);
});
