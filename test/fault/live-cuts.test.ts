// While a process changes several files, one after the other, each closed set must bring the target to a moment of its life: a
// change is there only if all that came before it are. Needs root, tracefs and the mkfs of each file system.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { LiveContent } from "../../src/capture/live-content.js";
import type { SourceEngine } from "../../src/capture/source-engine.js";
import type { ChangeSet } from "../../src/model/change-set.js";
import { compareTrees } from "../support/compare-trees.js";
import { FanotifyKit, titled, whyNoFanotify } from "../support/fanotify-kit.js";
import { canMountImages, type FileSystemType, LoopImage } from "../support/loop-image.js";
import { PYTHON } from "../support/python.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";
import { canTrace } from "../support/trace-kit.js";

interface Pace {
  readonly type: FileSystemType;
  readonly steps: number;
  readonly pauseMicroseconds: number;
}

// Direct writes of btrfs go through the cache and wait for the disk, and so does whoever reads after them.
const PACES: readonly Pace[] = [
  { type: "ext4", steps: 2000, pauseMicroseconds: 500 },
  { type: "xfs", steps: 2000, pauseMicroseconds: 500 },
  { type: "btrfs", steps: 300, pauseMicroseconds: 10_000 },
];
const BLOCK = 4096;
const CUTS_MIN = 10;
const NO_CUTS = whyNoFanotify() ?? (canTrace() ? null : "trace events cannot be read");

async function startWriter(directory: string, { steps, pauseMicroseconds }: Pace): Promise<ChildProcess> {
  const script = fileURLToPath(new URL("../support/causal-writer.py", import.meta.url));
  const writer = spawn(PYTHON, [script, directory, String(steps), String(pauseMicroseconds)], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(async () => {
    if (writer.exitCode !== null) return;
    writer.kill("SIGKILL");
    await once(writer, "exit");
  });
  await once(writer.stdout as NodeJS.ReadableStream, "data");
  return writer;
}

/** The step that each file shows, in the order in which they are changed. */
function stepsOf(directory: string, stepsMax: number): number[] {
  const read = (name: string): Buffer => readFileSync(join(directory, name));
  const grown = read("grown");
  const last = grown.length < 8 ? 0 : Number(grown.readBigUInt64LE(grown.length - 8));
  expect(last, "the last record of the file that grows").toBe(grown.length / 8);
  const punched = read("punched");
  let holes = 0;
  while (holes < stepsMax && punched[holes * BLOCK] === 0) holes++;
  return [Number(read("plain").readBigUInt64LE(0)), Number(read("direct").readBigUInt64LE(0)), last, holes, stepsMax - read("cut").length];
}

function expectMoment(steps: readonly number[]): void {
  const [first = 0] = steps;
  for (const [i, step] of steps.entries()) expect(step, `file ${i} of ${steps.join(", ")}`).toBeLessThanOrEqual(steps[i - 1] ?? step);
  expect(steps.at(-1), steps.join(", ")).toBeGreaterThanOrEqual(first - 1);
}

function attachContent(engine: SourceEngine, source: Parameters<SourceEngine["live"]["attach"]>[0]): void {
  const content = LiveContent.open(engine.trees);
  if ("reason" in content) throw new Error(content.reason);
  onTestFinished(() => content.close());
  engine.live.attach(source, content);
}

test.skipIf(NO_CUTS !== null).for(PACES)(titled("$type: every closed set is a moment of the writer", NO_CUTS), async (pace) => {
  if (!canMountImages(pace.type)) return;
  const root = join(LoopImage.open({ type: pace.type, sizeMiB: 320 }).path, "root");
  const target = join(makeTempDirectory(), "target");
  mkdirSync(root);
  mkdirSync(target);
  const writer = await startWriter(root, pace);
  const { source } = await FanotifyKit.start([root]);
  let isMirrored = false;
  let cuts = 0;
  const failures: unknown[] = [];
  const judge = (set: ChangeSet): void => {
    if (!isMirrored || !set.closed || set.mirror || set.changes.length === 0 || failures.length > 0) return;
    cuts += 1;
    try {
      expectMoment(stepsOf(target, pace.steps));
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
  expect(stepsOf(target, pace.steps)).toEqual(Array(5).fill(pace.steps));
  expect(cuts).toBeGreaterThan(CUTS_MIN);
});
