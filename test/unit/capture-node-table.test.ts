import { expect, test } from "vitest";
import { type Node, NodeTable } from "../../src/capture/node-table.js";
import type { FileStat } from "../../src/fs/native.js";
import type { BytePath } from "../../src/model/byte-path.js";

const [FILE, DIRECTORY] = [0o100644, 0o040755];

function stat(ino: number, mode: number, part: Partial<FileStat> = {}): FileStat {
  const times = { mtimeSec: 1, mtimeNsec: 0, ctimeSec: 1, ctimeNsec: 0, btimeSec: 1, btimeNsec: ino };
  return { dev: 1, ino, mode, uid: 0, gid: 0, size: 10, blocks: 8, nlink: 1, rdevMajor: 0, rdevMinor: 0, ...times, ...part } as FileStat;
}

function at(table: NodeTable, path: string) {
  return table.at(path as BytePath);
}

function planted(): NodeTable {
  const table = new NodeTable(stat(1, DIRECTORY));
  const a = table.add(table.root, "a", stat(2, DIRECTORY));
  const b = table.add(a, "b", stat(3, DIRECTORY));
  table.add(b, "f", stat(4, FILE));
  return table;
}

test("a renamed directory takes all below it along, in one step", () => {
  const table = planted();
  const a = at(table, "a");
  if (a === undefined) throw new Error("a is not there");
  table.move(a, table.root, "z");
  expect(at(table, "a")).toBeUndefined();
  expect(at(table, "z/b/f")?.path).toBe("z/b/f");
});

test("of a directory that was looked up last nothing is remembered that is not so any more", () => {
  const table = planted();
  const [a, b] = [at(table, "a"), at(table, "a/b")];
  if (a === undefined || b === undefined) throw new Error("they are not there");
  const found = (): (string | undefined)[] => ["a/b/f", "a/b/g", "z/b/f", "a/b"].map((path) => at(table, path)?.path);
  expect(found()).toEqual(["a/b/f", undefined, undefined, "a/b"]);
  table.add(b, "g", stat(5, FILE));
  expect(found()).toEqual(["a/b/f", "a/b/g", undefined, "a/b"]);
  table.move(a, table.root, "z");
  expect(found()).toEqual([undefined, undefined, "z/b/f", undefined]);
  table.add(table.add(table.add(table.root, "a", stat(6, DIRECTORY)), "b", stat(7, DIRECTORY)), "f", stat(8, FILE));
  expect(at(table, "a/b/f")?.inode.ino).toBe(8);
  table.remove(b);
  expect(found()).toEqual(["a/b/f", undefined, undefined, "a/b"]);
  // Deeper, shallower, and beside it.
  expect(["a/b/f/x", "a", "a/bb/f", "a/b/f"].map((path) => at(table, path)?.path)).toEqual([undefined, "a", undefined, "a/b/f"]);
});

test("who is told of a directory that goes may look up others that go", () => {
  const table = planted();
  const a = at(table, "a");
  if (a === undefined) throw new Error("it is not there");
  const told: (string | undefined)[] = [];
  table.onDirectory = (_, isGone) => {
    if (isGone) told.push(at(table, "a/b/f")?.path, at(table, "a/b")?.path);
  };
  table.remove(a);
  expect(told).toEqual([undefined, "a/b", undefined, undefined]);
  expect(["a", "a/b", "a/b/f", "a/b/g"].map((path) => at(table, path))).toEqual([undefined, undefined, undefined, undefined]);
  table.add(table.add(table.add(table.root, "a", stat(6, DIRECTORY)), "b", stat(7, DIRECTORY)), "f", stat(8, FILE));
  expect(at(table, "a/b/f")?.inode.ino).toBe(8);
});

test("names of one inode are one file; it is gone with the last of them", () => {
  const table = planted();
  const second = table.add(table.root, "link", stat(4, FILE, { nlink: 2 }));
  expect([table.files, table.bytes]).toEqual([1, 10]);
  expect(table.find(stat(4, FILE))?.nodes.map((node) => node.path)).toEqual(["a/b/f", "link"]);
  table.remove(second);
  expect([table.files, table.bytes]).toEqual([1, 10]);
  const a = at(table, "a");
  if (a !== undefined) table.remove(a);
  expect([table.files, table.directories, table.bytes]).toEqual([0, 0, 0]);
  expect(table.find(stat(4, FILE))).toBeUndefined();
});

