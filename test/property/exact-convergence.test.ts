// Random operations reach the target through a source that is read in the engine's thread, with and without write ranges: a
// barrier covers all that happened before it, and nothing is walked. Needs root.

import { existsSync, linkSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { FanotifySource } from "../../src/capture/fanotify-source.js";
import { LiveContent } from "../../src/capture/live-content.js";
import type { DrainedSource } from "../../src/model/capture-port.js";
import { compareTrees } from "../support/compare-trees.js";
import { eventually } from "../support/eventually.js";
import { FanotifyKit, titled, whyNoFanotify } from "../support/fanotify-kit.js";
import { FsDriver } from "../support/fs-driver.js";
import { canMountImages, type FileSystemType, LoopImage } from "../support/loop-image.js";
import { RandomOperations } from "../support/random-operations.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";
import { canTrace } from "../support/trace-kit.js";

const FIRST_SEED = Number(process.env.SM_TEST_SEED ?? 0);
const SEEDS = Number(process.env.SM_TEST_SEEDS ?? 3);
const ROUNDS = 5;
const NO_FANOTIFY = whyNoFanotify();
const TYPES: readonly FileSystemType[] = ["ext4", "xfs", "btrfs", "tmpfs"];
const CASES = TYPES.flatMap((type) => Array.from({ length: SEEDS }, (_, index) => [type, FIRST_SEED + index] as const));

function openContent(kit: { readonly trees: Parameters<typeof LiveContent.open>[0] }): LiveContent | null {
  const content = canTrace() ? LiveContent.open(kit.trees) : { reason: "no trace events" };
  if ("reason" in content) return null;
  onTestFinished(() => content.close());
  return content;
}

async function runSeed(type: FileSystemType, seed: number): Promise<void> {
  const root = join(LoopImage.open({ type, sizeMiB: 512 }).path, "root");
  const target = join(makeTempDirectory(), "target");
  mkdirSync(root);
  mkdirSync(target);
  const operations = new RandomOperations({ seed, fileBytesMax: 600_000 });
  const driver = await FsDriver.open(root);
  onTestFinished(() => driver.close());
  await driver.run(operations.take(60));
  const { source } = await FanotifyKit.start([root]);
  const kit = SourceKit.start({ root, target, attach: (engine) => engine.live.attach(source, openContent(engine)) });
  kit.openChannel();
  source.onFacts(() => kit.engine.wake());
  await kit.mirror("full");
  await kit.settle();
  for (let round = 0; round < ROUNDS; round++) {
    for (let burst = 0; burst < 5; burst++) await driver.run(operations.take(20));
    await kit.barrier();
    await kit.settle();
    expect(await compareTrees(root, target), `round ${round} of seed ${seed} on ${type}`).toEqual([]);
  }
}

test.skipIf(NO_FANOTIFY !== null).for(CASES)(titled("random operations converge on %s: seed %i", NO_FANOTIFY), async ([type, seed]) => {
  if (type !== "tmpfs" && !canMountImages(type)) return;
  await runSeed(type, seed);
});

test.skipIf(NO_FANOTIFY !== null)(titled("a file that is linked while its directory is away for a moment keeps its name there", NO_FANOTIFY), async () => {
  const root = join(LoopImage.open({ type: "ext4", sizeMiB: 64 }).path, "root");
  const target = join(makeTempDirectory(), "target");
  mkdirSync(join(root, "home"), { recursive: true });
  mkdirSync(target);
  writeFileSync(join(root, "home/file"), "content");
  const { source } = await FanotifyKit.start([root]);
  const kit = SourceKit.start({
    root,
    target,
    attach: (engine) => engine.live.attach(source, openContent(engine)),
    // The engine works in the order of names: between the two large files it finds the link.
    onSet: ({ changes }) => {
      if (changes.some(({ path }) => path === "first") && existsSync(join(root, "home"))) renameSync(join(root, "home"), join(root, "away"));
      else if (changes.some(({ path }) => path === "third") && existsSync(join(root, "away"))) renameSync(join(root, "away"), join(root, "home"));
    },
  });
  source.onFacts(() => kit.engine.wake());
  await kit.mirror("full");
  await kit.settle();
  writeFileSync(join(root, "first"), Buffer.alloc(1_000_000, 1));
  linkSync(join(root, "home/file"), join(root, "second"));
  writeFileSync(join(root, "third"), Buffer.alloc(1_000_000, 3));
  await kit.barrier();
  await kit.settle();
  expect(existsSync(join(root, "away"))).toBe(false);
  expect(await compareTrees(root, target)).toEqual([]);
});

/** A source that keeps some of what happened to itself. */
function deafTo(source: FanotifySource, name: string): DrainedSource {
  return {
    arm: () => source.arm(),
    drain: () => source.drain(),
    hurry: () => source.hurry(),
    take: (max) => source.take(max).filter((fact) => !fact.path.includes(name) && !("to" in fact && fact.to.includes(name))),
    onFacts: (listener) => source.onFacts(listener),
    coverage: () => source.coverage(),
    close: () => source.close(),
  };
}

test.skipIf(NO_FANOTIFY !== null || !canTrace())(titled("an audit finds what no event told of, and nothing else", NO_FANOTIFY), async () => {
  const root = join(LoopImage.open({ type: "ext4", sizeMiB: 64 }).path, "root");
  const target = join(makeTempDirectory(), "target");
  for (const path of [root, target]) mkdirSync(path);
  writeFileSync(join(root, "secret-removed"), "x");
  const { source } = await FanotifyKit.start([root]);
  const kit = SourceKit.start({ root, target, attach: (engine) => engine.live.attach(deafTo(source, "secret"), openContent(engine)) });
  source.onFacts(() => kit.engine.wake());
  await kit.mirror("full");
  mkdirSync(join(root, "secret-directory"));
  writeFileSync(join(root, "secret-directory/file"), "content");
  renameSync(join(root, "secret-removed"), join(root, "secret-renamed"));
  writeFileSync(join(root, "told"), "told");
  await kit.settle();
  expect(existsSync(join(target, "told"))).toBe(true);
  expect(existsSync(join(target, "secret-directory"))).toBe(false);
  kit.engine.audit.start();
  kit.engine.wake();
  for (let i = 0; i < 200; i++) writeFileSync(join(root, `told-${i}`), "told");
  await eventually(() => expect(kit.engine.audit.figures.lastMs).not.toBeNull());
  await kit.settle();
  expect(kit.missed.sort()).toEqual(["secret-directory", "secret-removed", "secret-renamed"]);
  expect(await compareTrees(root, target)).toEqual([]);
  // A verification would find it on its way, and says first that it was missed.
  writeFileSync(join(root, "secret-late"), "late");
  await kit.settle();
  expect(existsSync(join(target, "secret-late"))).toBe(false);
  kit.jobs.obey({ kind: "verify", connectionId: 1, jobId: 1, options: { content: "times", repair: "no", orphans: null } });
  kit.engine.wake();
  await eventually(() => expect(kit.events.some(({ kind }) => kind === "verifyEnded")).toBe(true));
  expect(kit.missed).toContain("secret-late");
});
