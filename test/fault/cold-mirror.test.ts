// A mirror of files that are in no memory tells the disk of them, each before it is sent.

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import type * as Native from "../../src/fs/native.js";
import { compareTrees } from "../support/compare-trees.js";
import { canMountImages, LoopImage } from "../support/loop-image.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const DIRECTORIES = 40;
const FILES = 25;

const tellings = vi.hoisted(() => ({ count: 0 }));

vi.mock("../../src/fs/native.js", async (original) => {
  const native = await original<typeof Native>();
  return {
    ...native,
    fetchFd: (...args: Parameters<typeof Native.fetchFd>) => {
      tellings.count += 1;
      native.fetchFd(...args);
    },
  };
});

test.skipIf(!canMountImages("ext4")).each(["ext4", "xfs"] as const)("a full mirror of a cold %s reads ahead, of a warm one not", async (type) => {
  const image = LoopImage.open({ type, sizeMiB: 320 });
  const root = join(image.path, "data");
  for (let d = 0; d < DIRECTORIES; d++) {
    mkdirSync(join(root, `d${d}`), { recursive: true });
    for (let f = 0; f < FILES; f++) writeFileSync(join(root, `d${d}`, `f${f}`), `${d}/${f}`.padEnd(8192, "."));
  }
  // Mounted anew it would not be cold for sure: whoever has a copy of all mounts in a namespace keeps its pages.
  execFileSync("sync", ["-f", image.path]);
  writeFileSync("/proc/sys/vm/drop_caches", "1");
  const target = join(makeTempDirectory(), "target");
  const kit = SourceKit.start({ root, target });
  await kit.mirror("full");
  expect(await compareTrees(root, target)).toEqual([]);
  // The first files show that it is worth it.
  expect(tellings.count).toBeGreaterThan(DIRECTORIES * FILES * 0.9);
  expect(tellings.count).toBeLessThanOrEqual(DIRECTORIES * FILES);
  await kit.mirror("full");
  tellings.count = 0;
  await kit.mirror("full");
  expect(tellings.count).toBe(0);
});
