// Large files of which no block signatures are known (here: none are kept) and whose change shows in ctime alone.

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { delay } from "../../src/base/wait.js";
import { encodeChangeSet } from "../../src/model/change-set.js";
import { compareTrees } from "../support/compare-trees.js";
import { payloadBytes, SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const SIZE = 4 << 20;
const MTIME = 1000;

interface Planted {
  readonly kit: SourceKit;
  readonly path: (name: string) => string;
  /** Settles and returns what the trees differ in. */
  readonly differences: () => Promise<readonly string[]>;
}

async function planted(names: readonly string[]): Promise<Planted> {
  const directory = makeTempDirectory();
  const root = join(directory, "source");
  const path = (name: string): string => join(root, name);
  for (const name of names) {
    fs.mkdirSync(join(path(name), ".."), { recursive: true });
    fs.writeFileSync(path(name), Buffer.alloc(SIZE, name));
    fs.utimesSync(path(name), MTIME, MTIME);
  }
  await afterRacy();
  const target = join(directory, "target");
  const kit = SourceKit.start({ root, target, signatureBytesMax: 0 });
  await kit.mirror("full");
  kit.sets.length = 0;
  const differences = async (): Promise<readonly string[]> => {
    await kit.settle();
    return compareTrees(root, target);
  };
  return { kit, path, differences };
}

/** Timestamps of what was done before are told apart from those of what is done from now on. */
function afterRacy(): Promise<boolean> {
  return delay(40);
}

/** Overwrites 5 bytes and puts the mtime back. */
async function editUnseen(path: string, text: string): Promise<void> {
  const fd = fs.openSync(path, "r+");
  fs.writeSync(fd, text, SIZE / 2);
  fs.closeSync(fd);
  fs.utimesSync(path, MTIME, MTIME);
  await afterRacy();
}

function wireBytes(kit: SourceKit): number {
  return kit.sets.reduce((sum, set) => sum + encodeChangeSet(set).length, 0);
}

test("an edit that keeps size and mtime: the block that changed is shipped", async () => {
  const { kit, path, differences } = await planted(["big"]);
  for (const text of ["first", "other"]) {
    await editUnseen(path("big"), text);
    expect(await differences()).toEqual([]);
  }
  expect(payloadBytes(kit.sets.flatMap((set) => set.changes))).toBe(2 * 65_536);
});

test("new mode, owner, attributes, times, names: the receiver's sums are asked for, no content travels", async () => {
  const { kit, path, differences } = await planted(["big", "d/linked"]);
  const deeds: readonly (() => void)[] = [
    () => fs.chmodSync(path("big"), 0o600),
    () => fs.chownSync(path("big"), 1, 1),
    () => execFileSync("setfattr", ["-n", "user.note", "-v", "x", path("big")]),
    () => fs.utimesSync(path("big"), 1, 1),
    () => fs.renameSync(path("big"), path("d/big")),
    () => fs.linkSync(path("d/linked"), path("link")),
    () => fs.chmodSync(path("link"), 0o600),
    () => fs.renameSync(path("d"), path("e")),
    () => fs.rmSync(path("e/linked")),
  ];
  for (const deed of deeds) {
    deed();
    await afterRacy();
    expect(await differences()).toEqual([]);
  }
  expect(payloadBytes(kit.sets.flatMap((set) => set.changes))).toBe(0);
  expect(wireBytes(kit)).toBeLessThan(64 * 1024);
});

test("an edit of a file with several names stays one of all, and costs its block", async () => {
  const { kit, path, differences } = await planted(["big"]);
  fs.linkSync(path("big"), path("link"));
  await afterRacy();
  expect(await differences()).toEqual([]);
  kit.sets.length = 0;
  await editUnseen(path("link"), "by it");
  expect(await differences()).toEqual([]);
  expect(payloadBytes(kit.sets.flatMap((set) => set.changes))).toBe(65_536);
});

test("a file in doubt is followed when it is renamed, and when the name it was seen by goes", async () => {
  const { kit, path, differences } = await planted(["a/big", "linked"]);
  fs.linkSync(path("linked"), path("link"));
  await afterRacy();
  expect(await differences()).toEqual([]);
  await editUnseen(path("a/big"), "moved");
  await editUnseen(path("linked"), "links");
  await kit.barrier();
  fs.renameSync(path("a"), path("b"));
  fs.rmSync(path("linked"));
  kit.engine.wake();
  expect(await differences()).toEqual([]);
});

test("changes in a row are asked about once", async () => {
  const { kit, path, differences } = await planted(["big"]);
  for (const mode of [0o600, 0o640, 0o644]) {
    fs.chmodSync(path("big"), mode);
    await afterRacy();
    kit.engine.pushFacts([{ kind: "name", root: 0, path: "big" as never }]);
    await afterRacy();
  }
  expect(kit.sets.flatMap((set) => set.changes).map((change) => change.op)).toEqual(["attr", "attr", "attr"]);
  expect(await differences()).toEqual([]);
  expect(kit.sets.flatMap((set) => set.changes).filter((change) => change.op === "sums")).toHaveLength(1);
});
