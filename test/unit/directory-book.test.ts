// Where the directories of a table are, over closings, torn and damaged files.

import { appendFileSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DirectoryBook, idOf } from "../../src/capture/directory-book.js";
import { type Node, NodeTable } from "../../src/capture/node-table.js";
import type { FileStat } from "../../src/fs/native.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const DIRECTORY = 0o040755;
const EMPTY = { nlink: 1, uid: 0, gid: 0, dev: 7, size: 0, blocks: 0, mtimeSec: 1, mtimeNsec: 0, ctimeSec: 1, ctimeNsec: 0, btimeNsec: 5 };

function statOf(ino: number, mode = DIRECTORY): FileStat {
  return { ...EMPTY, mode, ino, btimeSec: ino, rdevMajor: 0, rdevMinor: 0 };
}

const idOfNode = (node: Node): bigint => idOf(node.inode);

/** A table with the directories a, a/b and c, and a file; and the book of it. */
function begun(path = join(makeTempDirectory(), "deep", "book")) {
  const table = new NodeTable(statOf(2));
  const a = table.add(table.root, "a", statOf(10));
  const b = table.add(a, "b", statOf(11));
  const c = table.add(table.root, "c", statOf(12));
  table.add(a, "file", statOf(20, 0o100644));
  return { table, a, b, c, path, open: () => DirectoryBook.open(path, [table.records]) };
}

function markOf(book: DirectoryBook): { id: string; seq: number } {
  const { mark } = book;
  if (mark === null) throw new Error("the book is broken");
  return mark;
}

test("only directories that moved, came or went are told, and those below them are not", () => {
  const { table, a, c, open } = begun();
  const book = open();
  book.follow(table);
  const mark = markOf(book);
  expect(mark.seq).toBe(3);
  expect(book.movedSince(mark)).toEqual(new Set());
  table.move(a, c, "a");
  table.add(table.root, "new", statOf(13));
  table.add(table.root, "new file", statOf(21, 0o100644));
  expect(book.movedSince(mark)).toEqual(new Set([idOfNode(a), idOf(statOf(13))]));
  const later = markOf(book);
  table.remove(c);
  expect(book.movedSince(later)).toEqual(new Set([idOf(statOf(10)), idOf(statOf(11)), idOf(statOf(12))]));
});

test("a directory that went somewhere and came back has moved", () => {
  const { table, a, b, c, open } = begun();
  const book = open();
  book.follow(table);
  const mark = markOf(book);
  table.move(b, c, "b");
  book.flush();
  table.move(b, a, "b");
  expect(book.movedSince(mark)).toEqual(new Set([idOfNode(b)]));
});

test("what differs from the tree at the next start has moved, what is the same has not", () => {
  const { table, a, b, c, open } = begun();
  const before = open();
  const mark = markOf(before);
  before.close();
  expect(open().movedSince(mark)).toEqual(new Set());
  // While nobody followed.
  table.move(b, c, "b");
  expect(open().movedSince(mark)).toEqual(new Set([idOfNode(b)]));
  table.move(b, a, "b");
  expect(open().movedSince(mark)).toEqual(new Set([idOfNode(b)]));
});

test("what is torn off the end is cut; a book that is damaged before its end is another one", () => {
  const { table, c, path, open } = begun();
  const first = open();
  first.follow(table);
  const mark = markOf(first);
  table.move(c, table.root, "d");
  first.flush();
  const { size } = statSync(path);
  appendFileSync(path, readFileSync(path).subarray(-30));
  const second = open();
  expect(statSync(path).size).toBe(size);
  expect(second.movedSince(mark)).toEqual(new Set([idOfNode(c)]));
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(60) ^ 1, 60);
  writeFileSync(path, bytes);
  const third = open();
  expect(third.movedSince(mark)).toBe(null);
  expect(markOf(third).id).not.toBe(mark.id);
});

test("a book that grew is written anew, and tells the same", () => {
  const { table, a, b, c, path, open } = begun();
  const book = open();
  book.follow(table);
  const start = markOf(book);
  for (let i = 0; i < 40_000; i++) {
    table.move(b, i % 2 === 0 ? c : a, "b");
    book.flush();
  }
  const mark = markOf(book);
  expect(statSync(path).size).toBeLessThan(1_200_000);
  expect(mark.id).toBe(start.id);
  expect(book.movedSince(start)).toEqual(new Set([idOfNode(b)]));
  expect(book.movedSince(mark)).toEqual(new Set());
  book.close();
  expect(open().movedSince(mark)).toEqual(new Set());
});

test("a book that cannot be written says so", () => {
  const { table, path, open } = begun();
  open().close();
  expect(DirectoryBook.open(join(path, "below", "a file"), [table.records]).mark).toBe(null);
});
