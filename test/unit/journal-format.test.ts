// The format on disk is a promise: the golden files were written by version 1 and must be read, and written, for ever the same.

import { cp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test as plain } from "vitest";
import { encodeSegmentHeader } from "../../src/journal/segment-format.js";
import { fileStem, isSegmentOf, segmentName } from "../../src/journal/segment-name.js";
import { decodeState, encodeState, type JournalState } from "../../src/journal/state-file.js";
import { collectLosses, readAll, test } from "../support/journal-fixture.js";

const GOLDEN = fileURLToPath(new URL("../support/golden/journal-v1", import.meta.url));
const OPTIONS = { setName: "golden set", memoryBytesMax: 90, segmentBytes: 200, makeEpoch: () => "0123456789abcdef" };
const RECORDS = [
  { seq: 1, connectionId: 0, bytes: Buffer.from("first") },
  { seq: 2, connectionId: 7, bytes: Buffer.alloc(0) },
  { seq: 5, connectionId: 0, bytes: Buffer.from(Array.from({ length: 64 }, (_, index) => index)) },
  { seq: 6, connectionId: 0, bytes: Buffer.from("SMR1 is no frame here") },
];

test("what is written is the golden files to the byte", async ({ journals }) => {
  const journal = await journals.open(OPTIONS);
  journal.addCursor(1, 0);
  journal.addCursor(7, 0);
  for (const record of RECORDS) await journal.append(record);
  journal.advance(7, 1);
  await journal.close();
  const names = (await readdir(GOLDEN)).sort();
  expect((await readdir(journals.directory)).sort()).toEqual(names);
  expect(names).toHaveLength(4);
  for (const name of names) {
    const [written, golden] = await Promise.all([readFile(join(journals.directory, name)), readFile(join(GOLDEN, name))]);
    expect(written.toString("hex"), name).toBe(golden.toString("hex"));
  }
});

test("the golden files are read", async ({ journals }) => {
  await cp(GOLDEN, journals.directory, { recursive: true });
  const journal = await journals.open({ ...OPTIONS, makeEpoch: () => "ffffffffffffffff" });
  const losses = collectLosses(journal);
  expect(journal).toMatchObject({ recovered: "clean", epoch: "0123456789abcdef", lastSeq: 6 });
  expect(journal.cursors()).toEqual([
    { connectionId: 1, passedSeq: 0 },
    { connectionId: 7, passedSeq: 1 },
  ]);
  expect(await readAll(journal, 1)).toEqual(RECORDS.filter((record) => record.connectionId === 0));
  expect(await readAll(journal, 7, 1)).toEqual(RECORDS.slice(1));
  expect(losses).toEqual([]);
});

plain("a segment header names set, epoch and first sequence at fixed places", () => {
  const header = encodeSegmentHeader({ setName: "a set", epoch: "0123456789abcdef", firstSeq: 2 ** 40 + 3 });
  expect(header.toString("hex")).toBe(
    ["534d4a4f55524e0a", "0100", "3000", "0500", "0000", "0123456789abcdef", "0300000000010000", "6120736574000000", header.subarray(40).toString("hex")].join(
      "",
    ),
  );
});

describe("names", () => {
  plain("sort by sequence and tell sets apart", () => {
    const names = [10, 9, 100_000].map((seq) => segmentName("a", "0123456789abcdef", seq));
    expect([...names].sort()).toEqual([names[1], names[0], names[2]]);
    expect(isSegmentOf("a", names[0] ?? "")).toBe(true);
    expect(isSegmentOf("a", `${names[0]}.part`)).toBe(true);
    expect(isSegmentOf("a", segmentName("a-b", "0123456789abcdef", 1))).toBe(false);
    expect(isSegmentOf("a", "a.state")).toBe(false);
  });

  plain("stay below what a file system takes, and differ where the sets do", () => {
    const [first, second] = [`${"ü".repeat(200)}1`, `${"ü".repeat(200)}2`];
    expect(segmentName(first, "0123456789abcdef", 1).length).toBeLessThan(240);
    expect(fileStem(first)).not.toBe(fileStem(second));
  });
});

plain("a state file comes back as it was written; any flipped byte is found", () => {
  const state: JournalState = {
    clean: true,
    setName: "sét",
    epoch: "00ff00ff00ff00ff",
    lastSeq: 2 ** 53 - 1,
    cursors: [{ connectionId: 4_000_000_000, passedSeq: 2 ** 45 }],
    lost: [{ fromSeq: 3, toSeq: 9 }],
    segments: [{ firstSeq: 1, lastSeq: 12, fileBytes: 5_242_880, tallies: new Map([[0, { records: 3, bytes: 2 ** 33, lastSeq: 11 }]]) }],
  };
  const bytes = encodeState(state);
  expect(decodeState(bytes)).toEqual(state);
  for (let at = 0; at < bytes.length; at++) {
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] ?? 0) ^ 1;
    expect(() => decodeState(copy)).toThrow();
    expect(() => decodeState(bytes.subarray(0, at))).toThrow();
  }
});
