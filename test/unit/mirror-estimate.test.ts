// The time that a mirror still takes, against mirrors of which it is known.

import { describe, expect, test } from "vitest";
import { MirrorEstimate, type MirrorWork } from "../../src/connection/mirror-estimate.js";
import { SeededRandom } from "../support/seeded-random.js";

const MB = 1e6;
const TICK_S = 0.25;

interface File {
  readonly bytes: number;
  readonly isSkipped: boolean;
}

/** Seconds. */
interface Costs {
  readonly file: number;
  readonly byte: number;
  readonly skippedFile: number;
  readonly skippedByte: number;
}

const COSTS: Costs = { file: 0.002, byte: 1 / (20 * MB), skippedFile: 0.0002, skippedByte: 0 };

interface Looked {
  /** Share of the whole time that is over. */
  readonly share: number;
  readonly leftS: number;
  readonly saidS: number | null;
}

/** Plays the mirror of the files, one after the other; `slowness` stretches time. */
function play(files: readonly File[], costs: Costs = COSTS, slowness: (share: number) => number = () => 1): Looked[] {
  const total = { files: files.length, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) };
  const estimate = new MirrorEstimate();
  const work = { filesSent: 0, bytesSent: 0, filesSkipped: 0, bytesSkipped: 0 };
  const said: { atS: number; saidS: number | null }[] = [];
  let nowS = 0;
  let tickS = 0;
  const tick = (done: Partial<MirrorWork>): void => {
    for (; tickS <= nowS; tickS += TICK_S) {
      estimate.add({ ...work, ...done }, tickS * 1000);
      said.push({ atS: tickS, saidS: estimate.secondsLeft(total) });
    }
  };
  files.forEach(({ bytes, isSkipped }, index) => {
    const slow = slowness(index / files.length);
    if (isSkipped) {
      nowS += (costs.skippedFile + bytes * costs.skippedByte) * slow;
      tick({});
      work.filesSkipped += 1;
      work.bytesSkipped += bytes;
      return;
    }
    // A large file is seen on its way.
    const pieces = Math.max(1, Math.ceil(bytes / MB));
    for (let piece = 0; piece < pieces; piece++) {
      nowS += ((bytes * costs.byte + costs.file) / pieces) * slow;
      work.bytesSent += bytes / pieces;
      tick({});
    }
    work.filesSent += 1;
  });
  return said.map(({ atS, saidS }) => ({ share: atS / nowS, leftS: nowS - atS, saidS }));
}

/** The largest error between two shares of the time, as a share of what is left. */
function errorOf(looked: readonly Looked[], from = 0.1, until = 0.95): number {
  const errors = looked
    .filter(({ share }) => share >= from && share <= until)
    .map(({ leftS, saidS }) => (saidS === null ? Number.POSITIVE_INFINITY : Math.abs(saidS - leftS) / leftS));
  expect(errors.length).toBeGreaterThan(50);
  return Math.max(...errors);
}

function make(count: number, one: (index: number) => File): File[] {
  return Array.from({ length: count }, (_, index) => one(index));
}

const sent = (bytes: number): File => ({ bytes, isSkipped: false });

describe("after the first tenth it is right within a fifth", () => {
  const random = new SeededRandom(7);
  const anySize = (): number => Math.round(10 ** (2 + 4.5 * random.next()));

  test.each<[string, () => readonly Looked[]]>([
    ["files of one size", () => play(make(20_000, () => sent(50_000)))],
    ["files of all sizes", () => play(make(20_000, () => sent(anySize())))],
    ["many empty ones among them", () => play(make(40_000, (i) => sent(i % 2 === 0 ? 0 : anySize())))],
    ["few large files", () => play(make(40, () => sent(40 * MB)))],
    ["of ten files nine are skipped", () => play(make(200_000, () => ({ bytes: anySize(), isSkipped: random.chance(0.9) })))],
    ["all is skipped", () => play(make(400_000, () => ({ bytes: anySize(), isSkipped: true })))],
    [
      "contents are read to skip them",
      () =>
        play(
          make(20_000, () => ({ bytes: anySize(), isSkipped: random.chance(0.95) })),
          { ...COSTS, skippedByte: 1 / (200 * MB) },
        ),
    ],
    [
      "it stutters",
      () =>
        play(
          make(20_000, () => sent(anySize())),
          COSTS,
          () => 0.2 + 1.6 * random.next(),
        ),
    ],
  ])("%s", (_name, looked) => expect(errorOf(looked())).toBeLessThan(0.2));
});

describe("what cannot be known is learnt", () => {
  test("small files and large ones behind them: right soon after the first large one", () => {
    const looked = play([...make(20_000, () => sent(1000)), ...make(50, () => sent(40 * MB))]);
    expect(errorOf(looked, 0.4)).toBeLessThan(0.2);
  });

  test("a rate that halves: right after as much time again as a tenth of the whole", () => {
    const looked = play(
      make(20_000, () => sent(50_000)),
      COSTS,
      (share) => (share < 0.5 ? 1 : 2),
    );
    expect(errorOf(looked, 0.1, 0.3)).toBeGreaterThan(0.2);
    expect(errorOf(looked, 0.55)).toBeLessThan(0.2);
  });
});

test("time in which it is not at work does not count, and before anything is done nothing is said", () => {
  const total = { files: 100, bytes: 100 * MB };
  const at = (files: number): MirrorWork => ({ filesSent: files, bytesSent: files * MB, filesSkipped: 0, bytesSkipped: 0 });
  const estimate = new MirrorEstimate();
  estimate.add(at(0), 0);
  estimate.add(at(0), 5000);
  expect([estimate.secondsLeft(total), estimate.bytesPerSecond]).toEqual([null, 0]);
  estimate.rest();
  estimate.add(at(0), 1_000_000);
  for (let i = 1; i <= 50; i++) estimate.add(at(i), 1_000_000 + i * 1000);
  const before = estimate.secondsLeft(total);
  estimate.rest();
  estimate.add(at(50), 9_000_000);
  expect(estimate.secondsLeft(total)).toBe(before);
  expect(before).toBeGreaterThan(45);
  expect(before).toBeLessThan(60);
});