test("an inode number in use again, by birth time or by type, is another inode", () => {
  const table = planted();
  expect(table.find(stat(4, FILE, { btimeSec: 9 }))).toBeUndefined();
  expect(table.find(stat(4, DIRECTORY))).toBeUndefined();
  table.add(table.root, "new", stat(4, FILE, { btimeSec: 9 }));
  const old = at(table, "a/b/f");
  if (old !== undefined) table.remove(old);
  expect(table.find(stat(4, FILE, { btimeSec: 9 }))?.nodes.map((node) => node.path)).toEqual(["new"]);
});

test("sizes follow the files", () => {
  const table = planted();
  const inode = at(table, "a/b/f")?.inode;
  if (inode === undefined) throw new Error("f is not there");
  table.resize(inode, 1000);
  inode.take(stat(4, FILE, { size: 1000 }));
  expect(table.bytes).toBe(1000);
});

test("what is not known has no node", () => {
  const table = planted();
  expect(at(table, "")).toBe(table.root);
  for (const path of ["x", "a/x", "a/b/f/g"]) expect(at(table, path)).toBeUndefined();
});

test("a directory goes neither below itself nor to the name of one it lies in", () => {
  const table = planted();
  const [a, b, f] = ["a", "a/b", "a/b/f"].map((path) => at(table, path)) as [Node, Node, Node];
  expect(() => table.move(a, b, "x")).toThrow("a directory cannot lie in itself");
  expect(() => table.move(f, table.root, "a")).toThrow("what takes a name does not lie below it");
  expect(at(table, "a/b/f")).toBe(f);
});

test("what was removed takes nothing in and does not move", () => {
  const table = planted();
  const [b, f] = ["a/b", "a/b/f"].map((path) => at(table, path)) as [Node, Node];
  table.remove(b);
  table.remove(f);
  expect([b.path, f.path, f.inode.nodes, b.children?.has("f")]).toEqual(["a/b", "a/b/f", [], false]);
  expect(() => table.add(b, "g", stat(9, FILE))).toThrow("takes nothing in");
  expect(() => table.move(f, table.root, "f")).toThrow("does not move");
  table.resize(f.inode, 5000);
  expect(table.bytes).toBe(0);
});

test("thousands of entries whose long names change again and again are all found, and those that went are not", () => {
  const table = new NodeTable(stat(1, DIRECTORY));
  const nameOf = (i: number, round: number): string => `${i}-${round}-${"n".repeat(200)}`;
  for (let i = 0; i < 3000; i++) table.add(table.root, nameOf(i, 0), stat(10 + i, FILE));
  for (let round = 1; round <= 6; round++) {
    for (let i = 0; i < 3000; i++) {
      const node = at(table, nameOf(i, round - 1));
      if (node !== undefined) table.move(node, table.root, nameOf(i, round));
    }
  }
  for (let i = 0; i < 3000; i += 2) table.remove(at(table, nameOf(i, 6)) as Node);
  const found = Array.from({ length: 3000 }, (_, i) => at(table, nameOf(i, 6))?.inode.ino ?? 0);
  expect(found).toEqual(found.map((_, i) => (i % 2 === 0 ? 0 : 10 + i)));
  expect(table.root.children?.values().length).toBe(1500);
  expect(table.files).toBe(1500);
});

test("a file that grew has changed, whatever its times say; the size of a directory says nothing", () => {
  const table = planted();
  expect(at(table, "a/b/f")?.inode.hasSameCtime(stat(4, FILE))).toBe(true);
  expect(at(table, "a/b/f")?.inode.hasSameCtime(stat(4, FILE, { size: 11 }))).toBe(false);
  expect(at(table, "a/b")?.inode.hasSameCtime(stat(3, DIRECTORY, { size: 11 }))).toBe(true);
});
