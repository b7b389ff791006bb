// A repair sends what differs: of a large file the places that do, while it changes and however often that is asked for; of small files, whose
// content is in doubt, those that do.

import { closeSync, mkdirSync, openSync, readFileSync, utimesSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { BytePath } from "../../src/model/byte-path.js";
import type { StaleAnswer } from "../../src/model/change.js";
import { expectEqualTrees } from "../support/compare-trees.js";
import { pastRacy } from "../support/past-racy.js";
import { SeededRandom } from "../support/seeded-random.js";
import { payloadBytes, SourceKit, type SourceKitOptions } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const KiB = 1024;
const PAGE = 4 * KiB;
const BLOCK = 64 * KiB;
const BLOCKS = 96;
const OLD = 1_600_000_000;
const random = new SeededRandom(5);

function bytesOf(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 4) bytes.writeUInt32LE(Math.floor(random.next() * 2 ** 32), at);
  return bytes;
}

interface Planted {
  readonly root: string;
  readonly target: string;
  readonly file: string;
}

/** A page of each block is another one on the source. */
async function plantPages(): Promise<Planted> {
  const directory = makeTempDirectory();
  const planted = { root: join(directory, "source"), target: join(directory, "target") };
  for (const place of [planted.root, planted.target]) mkdirSync(place);
  const bytes = bytesOf(BLOCKS * BLOCK);
  writeFileSync(join(planted.target, "f"), bytes);
  utimesSync(join(planted.target, "f"), OLD, OLD);
  for (let block = 0; block < BLOCKS; block++) bytesOf(PAGE).copy(bytes, block * BLOCK + random.integer(0, 15) * PAGE);
  const file = join(planted.root, "f");
  writeFileSync(file, bytes);
  await pastRacy();
  return { ...planted, file };
}

function open(planted: Planted, options: SourceKitOptions = {}): SourceKit {
  const kit = SourceKit.start({ ...planted, ...options });
  kit.openChannel();
  return kit;
}

function sentBy({ sets }: SourceKit): number {
  return payloadBytes(sets.flatMap(({ changes }) => changes));
}

function overwrite(file: string, at: number): void {
  const fd = openSync(file, "r+");
  writeSync(fd, bytesOf(PAGE), 0, PAGE, at);
  closeSync(fd);
}

const F = "f" as BytePath;

test("a repair sends the pages that differ", async () => {
  const planted = await plantPages();
  const kit = open(planted);
  await kit.repair([{ root: 0, path: F, level: "entry", thorough: true }], 0);
  await kit.settle();
  await expectEqualTrees(planted.root, planted.target);
  expect(sentBy(kit)).toBe(BLOCKS * PAGE);
});

test("so does a mirror of a file that changes while it is compared", async () => {
  const planted = await plantPages();
  let asked = 0;
  const kit = open(planted, {
    onSet: ({ changes }) => {
      for (const { op } of changes) if (op === "index" && ++asked === 2) overwrite(planted.file, 5 * BLOCK);
    },
  });
  await kit.mirror("difference");
  await kit.settle();
  await expectEqualTrees(planted.root, planted.target);
  expect(asked).toBeGreaterThanOrEqual(2);
  expect(sentBy(kit)).toBeLessThan(BLOCKS * PAGE + 3 * BLOCK);
});

test("what is found stale many times is sent once", async () => {
  const planted = await plantPages();
  const kit = open(planted);
  const stale: StaleAnswer = { kind: "stale", seq: 0, root: 0, path: F, reason: "edited" };
  kit.jobs.obey({ kind: "answers", connectionId: 1, answers: [stale] });
  // The first question is on its way when the others come.
  const isAsked = (): boolean => kit.sets.some(({ changes }) => changes.some(({ op }) => op === "sums"));
  while (!isAsked()) {
    kit.engine.wake();
    await new Promise(setImmediate);
  }
  for (let i = 0; i < 4; i++) {
    kit.jobs.obey({ kind: "answers", connectionId: 1, answers: [stale] });
    kit.engine.wake();
    await new Promise(setImmediate);
  }
  await kit.settle();
  await expectEqualTrees(planted.root, planted.target);
  expect(readFileSync(join(planted.target, "f")).equals(readFileSync(planted.file))).toBe(true);
  expect(sentBy(kit)).toBe(BLOCKS * PAGE);
});

/** Small files, the same on both sides but for one, which only its content tells apart. */
async function plantSmall(count: number): Promise<Planted> {
  const directory = makeTempDirectory();
  const planted = { root: join(directory, "source"), target: join(directory, "target"), file: "" };
  for (const place of [planted.root, planted.target]) mkdirSync(place);
  for (let i = 0; i < count; i++) {
    const bytes = bytesOf(BLOCK);
    for (const place of [planted.root, planted.target]) {
      writeFileSync(join(place, `${i}`), bytes);
      if (i === 3 && place === planted.root) overwrite(join(place, "3"), PAGE);
      utimesSync(join(place, `${i}`), OLD, OLD);
    }
  }
  for (const place of [planted.root, planted.target]) utimesSync(place, OLD, OLD);
  await pastRacy();
  return planted;
}

test.each([
  { knows: true, sent: 1 },
  { knows: false, sent: 40 },
])("of small files those are sent that differ, if the target can tell: $knows", async ({ knows, sent }) => {
  const planted = await plantSmall(40);
  const kit = SourceKit.start(planted);
  if (knows) kit.openChannel();
  await kit.repair([{ root: 0, path: "" as BytePath, level: "tree", thorough: true }], 0);
  await kit.settle();
  await expectEqualTrees(planted.root, planted.target);
  expect(sentBy(kit)).toBe(sent * BLOCK);
});
