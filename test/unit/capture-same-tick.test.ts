// A time of change tells two changes apart only if the clock ticked between them: attributes that change again in the tick in which they
// were sent are sent again. Needs a file system whose clock ticks slowly, and root to mount it.

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

const MAKE: Readonly<Record<string, (path: string) => void>> = {
  directory: (path) => mkdirSync(path),
  file: (path) => writeFileSync(path, "content"),
  fifo: (path) => execFileSync("mkfifo", [path]),
};

test.skipIf(!canMountImages("tmpfs")).each(Object.keys(MAKE))("the attributes of a %s change again in the tick in which they were sent", async (type) => {
  const root = makeTempDirectory();
  execFileSync("mount", ["-t", "ramfs", "none", root]);
  onTestFinished(() => void execFileSync("umount", ["-l", root]));
  const target = join(makeTempDirectory(), "target");
  const path = join(root, "it");
  MAKE[type]?.(path);
  chmodSync(path, 0o600);
  await pastRacy();
  const kit = SourceKit.start({ root, target });
  await kit.mirror("full");
  const fact = { kind: "name", root: 0, path: "it" as BytePath } as const;
  const { writer } = kit.engine;
  const [tree] = kit.engine.trees;
  if (tree === undefined) throw new Error("there is a root");
  const look = tree.look.bind(tree);
  let looks = 0;
  tree.look = (dirfd, at, name) => {
    if (at === "it" && looks++ === 0) chmodSync(path, 0o611);
    return look(dirfd, at, name);
  };
  const add = writer.add.bind(writer);
  let isSent = false;
  writer.add = (change) => {
    add(change);
    if (isSent || change.op !== "attr" || change.path !== "it") return;
    isSent = true;
    // Should a tick fall between them, they are told apart by their times.
    chmodSync(path, 0o600);
  };
  kit.engine.pushFacts([fact]);
  await kit.barrier();
  kit.engine.pushFacts([fact]);
  await kit.settle();
  expect(isSent).toBe(true);
  expect(await compareTrees(root, target)).toEqual([]);
});
