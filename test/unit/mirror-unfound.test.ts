// What a mirror does not find where it was, and of which nobody has told yet where it went.

import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { BytePath } from "../../src/model/byte-path.js";
import { compareTrees } from "../support/compare-trees.js";
import { pastRacy } from "../support/past-racy.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

async function plant(names: readonly string[]): Promise<{ root: string; target: string }> {
  const root = makeTempDirectory();
  for (const name of names) {
    mkdirSync(join(root, name));
    writeFileSync(join(root, name, "file"), `of ${name}`);
  }
  // Of what is that young everything is sent as it is found.
  await pastRacy();
  return { root, target: join(makeTempDirectory(), "target") };
}

/** Renames it on disk; that is told as the kernel tells it, with both names, when somebody looks next. */
function rename(kit: SourceKit, from: string, to: string): void {
  renameSync(kit.path(from), kit.path(to));
  kit.engine.pushFacts([from, to].map((path) => ({ kind: "name", root: 0, path: path as BytePath })));
}

/** Does the deed when the directory is about to be listed for a job. */
function beforeListing(kit: SourceKit, path: string, deed: () => void): void {
  const list = kit.tree.list.bind(kit.tree);
  let isDone = false;
  kit.tree.list = (root, directory, isFresh) => {
    if (directory === path && !isDone) {
      isDone = true;
      deed();
    }
    return list(root, directory, isFresh);
  };
}

test.each(["full", "difference"] as const)("the last directory of a %s mirror is renamed before it is listed", async (mode) => {
  const { root, target } = await plant(["a", "z"]);
  const kit = SourceKit.start({ root, target });
  beforeListing(kit, "z", () => rename(kit, "z", "zz"));
  await kit.mirror(mode);
  await kit.settle();
  expect(await compareTrees(root, target)).toEqual([]);
});

test("it is renamed and comes back before anybody has told of it", async () => {
  const { root, target } = await plant(["a", "z"]);
  const kit = SourceKit.start({ root, target });
  const list = kit.tree.list.bind(kit.tree);
  let isDone = false;
  kit.tree.list = async (at, directory, isFresh) => {
    if (directory !== "z" || isDone) return list(at, directory, isFresh);
    isDone = true;
    renameSync(join(root, "z"), join(root, "zz"));
    const listed = await list(at, directory, isFresh);
    renameSync(join(root, "zz"), join(root, "z"));
    return listed;
  };
  await kit.mirror("full");
  await kit.settle();
  expect(await compareTrees(root, target)).toEqual([]);
});

test("the last file of a mirror is renamed before it is read", async () => {
  const { root, target } = await plant(["a"]);
  const kit = SourceKit.start({ root, target });
  await kit.mirror("full");
  await kit.settle();
  // As large and as old as on the source: only its content tells.
  const copy = join(target, "a", "file");
  writeFileSync(copy, "of b");
  execFileSync("touch", ["-r", join(root, "a", "file"), copy]);
  const ship = kit.tree.shipAgainst.bind(kit.tree);
  kit.tree.shipAgainst = (connectionId, at, path, answer) => {
    if (path === "a/file") rename(kit, "a/file", "a/other");
    return ship(connectionId, at, path, answer);
  };
  await kit.mirror("difference", "remove", "none", { content: "checksum-all" });
  await kit.settle();
  expect(await compareTrees(root, target)).toEqual([]);
});
