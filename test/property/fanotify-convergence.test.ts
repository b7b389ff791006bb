// Random operations reach the target by what fanotify tells alone: nothing is walked but what a fact names, and nobody asks.
// Needs root.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { BytePath } from "../../src/model/byte-path.js";
import type { CaptureFact } from "../../src/model/capture-port.js";
import { compareTrees } from "../support/compare-trees.js";
import { eventually } from "../support/eventually.js";
import { lookAtTree } from "../support/fact-cover.js";
import { FanotifyKit, titled, whyNoFanotify } from "../support/fanotify-kit.js";
import { FsDriver } from "../support/fs-driver.js";
import { LoopImage } from "../support/loop-image.js";
import { RandomOperations } from "../support/random-operations.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const FIRST_SEED = Number(process.env.SM_TEST_SEED ?? 0);
const SEEDS = Number(process.env.SM_TEST_SEEDS ?? 10);
const ROUNDS = 4;
const NO_FANOTIFY = whyNoFanotify();
const SETTLED = { timeoutMs: 15_000, intervalMs: 100 };

/** Where the name of a fact no longer leads to the inode it speaks of, the inode may have others. */
function followInodes(root: string, facts: readonly CaptureFact[]): CaptureFact[] {
  const look = lookAtTree(root);
  const inodeAt = (path: BytePath): string | undefined => look.get(path)?.ino.split(":")[1];
  const left = new Set(
    facts.flatMap((fact) => {
      const node = "node" in fact ? fact.node : null;
      return node === null || inodeAt(fact.kind === "rename" ? fact.to : fact.path) === `${node.ino}` ? [] : [`${node.ino}`];
    }),
  );
  return [...look.keys()].filter((path) => left.has(inodeAt(path) ?? "")).map((path) => ({ kind: "name", root: 0, path }));
}

async function runSeed(seed: number): Promise<void> {
  const root = join(LoopImage.open({ type: "tmpfs", sizeMiB: 512 }).path, "root");
  const target = join(makeTempDirectory(), "target");
  mkdirSync(root);
  mkdirSync(target);
  const operations = new RandomOperations({ seed, fileBytesMax: 100_000 });
  const driver = await FsDriver.open(root);
  onTestFinished(() => driver.close());
  await driver.run(operations.take(60));
  const { source } = await FanotifyKit.start([root]);
  const kit = SourceKit.start({ root, target });
  kit.openChannel();
  const facts: CaptureFact[] = [];
  source.onFacts(() => {
    const taken = source.take(20_000);
    facts.push(...taken);
    kit.engine.pushFacts(taken);
  });
  await kit.mirror("full");
  await kit.settle();
  for (let round = 0; round < ROUNDS; round++) {
    for (let burst = 0; burst < 5; burst++) await driver.run(operations.take(8));
    source.drain();
    kit.engine.pushFacts(followInodes(root, facts.splice(0)));
    await eventually(async () => expect(await compareTrees(root, target), `round ${round} of seed ${seed}`).toEqual([]), SETTLED);
  }
}

test.skipIf(NO_FANOTIFY !== null).for(Array.from({ length: SEEDS }, (_, index) => FIRST_SEED + index))(
  titled("random operations converge by fanotify alone: seed %i", NO_FANOTIFY),
  (seed) => runSeed(seed),
);
