// The consistent cut: while a process changes several files, one after the other, each closed cut must show a moment of its
// life: a change is there only if all that came before it are. Needs root, tracefs and the mkfs of each file system.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { TraceRanges } from "../../src/capture/trace-ranges.js";
import { findTraceVolume } from "../../src/capture/trace-volume.js";
import { canMountImages, type FileSystemType, LoopImage } from "../support/loop-image.js";
import { PYTHON } from "../support/python.js";
import { RangeOracle } from "../support/range-oracle.js";
import { canTrace } from "../support/trace-kit.js";

interface Pace {
  readonly type: FileSystemType;
  readonly steps: number;
  /** Between two steps; a pass of reading must fit in. */
  readonly pauseMicroseconds: number;
}

// Direct writes of btrfs go through the cache and wait for the disk, and so does whoever reads after them.
const PACES: readonly Pace[] = [
  { type: "ext4", steps: 3000, pauseMicroseconds: 300 },
  { type: "xfs", steps: 3000, pauseMicroseconds: 300 },
  { type: "btrfs", steps: 600, pauseMicroseconds: 6000 },
];
const BLOCK = 4096;
const PASSES_MAX = 300;

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
function stepsOf(oracle: RangeOracle, stepsMax: number): number[] {
  const step = (name: string): number => Number(oracle.contentOf(name).readBigUInt64LE(0));
  const grown = oracle.contentOf("grown");
  const last = grown.length < 8 ? 0 : Number(grown.readBigUInt64LE(grown.length - 8));
  expect(last, "the last record of the file that grows").toBe(grown.length / 8);
  const punched = oracle.contentOf("punched");
  let holes = 0;
  while (holes < stepsMax && punched[holes * BLOCK] === 0) holes++;
  return [step("plain"), step("direct"), last, holes, stepsMax - oracle.contentOf("cut").length];
}

/** Copies until nothing new comes. False when the writer was faster all the time. */
function closeCut(oracle: RangeOracle): boolean {
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    const { files, lost } = oracle.copy();
    expect(lost).toBe(0);
    if (files === 0) return true;
  }
  return false;
}

test.each(PACES)("$type: every closed cut is a moment of the writer", async (pace) => {
  const { type, steps: stepsMax } = pace;
  if (!canTrace() || !canMountImages(type)) return;
  const image = LoopImage.open({ type, sizeMiB: 320 });
  const directory = join(image.path, "files");
  mkdirSync(directory);
  const volume = findTraceVolume(directory);
  if ("reason" in volume) throw new Error(volume.reason);
  const ranges = TraceRanges.open({ volumes: [volume] });
  try {
    const writer = await startWriter(directory, pace);
    const oracle = new RangeOracle(directory, ranges, volume);
    oracle.copy();
    const exited = once(writer, "exit");
    writer.stdin?.write("go\n");
    let cuts = 0;
    while (writer.exitCode === null) {
      if (closeCut(oracle)) {
        const steps = stepsOf(oracle, stepsMax);
        const [first = 0] = steps;
        // Each at least as far as the next, and the last at most one step behind the first.
        for (const [i, step] of steps.entries()) expect(step, `file ${i} of ${steps.join(", ")}`).toBeLessThanOrEqual(steps[i - 1] ?? step);
        expect(steps.at(-1), steps.join(", ")).toBeGreaterThanOrEqual(first - 1);
        cuts++;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await exited).toEqual([0, null]);
    oracle.copy();
    expect(oracle.compare()).toEqual([]);
    expect(stepsOf(oracle, stepsMax)).toEqual(Array(5).fill(stepsMax));
    expect(cuts).toBeGreaterThan(20);
  } finally {
    ranges.close();
  }
});
