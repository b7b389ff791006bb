// A mirror is paused at a random moment, the tree changed, and it goes on: in the same process, or in another one that knows no more
// than the pointer on record, after changes that nobody saw and sets that never arrived. Every file of the target begins with a wrong
// content of the right size and date, so that what is wrongly taken for done shows.

import { linkSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Clock } from "../../src/base/clock.js";
import { type KeptPointer, PointerBook } from "../../src/connection/mirror-pointer.js";
import type { MirrorOrder } from "../../src/model/source-messages.js";
import { compareTrees } from "../support/compare-trees.js";
import { eventually } from "../support/eventually.js";
import { pastRacy } from "../support/past-racy.js";
import { SeededRandom } from "../support/seeded-random.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";
import { TwinTree } from "../support/twin-tree.js";

const FIRST_SEED = Number(process.env.SM_TEST_SEED ?? 0);
const SEEDS = Number(process.env.SM_TEST_SEEDS ?? 6);
const CASES = (["full", "checksum-all"] as const).flatMap((kind) => Array.from({ length: SEEDS }, (_, index) => [kind, FIRST_SEED + index] as const));
const EPOCH = "0123456789abcdef";

/** A drain is due at each look: the pointer moves with every directory. */
function hastyClock(): Clock {
  let nowMs = 0;
  const tick = (): number => {
    nowMs += 20_000;
    return nowMs;
  };
  return { nowMs: tick, monotonicMs: tick };
}

/** A source that is watched as a connection watches its worker. */
class PausedSource {
  readonly kit: SourceKit;
  kept: KeptPointer | undefined;
  isCut = false;
  #appliedSeq = 0;
  #setsLeft = Number.POSITIVE_INFINITY;
  readonly #book = new PointerBook((pointer) => {
    this.kept = pointer;
  });

  constructor(root: string, target: string, random: SeededRandom) {
    this.kit = SourceKit.start({
      root,
      target,
      reaches: () => !this.isCut,
      onApplied: ({ seq }) => {
        this.#appliedSeq = seq;
      },
      onSet: () => {
        this.#setsLeft -= 1;
        if (this.#setsLeft === 0) this.setPaused(true);
        if (random.chance(0.5)) setImmediate(() => this.look());
      },
    });
    this.kit.openChannel();
    this.kit.tree.hasRoom = () => {
      // Small sets, as of a large tree: there is a moment behind every other file.
      if (random.chance(0.5)) this.kit.engine.writer.flush();
      return random.chance(0.5);
    };
  }

  pauseAfter(sets: number): void {
    this.#setsLeft = sets;
  }

  setPaused(isPaused: boolean): void {
    this.kit.jobs.obey({ kind: "pauseMirror", connectionId: 1, isPaused });
    this.kit.engine.wake();
  }

  /** Or at its end, if it has come to that. */
  async untilPaused(): Promise<void> {
    await eventually(() => expect(this.#setsLeft <= 0 || this.kit.events.some(({ kind }) => kind === "mirrorEmitted")).toBe(true), { intervalMs: 1 });
  }

  look(): void {
    this.kit.jobs.reportProgress();
    const event = this.kit.events.findLast(({ kind }) => kind === "mirrorProgress");
    if (event?.kind === "mirrorProgress" && event.done !== null) this.#book.take(event.done, this.kept);
    this.#book.look(this.#appliedSeq, EPOCH, this.kept);
  }

  mirror(kind: "full" | "checksum-all", suspect: MirrorOrder["suspect"], pointer: KeptPointer | undefined): Promise<void> {
    const more = { content: kind === "full" ? "times" : kind, doneThrough: pointer ?? null, clock: hastyClock() } as const;
    return this.kit.mirror(kind === "full" ? "full" : "difference", "remove", suspect, more);
  }
}

function spoil(tree: TwinTree, target: string, { links, isLinked }: { readonly links: number; readonly isLinked: boolean }): void {
  const files = readdirSync(target, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (let round = 0; round < 2; round++) for (const { parentPath, name } of files) tree.write(join(parentPath, name));
  // Files that the source has apart are one on the target.
  for (let link = 0; link < links; link++) tree.link();
  writeFileSync(join(target, "extra"), "");
  mkdirSync(join(target, "b", "extra"));
  if (isLinked) linkSync(join(target, "a", "x"), join(target, "b", "extra", "x"));
}

async function runSeed(kind: "full" | "checksum-all", seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const directory = makeTempDirectory();
  const [root, target] = [join(directory, "root"), join(directory, "target")];
  const tree = new TwinTree(root, seed);
  tree.plant();
  const wrong = new TwinTree(target, seed);
  wrong.plant();
  spoil(wrong, target, { isLinked: random.chance(0.3), links: random.chance(0.5) ? random.integer(1, 8) : 0 });
  if (random.chance(0.5)) tree.change(8);
  await pastRacy();
  const before = new PausedSource(root, target, random);
  before.pauseAfter(random.integer(1, 70));
  const mirrored = before.mirror(kind, "none", undefined);
  for (let burst = 0; burst < 3; burst++) {
    await before.untilPaused();
    if (random.chance(0.7)) tree.change(random.integer(0, 4));
    await before.kit.barrier();
    before.look();
    if (random.chance(0.3)) {
      before.setPaused(false);
      before.pauseAfter(random.integer(1, 20));
    }
  }
  if (random.chance(0.3)) {
    before.setPaused(false);
    before.pauseAfter(Number.POSITIVE_INFINITY);
    await mirrored;
    await before.kit.settle();
    expect(await compareTrees(root, target), `seed ${seed}, in one process`).toEqual([]);
    return;
  }
  await before.untilPaused();
  await before.kit.barrier();
  before.look();
  await pastRacy();
  const changedSinceMs = Date.now();
  await pastRacy();
  before.isCut = random.chance(0.5);
  // A tree of twins that is changed shows new times everywhere: mostly the pointer has to tell by itself what is done.
  const isChanged = random.chance(0.4);
  if (isChanged) tree.change(random.integer(1, 3));
  if (random.chance(0.5)) await before.kit.barrier();
  await before.kit.stop();
  if (isChanged) tree.change(random.integer(1, 4));
  const after = new PausedSource(root, target, random);
  const resumed = after.mirror(kind, { changedSinceMs }, before.kept);
  if (random.chance(0.3)) tree.change(3);
  await resumed;
  await after.kit.settle();
  expect(await compareTrees(root, target), `seed ${seed}, over a restart at ${JSON.stringify(before.kept)}`).toEqual([]);
}

test.for(CASES)("a paused mirror goes on and lacks nothing: %s, seed %i", async ([kind, seed]) => {
  await runSeed(kind, seed);
});
