// The source is killed at a random moment among random moves, swaps and replacements in a tree of twins, and changed further
// while it is down: what the scan of the next one names is all that differs. Needs root.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { DirectoryBook } from "../../src/capture/directory-book.js";
import { LiveContent } from "../../src/capture/live-content.js";
import { RestartScan } from "../../src/capture/restart-scan.js";
import type { SourceEngine } from "../../src/capture/source-engine.js";
import type { CleanMark } from "../../src/model/clean-mark.js";
import { compareTrees } from "../support/compare-trees.js";
import { eventually } from "../support/eventually.js";
import { FanotifyKit, titled, whyNoFanotify } from "../support/fanotify-kit.js";
import { canMountImages, type FileSystemType, LoopImage } from "../support/loop-image.js";
import { SeededRandom } from "../support/seeded-random.js";
import { SourceKit, type SourceKitOptions } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";
import { canTrace } from "../support/trace-kit.js";
import { TwinTree } from "../support/twin-tree.js";

const FIRST_SEED = Number(process.env.SM_TEST_SEED ?? 0);
const SEEDS = Number(process.env.SM_TEST_SEEDS ?? 3);
const NO_FANOTIFY = whyNoFanotify();
const TYPES: readonly FileSystemType[] = ["ext4", "btrfs"];
const CASES = TYPES.flatMap((type) => Array.from({ length: SEEDS }, (_, index) => [type, FIRST_SEED + index] as const));
/** Far more than a tick of the clock that files get their times from. */
const SLACK_MS = 40;

interface Source {
  readonly kit: SourceKit;
  readonly scan: RestartScan;
}

/** As a source worker does it: the book is written before a set leaves. */
async function startSource(bookPath: string, options: SourceKitOptions & { readonly root: string }): Promise<Source> {
  const { source } = await FanotifyKit.start([options.root]);
  let content: LiveContent | null = null;
  let book: DirectoryBook | null = null;
  const attach = (engine: SourceEngine): void => {
    const opened = canTrace() ? LiveContent.open(engine.trees) : { reason: "" };
    content = "reason" in opened ? null : opened;
    onTestFinished(() => content?.close());
    engine.live.attach(source, content);
  };
  const kit = SourceKit.start({ ...options, attach, onSet: () => book?.flush() });
  kit.openChannel();
  const tables = kit.engine.trees.map(({ table }) => table);
  book = DirectoryBook.open(
    bookPath,
    tables.map(({ records }) => records),
  );
  for (const table of tables) book.follow(table);
  source.onFacts(() => kit.engine.wake());
  return { kit, scan: new RestartScan({ engine: kit.engine, book, content, set: options.root, slackMs: SLACK_MS }) };
}

/** Of now, taken between two passes. */
async function markOf({ kit, scan }: Source): Promise<CleanMark> {
  let found: CleanMark | null = null;
  expect(scan.isFit).toBe(true);
  kit.engine.onPause = () => {
    found = scan.mark() ?? found;
  };
  await eventually(() => {
    kit.engine.wake();
    expect(found).not.toBe(null);
  });
  kit.engine.onPause = () => undefined;
  return found as unknown as CleanMark;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function runSeed(type: FileSystemType, seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const root = join(LoopImage.open({ type, sizeMiB: 256 }).path, "root");
  const directory = makeTempDirectory();
  const [target, bookPath] = [join(directory, "target"), join(directory, "book")];
  mkdirSync(target);
  const tree = new TwinTree(root, seed);
  tree.plant();
  let setsLeft = Number.POSITIVE_INFINITY;
  const before = await startSource(bookPath, { root, target, reaches: () => setsLeft-- > 0 });
  await before.kit.mirror("full");
  tree.change(random.integer(0, 10));
  await before.kit.settle();
  await pause(2 * SLACK_MS);
  const mark = await markOf(before);
  for (let burst = 0; burst < 3; burst++) {
    // From here on what comes is lost after so many sets.
    if (burst === 1) setsLeft = random.integer(0, 4);
    tree.change(random.integer(0, 5));
    if (random.chance(0.7)) await before.kit.barrier();
  }
  await before.kit.stop();
  tree.change(random.integer(0, 8));
  const after = await startSource(bookPath, { root, target });
  if (random.chance(0.5)) tree.change(3);
  const places = after.scan.placesSince(mark);
  if (typeof places === "string") throw new Error(places);
  const repaired = after.kit.repair([...places], mark.untilMs);
  if (random.chance(0.5)) tree.change(3);
  await repaired;
  await after.kit.settle();
  expect(await compareTrees(root, target), `seed ${seed} on ${type}`).toEqual([]);
}

test.skipIf(NO_FANOTIFY !== null).for(CASES)(titled("a scan finds all that differs on %s: seed %i", NO_FANOTIFY), async ([type, seed]) => {
  if (canMountImages(type)) await runSeed(type, seed);
});
