// Random operations under a fanotify mark: after each handful, the facts taken name everything that changed. Needs root.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findUnnamed, lookAtTree } from "../support/fact-cover.js";
import { FanotifyKit, titled, whyNoFanotify } from "../support/fanotify-kit.js";
import { FsDriver } from "../support/fs-driver.js";
import { LoopImage } from "../support/loop-image.js";
import { RandomOperations } from "../support/random-operations.js";

const FIRST_SEED = Number(process.env.SM_TEST_SEED ?? 0);
const SEEDS = Number(process.env.SM_TEST_SEEDS ?? 12);
const ROUNDS = 30;
const NO_FANOTIFY = whyNoFanotify();

async function runSeed(seed: number): Promise<void> {
  const root = join(LoopImage.open({ type: "tmpfs", sizeMiB: 256 }).path, "root");
  mkdirSync(root);
  const operations = new RandomOperations({ seed, fileBytesMax: 20_000, entriesMax: 150 });
  const driver = await FsDriver.open(root);
  onTestFinished(() => driver.close());
  await driver.run(operations.take(60));
  const kit = await FanotifyKit.start([root]);
  let before = lookAtTree(root);
  for (let round = 0; round < ROUNDS; round++) {
    const some = operations.take(1 + (round % 12));
    await driver.run(some);
    const facts = kit.drain();
    const after = lookAtTree(root);
    const deeds = some.map(({ kind }) => kind).join(" ");
    expect(
      facts.filter(({ kind }) => kind === "lost"),
      deeds,
    ).toEqual([]);
    expect(findUnnamed(before, after, facts), `round ${round} of seed ${seed}: ${deeds}`).toEqual([]);
    before = after;
  }
}

test.skipIf(NO_FANOTIFY !== null).for(Array.from({ length: SEEDS }, (_, index) => FIRST_SEED + index))(
  titled("facts name what random operations changed: seed %i", NO_FANOTIFY),
  (seed) => runSeed(seed),
);
