// What is looked at, and shipped some time later, was old enough to be told from its next change when it was looked at, or it was not:
// how much time has passed until it is shipped does not matter. Needs a file system whose clock ticks slowly, and root to mount it.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { BytePath } from "../../src/model/byte-path.js";
import { compareTrees } from "../support/compare-trees.js";
import { canMountImages } from "../support/loop-image.js";
import { pastRacy } from "../support/past-racy.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

test.skipIf(!canMountImages("tmpfs"))("a directory that changes again in the tick in which it was looked at, and is shipped later", async () => {
  const root = makeTempDirectory();
  execFileSync("mount", ["-t", "ramfs", "none", root]);
  onTestFinished(() => void execFileSync("umount", ["-l", root]));
  const target = join(makeTempDirectory(), "target");
  mkdirSync(join(root, "d"));
  await pastRacy();
  const kit = SourceKit.start({ root, target });
  await kit.mirror("full");
  const [tree] = kit.engine.trees;
  if (tree === undefined) throw new Error("there is a root");
  const look = tree.look.bind(tree);
  let isChanged = false;
  tree.look = (dirfd, path, name) => {
    if (path !== "d" || isChanged) return look(dirfd, path, name);
    isChanged = true;
    chmodSync(join(root, "d"), 0o711);
    const stat = look(dirfd, path, name);
    // Should a tick fall between them, they are told apart by their times.
    chmodSync(join(root, "d"), 0o700);
    return stat;
  };
  // The file goes first, and what takes it up is slow.
  kit.engine.credits.whenLiveMayFlow = pastRacy;
  writeFileSync(join(root, "a"), "a");
  const facts = ["a", "d"].map((path) => ({ kind: "name", root: 0, path: path as BytePath }) as const);
  kit.engine.pushFacts(facts);
  await kit.barrier();
  kit.engine.pushFacts(facts);
  await kit.settle();
  expect(isChanged).toBe(true);
  expect(await compareTrees(root, target)).toEqual([]);
});
