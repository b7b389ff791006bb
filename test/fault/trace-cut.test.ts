// The consistent cut: while a process changes several files, one after the other, each closed cut must show a moment of its
// life: a change is there only if all that came before it are. Needs root, tracefs and the mkfs of each file system.

import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TraceRanges } from "../../src/capture/trace-ranges.js";
import { findTraceVolume } from "../../src/capture/trace-volume.js";
import { expectMoment, type Pace, startCausalWriter, stepsOf } from "../support/causal-writer.js";
import { canMountImages, LoopImage } from "../support/loop-image.js";
import { RangeOracle } from "../support/range-oracle.js";
import { canTrace } from "../support/trace-kit.js";

// Direct writes of btrfs go through the cache and wait for the disk, and so does whoever reads after them.
const PACES: readonly Pace[] = [
  { type: "ext4", steps: 3000, pauseMicroseconds: 300 },
  { type: "xfs", steps: 3000, pauseMicroseconds: 300 },
  { type: "btrfs", steps: 600, pauseMicroseconds: 6000 },
];
const PASSES_MAX = 300;

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
    const writer = await startCausalWriter(directory, pace);
    const oracle = new RangeOracle(directory, ranges, volume);
    oracle.copy();
    const exited = once(writer, "exit");
    writer.stdin?.write("go\n");
    let cuts = 0;
    while (writer.exitCode === null) {
      if (closeCut(oracle)) {
        expectMoment(stepsOf((name) => oracle.contentOf(name), stepsMax));
        cuts++;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await exited).toEqual([0, null]);
    oracle.copy();
    expect(oracle.compare()).toEqual([]);
    expect(stepsOf((name) => oracle.contentOf(name), stepsMax)).toEqual(Array(5).fill(stepsMax));
    expect(cuts).toBeGreaterThan(20);
  } finally {
    ranges.close();
  }
});
