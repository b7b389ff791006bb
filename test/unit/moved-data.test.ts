// What moved within a large file is found on the target, and the file is made anew of it: few bytes are sent, and the outcome is the file.

import { closeSync, ftruncateSync, linkSync, mkdirSync, openSync, readdirSync, statSync, utimesSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Change } from "../../src/model/change.js";
import { expectEqualTrees } from "../support/compare-trees.js";
import { pastRacy } from "../support/past-racy.js";
import { SeededRandom } from "../support/seeded-random.js";
import { outline, payloadBytes, SourceKit, type SourceKitOptions } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const KiB = 1024;
const MiB = 1024 * KiB;
const BYTES = 4 * MiB;
const OLD = 1_600_000_000;

function bytesOf(random: SeededRandom, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(Math.floor(random.next() * 2 ** 32), at);
  return bytes;
}

/** Lines of a text dump, each another one. */
function dumpOf(random: SeededRandom, bytes: number): string[] {
  const lines: string[] = [];
  for (let length = 0, id = 0; length < bytes; id++) {
    const line = `INSERT INTO "t" VALUES (${id}, '${random.next().toString(36).slice(2)}', ${random.integer(0, 1e9)});\n`;
    lines.push(line);
    length += line.length;
  }
  return lines;
}

interface Planted {
  readonly root: string;
  readonly target: string;
}

function plant(was: Buffer, is: Buffer): Planted {
  const directory = makeTempDirectory();
  const planted = { root: join(directory, "source"), target: join(directory, "target") };
  for (const place of [planted.root, planted.target]) mkdirSync(place);
  writeFileSync(join(planted.target, "f"), was);
  utimesSync(join(planted.target, "f"), OLD, OLD);
  writeFileSync(join(planted.root, "f"), is);
  return planted;
}

interface Outcome {
  readonly kit: SourceKit;
  readonly sent: number;
  readonly isRebuilt: boolean;
}

async function mirrored(planted: Planted, options: SourceKitOptions = {}): Promise<Outcome> {
  await pastRacy();
  const kit = SourceKit.start({ ...planted, ...options });
  kit.openChannel();
  await kit.mirror("difference");
  await kit.settle();
  await expectEqualTrees(planted.root, planted.target);
  const changes = kit.sets.flatMap((set) => set.changes);
  return { kit, sent: payloadBytes(changes), isRebuilt: changes.some(({ op }) => op === "rebuild") };
}

const random = new SeededRandom(36);
const was = bytesOf(random, BYTES);

test("data at the front of a file moves the rest", async () => {
  const { sent, isRebuilt, kit } = await mirrored(plant(was, Buffer.concat([Buffer.from("a few bytes"), was])));
  expect(isRebuilt).toBe(true);
  expect(sent).toBeLessThan(4 * KiB);
  expect(kit.answers.filter(({ kind }) => kind === "stale")).toEqual([]);
});

test("data that is appended, or overwritten in places, is patched in place", async () => {
  const is = Buffer.concat([was, bytesOf(random, 100 * KiB)]);
  const planted = plant(was, is);
  const { ino } = statSync(join(planted.target, "f"));
  for (let i = 0; i < 20; i++) bytesOf(random, 4 * KiB).copy(is, i * 200 * KiB + 64);
  writeFileSync(join(planted.root, "f"), is);
  const { sent, isRebuilt } = await mirrored(planted);
  expect(isRebuilt).toBe(false);
  expect(sent).toBeLessThan(100 * KiB + 21 * 6 * KiB);
  expect(statSync(join(planted.target, "f")).ino).toBe(ino);
});

test("a new dump of a database with rows inserted, changed and gone", async () => {
  const lines = dumpOf(random, BYTES);
  const before = Buffer.from(lines.join(""));
  for (let i = 0; i < 12; i++) lines.splice(random.integer(0, lines.length - 1), random.integer(0, 3), `INSERT INTO "t" VALUES ('new ${i}');\n`);
  const { sent, isRebuilt } = await mirrored(plant(before, Buffer.from(lines.join(""))));
  expect(isRebuilt).toBe(true);
  expect(sent).toBeLessThan(12 * 3 * KiB);
});

