// Whatever was done to a large file, the target's copy becomes the source's, by whichever way it is sent.

import { closeSync, mkdirSync, openSync, readFileSync, utimesSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { BytePath } from "../../src/model/byte-path.js";
import type { Change } from "../../src/model/change.js";
import { pastRacy } from "../support/past-racy.js";
import { SeededRandom } from "../support/seeded-random.js";
import { SourceKit, type SourceKitOptions } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const KiB = 1024;
const BYTES = 1300 * KiB;
const OLD = 1_600_000_000;

type Edit = readonly [deed: "insert" | "remove" | "overwrite" | "move" | "copy" | "zero", at: number, length: number, to: number];

const share = fc.double({ min: 0, max: 1, noNaN: true });
const edit: fc.Arbitrary<Edit> = fc.tuple(
  fc.constantFrom("insert" as const, "remove" as const, "overwrite" as const, "move" as const, "copy" as const, "zero" as const),
  share,
  fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 300 * KiB }), fc.constantFrom(4 * KiB, 64 * KiB, 128 * KiB)),
  share,
);

/** Text of a few words, so that blocks are alike, or bytes that never repeat. */
function contentOf(seed: number, isText: boolean, length: number): Buffer {
  const random = new SeededRandom(seed);
  if (isText) return Buffer.from(Array.from({ length: length / 16 }, () => `${random.pick(["alpha", "beta", "gamma"])}-row-000 \n`.slice(-16)).join(""));
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(Math.floor(random.next() * 2 ** 32), at);
  return bytes;
}

function edited(bytes: Buffer, [deed, at, length, to]: Edit, seed: number): Buffer {
  const start = Math.floor(at * (bytes.length - 1));
  const end = Math.min(bytes.length, start + length);
  const piece = bytes.subarray(start, end);
  const fresh = contentOf(seed, false, end - start);
  const rest = Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
  const place = Math.floor(to * rest.length);
  switch (deed) {
    case "insert":
      return Buffer.concat([bytes.subarray(0, start), fresh, bytes.subarray(start)]);
    case "remove":
      return rest;
    case "overwrite":
      return Buffer.concat([bytes.subarray(0, start), fresh, bytes.subarray(end)]);
    case "zero":
      return Buffer.concat([bytes.subarray(0, start), Buffer.alloc(end - start), bytes.subarray(end)]);
    case "move":
      return Buffer.concat([rest.subarray(0, place), piece, rest.subarray(place)]);
    case "copy":
      return Buffer.concat([bytes.subarray(0, place), piece, bytes.subarray(place)]);
  }
}

/** Before the first set with such a change is applied. */
function atFirst(op: Change["op"], deed: () => void): NonNullable<SourceKitOptions["onSet"]> {
  let isDone = false;
  return ({ changes }) => {
    if (isDone || !changes.some((change) => change.op === op)) return;
    isDone = true;
    deed();
  };
}

function overwriteIn(path: string, bytes: Buffer, at: number): void {
  const fd = openSync(path, "r+");
  writeSync(fd, bytes, 0, bytes.length, at);
  closeSync(fd);
}

interface Planted {
  readonly root: string;
  readonly target: string;
}

async function plant(was: Buffer, is: Buffer): Promise<Planted> {
  const directory = makeTempDirectory();
  const planted = { root: join(directory, "source"), target: join(directory, "target") };
  for (const place of [planted.root, planted.target]) mkdirSync(place);
  writeFileSync(join(planted.root, "f"), is);
  writeFileSync(join(planted.target, "f"), was);
  utimesSync(join(planted.target, "f"), OLD, OLD);
  await pastRacy();
  return planted;
}

const edits = fc.array(edit, { minLength: 1, maxLength: 8 });

test("a file edited at random arrives", { timeout: 60_000 }, async () => {
  let rebuilt = 0;
  const run = async (seed: number, isText: boolean, edits: readonly Edit[]): Promise<void> => {
    const was = contentOf(seed, isText, BYTES);
    const is = edits.reduce((bytes, each, i) => edited(bytes, each, seed + i + 1), was);
    const { root, target } = await plant(was, is);
    const kit = SourceKit.start({ root, target });
    kit.openChannel();
    await kit.mirror("difference");
    expect(readFileSync(join(target, "f")).equals(is)).toBe(true);
    expect(kit.answers.filter(({ kind }) => kind === "stale")).toEqual([]);
    if (kit.sets.some(({ changes }) => changes.some(({ op }) => op === "rebuild"))) rebuilt += 1;
    await kit.stop();
  };
  await fc.assert(fc.asyncProperty(fc.nat(), fc.boolean(), edits, run), { numRuns: 25 });
  expect(rebuilt).toBeGreaterThan(0);
});

test("a file arrives that is repaired, or changes while it is compared", { timeout: 60_000 }, async () => {
  let asked = 0;
  const run = async (seed: number, isText: boolean, edits: readonly Edit[], isRepair: boolean, changesAt: "index" | "file" | null): Promise<void> => {
    const was = contentOf(seed, isText, BYTES);
    const is = edits.reduce((bytes, each, i) => edited(bytes, each, seed + i + 1), was);
    const { root, target } = await plant(was, is);
    const path = join(root, "f");
    const late = contentOf(seed + 99, false, 5000);
    const onSet = changesAt === null ? () => undefined : atFirst(changesAt, () => overwriteIn(path, late, seed % is.length));
    const kit = SourceKit.start({ root, target, onSet });
    kit.openChannel();
    await (isRepair ? kit.repair([{ root: 0, path: "f" as BytePath, level: "entry", thorough: true }], 0) : kit.mirror("difference"));
    await kit.settle();
    expect(readFileSync(join(target, "f")).equals(readFileSync(path))).toBe(true);
    if (isRepair && kit.sets.some(({ changes }) => changes.some(({ op }) => op === "index"))) asked += 1;
    await kit.stop();
  };
  const changesAt = fc.constantFrom("index" as const, "file" as const, null);
  await fc.assert(fc.asyncProperty(fc.nat(), fc.boolean(), edits, fc.boolean(), changesAt, run), { numRuns: 25 });
  expect(asked).toBeGreaterThan(0);
});
