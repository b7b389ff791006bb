// While a process changes several files, one after the other, each closed set must bring the target to a moment of its life: a
// change is there only if all that came before it are. Needs root, tracefs and the mkfs of each file system.

import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ChangeSet } from "../../src/model/change-set.js";
import { expectMoment, type Pace, startCausalWriter, stepsOf } from "../support/causal-writer.js";
import { compareTrees } from "../support/compare-trees.js";
import { FanotifyKit, titled, whyNoFanotify } from "../support/fanotify-kit.js";
import { canMountImages, LoopImage } from "../support/loop-image.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";
import { attachContent, canTrace } from "../support/trace-kit.js";

// Direct writes of btrfs go through the cache and wait for the disk, and so does whoever reads after them.
const PACES: readonly Pace[] = [
  { type: "ext4", steps: 2000, pauseMicroseconds: 500 },
  { type: "xfs", steps: 2000, pauseMicroseconds: 500 },
  { type: "btrfs", steps: 300, pauseMicroseconds: 10_000 },
];
const CUTS_MIN = 10;
const NO_CUTS = whyNoFanotify() ?? (canTrace() ? null : "trace events cannot be read");

test.skipIf(NO_CUTS !== null).for(PACES)(titled("$type: every closed set is a moment of the writer", NO_CUTS), async (pace) => {
  if (!canMountImages(pace.type)) return;
  const root = join(LoopImage.open({ type: pace.type, sizeMiB: 320 }).path, "root");
  const target = join(makeTempDirectory(), "target");
  mkdirSync(root);
  mkdirSync(target);
  const writer = await startCausalWriter(root, pace);
  const { source } = await FanotifyKit.start([root]);
  let isMirrored = false;
  let cuts = 0;
  const failures: unknown[] = [];
  const contentOf = (name: string): Buffer => readFileSync(join(target, name));
  const judge = (set: ChangeSet): void => {
    if (!isMirrored || !set.closed || set.mirror || set.changes.length === 0 || failures.length > 0) return;
    cuts += 1;
    try {
      expectMoment(stepsOf(contentOf, pace.steps));
    } catch (error) {
      failures.push(error);
    }
  };
  const kit = SourceKit.start({ root, target, onApplied: judge, attach: (engine) => attachContent(engine, source) });
  source.onFacts(() => kit.engine.wake());
  await kit.mirror("full");
  await kit.settle();
  isMirrored = true;
  const exited = once(writer, "exit");
  writer.stdin?.write("go\n");
  expect(await exited).toEqual([0, null]);
  await kit.settle();
  expect(failures).toEqual([]);
  expect(await compareTrees(root, target)).toEqual([]);
  expect(stepsOf(contentOf, pace.steps)).toEqual(Array(5).fill(pace.steps));
  expect(cuts).toBeGreaterThan(CUTS_MIN);
});