test("blocks of an image that changed places", async () => {
  const is = Buffer.from(was);
  for (let i = 0; i < 16; i++) {
    const bytes = random.integer(2, 60) * 4 * KiB;
    const [a, b] = [random.integer(0, 450) * 4 * KiB, random.integer(512, 900) * 4 * KiB];
    is.copy(is, a, b, b + bytes);
    was.copy(is, b, a, a + bytes);
  }
  const { sent, isRebuilt } = await mirrored(plant(was, is));
  expect(isRebuilt).toBe(true);
  expect(sent).toBeLessThan(BYTES / 4);
});

test("holes stay holes", async () => {
  const planted = plant(was, was);
  const fd = openSync(join(planted.root, "f"), "w");
  writeSync(fd, was, 0, 2 * MiB, 512 * KiB);
  writeSync(fd, was, 2 * MiB, 2 * MiB, 8 * MiB);
  ftruncateSync(fd, 11 * MiB);
  closeSync(fd);
  const { sent, isRebuilt } = await mirrored(planted);
  expect(isRebuilt).toBe(true);
  expect(sent).toBe(0);
});

test("a file with several names on the target is patched, and keeps them", async () => {
  const planted = plant(was, Buffer.concat([Buffer.from("front"), was]));
  linkSync(join(planted.root, "f"), join(planted.root, "g"));
  linkSync(join(planted.target, "f"), join(planted.target, "g"));
  const { isRebuilt } = await mirrored(planted);
  expect(isRebuilt).toBe(false);
});

test("a target of a version before is asked nothing that it does not know", async () => {
  const planted = plant(was, Buffer.concat([Buffer.from("front"), was]));
  const kit = SourceKit.start(planted);
  await kit.mirror("difference");
  await expectEqualTrees(planted.root, planted.target);
  expect(kit.sets.flatMap(({ changes }) => changes).filter(({ op }) => op === "index" || op === "rebuild")).toEqual([]);
});

/** Before the set with the n-th change of this kind is applied. */
function before(op: Change["op"], n: number, deed: () => void): Pick<SourceKitOptions, "onSet"> {
  let count = 0;
  return {
    onSet: ({ changes }) => {
      for (const change of changes) if (change.op === op && ++count === n) deed();
    },
  };
}

const SHIFTED = Buffer.concat([bytesOf(random, 3 * MiB), was]);

test.each([1, 2, 3])("the target's file is written to while it is rebuilt, in front of piece %i", async (piece) => {
  const planted = plant(was, SHIFTED);
  const spoil = (): void => {
    const fd = openSync(join(planted.target, "f"), "r+");
    writeSync(fd, "spoiled", MiB);
    closeSync(fd);
    utimesSync(join(planted.target, "f"), OLD, OLD);
  };
  const { kit } = await mirrored(planted, before("rebuild", piece, spoil));
  expect(kit.answers.filter(({ kind }) => kind === "stale")).not.toEqual([]);
});

test.each(["index", "rebuild"] as const)("the source's file changes at the first %s change", async (op) => {
  const planted = plant(was, SHIFTED);
  const change = (): void => {
    const fd = openSync(join(planted.root, "f"), "r+");
    writeSync(fd, "changed", 5 * MiB);
    closeSync(fd);
  };
  await mirrored(planted, before(op, 1, change));
});

test("no name is left but that of the file, and its directory has its times", async () => {
  const planted = plant(was, SHIFTED);
  utimesSync(planted.root, OLD, OLD);
  const { kit, isRebuilt } = await mirrored(planted);
  expect(isRebuilt).toBe(true);
  expect(readdirSync(planted.target)).toEqual(["f"]);
  expect(outline(kit.sets.flatMap(({ changes }) => changes)).filter((line) => line === "index f")).toHaveLength(1);
});
