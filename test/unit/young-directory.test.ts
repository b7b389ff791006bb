// A mirror that goes by times, after a time in which nobody watched: a directory that took the place of another one is found, though all
// names, sizes and times in it are those of the other.

import { mkdirSync, renameSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { delay } from "../../src/base/wait.js";
import { compareTrees, expectEqualTrees } from "../support/compare-trees.js";
import { pastRacy } from "../support/past-racy.js";
import { payloadBytes, SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const OLD = 1_600_000_000;
const FILES = ["first/deep/down/f", "first/g", "second/deep/down/f", "second/g", "third/deep/f", "third/g"];

function plant(tree: string): void {
  for (const name of FILES) {
    mkdirSync(dirname(join(tree, name)), { recursive: true });
    writeFileSync(join(tree, name), name.slice(0, 3));
    utimesSync(join(tree, name), OLD, OLD);
  }
  for (const name of ["first/deep/down", "first/deep", "first", "second/deep/down", "second/deep", "second", "third/deep", "third", ""])
    utimesSync(join(tree, name), OLD, OLD);
}

interface Trees {
  readonly root: string;
  readonly target: string;
  /** Ms since 1970: when both were the same. */
  readonly sinceMs: number;
}

async function plantBoth(): Promise<Trees> {
  const directory = makeTempDirectory();
  const trees = { root: join(directory, "source"), target: join(directory, "target") };
  for (const tree of [trees.root, trees.target]) plant(tree);
  await delay(20);
  const sinceMs = Date.now();
  await delay(20);
  return { ...trees, sinceMs };
}

function swap(root: string, a: string, b: string): void {
  renameSync(join(root, a), join(root, "away"));
  renameSync(join(root, b), join(root, a));
  renameSync(join(root, "away"), join(root, b));
  for (const name of [a, b, ""]) utimesSync(join(root, name), OLD, OLD);
}

async function mirrored({ root, target, sinceMs }: Trees): Promise<SourceKit> {
  await pastRacy();
  const kit = SourceKit.start({ root, target });
  kit.openChannel();
  await kit.mirror("difference", "remove", { changedSinceMs: sinceMs });
  return kit;
}

test("directories that changed places", async () => {
  const trees = await plantBoth();
  swap(trees.root, "first", "second");
  expect(await compareTrees(trees.root, trees.target)).toHaveLength(4);
  const kit = await mirrored(trees);
  await expectEqualTrees(trees.root, trees.target);
  expect(payloadBytes(kit.sets.flatMap(({ changes }) => changes))).toBe(4 * 3);
});

test("and into which something was put afterwards", async () => {
  const trees = await plantBoth();
  swap(trees.root, "first/deep", "second/deep");
  writeFileSync(join(trees.root, "first/deep/new"), "new");
  await mirrored(trees);
  await expectEqualTrees(trees.root, trees.target);
});

test("only where something changed contents are read", async () => {
  const trees = await plantBoth();
  writeFileSync(join(trees.root, "first/new"), "new");
  const { sets } = await mirrored(trees);
  await expectEqualTrees(trees.root, trees.target);
  const compared = sets.flatMap(({ changes }) => changes.flatMap((change) => (change.op === "compare" ? [change] : [])));
  const hashed = compared.flatMap(({ path, entries }) => entries.flatMap(({ name, hash }) => (hash === undefined ? [] : [join(path, name)])));
  expect(hashed.sort()).toEqual(["first/deep/down/f", "first/g", "first/new"]);
});
