// What a verification found and is to have repaired is on disk before it is told, and stays until the target has what repairs it.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { silentLog } from "../../src/base/log.js";
import { PlaceRepair } from "../../src/connection/place-repair.js";
import { DirtyBook } from "../../src/journal/dirty-book.js";
import type { BytePath } from "../../src/model/byte-path.js";
import { encodeChangeSet } from "../../src/model/change-set.js";
import type { DirtyPlace } from "../../src/model/dirty-place.js";
import type { SourceCommand } from "../../src/model/source-messages.js";
import { makeTempDirectory } from "../support/temp-tree.js";

function create() {
  const directory = join(makeTempDirectory(), "dirty");
  mkdirSync(directory);
  const open = (): DirtyBook => DirtyBook.open({ path: join(directory, "1"), connectionId: 1, log: silentLog });
  const book = open();
  const sent: SourceCommand[] = [];
  return {
    book,
    sent,
    repair: new PlaceRepair(1, book, { send: (command) => sent.push(command) }),
    onDisk: () => [...open().places()].sort((a, b) => (a.path < b.path ? -1 : 1)),
  };
}

const placeAt = (path: string, thorough = false): DirtyPlace => ({ root: 0, path: path as BytePath, level: "entry", thorough });
const found = (...places: readonly DirtyPlace[]) => ({ kind: "found", connectionId: 1, places }) as const;

test("on disk at once, and gone when the target has all that repairs it, durably", () => {
  const { repair, sent, onDisk } = create();
  repair.take(found(placeAt("a", true)), 10);
  expect(onDisk()).toEqual([placeAt("a", true)]);
  repair.take(found(placeAt("b")), 10);
  expect(onDisk()).toEqual([placeAt("a", true), placeAt("b")]);
  repair.feed(5);
  expect(sent).toMatchObject([{ kind: "repair", batch: 1, places: [{}, {}], withLinks: false }]);
  repair.take({ kind: "repaired", connectionId: 1, batches: [1], lastSeq: 12 }, 11);
  expect([onDisk().length, repair.pending]).toEqual([2, 2]);
  repair.durable(12);
  expect([onDisk().length, repair.pending]).toEqual([0, 0]);
});

test("what repaired it, and was not durable when the target's machine crashed, is done once more", () => {
  const { repair, sent, onDisk } = create();
  repair.take(found(placeAt("a", true)), 10);
  repair.feed(5);
  repair.take({ kind: "repaired", connectionId: 1, batches: [1], lastSeq: 12 }, 11);
  repair.take(found(placeAt("b", true)), 11);
  repair.feed(5);
  // One is emitted, one is being worked on.
  repair.lose();
  repair.take({ kind: "repaired", connectionId: 1, batches: [2], lastSeq: 14 }, 20);
  expect([onDisk().length, repair.pending]).toEqual([2, 2]);
  repair.feed(5);
  expect(sent.at(-1)).toMatchObject({ kind: "repair", batch: 3, places: [{}, {}] });
  repair.take({ kind: "repaired", connectionId: 1, batches: [3], lastSeq: 22 }, 22);
  expect([onDisk().length, repair.pending]).toEqual([0, 0]);
});

test("what is renamed before it is repaired is found by its new name, over a kill, too", () => {
  const { book, repair, onDisk } = create();
  repair.take(found(placeAt("d/a")), 0);
  const rename = { op: "rename", root: 0, path: "d" as BytePath, to: "e" as BytePath, type: "dir" } as const;
  book.follow(encodeChangeSet({ seq: 1, sourceTimeMs: 0, closed: true, mirror: false, changes: [rename] }));
  book.tick();
  expect(onDisk().map(({ path }) => path)).toEqual(["d/a", "e/a"]);
});

test("many in one directory become one place, whose contents are compared whatever the times say", () => {
  const { repair, onDisk } = create();
  for (let i = 0; i < 100; i++) repair.take(found(placeAt(`d/f${i}`, true)), 0);
  expect(onDisk()).toEqual([{ root: 0, path: "d", level: "names", thorough: true }]);
});
