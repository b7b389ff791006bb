// How a journal starts: after an orderly stop, after a crash, on garbage, and beside other sets.

import { cp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { MiB } from "../../src/base/units.js";
import { SET_BYTES_MAX } from "../../src/model/change-set.js";
import type { JournalLoss } from "../../src/model/journal-port.js";
import { appendRange, collectLosses, type JournalFixture, range, readAll, recordOf, seqsOf, test } from "../support/journal-fixture.js";

const SPILL = { memoryBytesMax: 0, segmentBytes: 300 };
/** Records per segment of 300 bytes: header 48, frames of 52. */
const PER_SEGMENT = 4;

async function segmentFiles(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.includes(".seg")).sort();
}

/** Twelve records in three segments, closed in order. */
async function closedJournal(journals: JournalFixture): Promise<string[]> {
  const journal = await journals.open(SPILL);
  journal.addCursor(1, 0);
  await appendRange(journal, 1, 3 * PER_SEGMENT);
  await journal.close();
  const files = await segmentFiles(journals.directory);
  expect(files).toHaveLength(3);
  return files.map((name) => join(journals.directory, name));
}

function spansOf(losses: readonly JournalLoss[]): [number, number][] {
  return losses.map((loss) => [loss.fromSeq, loss.toSeq]);
}

test("a directory without a journal is new; the same directory later is clean", async ({ journals }) => {
  const first = await journals.open();
  expect(first).toMatchObject({ recovered: "new", lastSeq: 0 });
  expect(first.epoch).toMatch(/^[0-9a-f]{16}$/);
  await first.close();
  const second = await journals.open();
  expect(second).toMatchObject({ recovered: "clean", epoch: first.epoch });
});

test("a crash makes a new epoch and discards the segments", async ({ journals }) => {
  const [live, crashed] = [join(journals.directory, "live"), join(journals.directory, "crashed")];
  const journal = await journals.open({ ...SPILL, directory: live });
  journal.addCursor(1, 0);
  await appendRange(journal, 1, 12);
  await cp(live, crashed, { recursive: true });
  expect(await segmentFiles(crashed)).toHaveLength(3);
  const reopened = await journals.open({ ...SPILL, directory: crashed });
  expect(reopened).toMatchObject({ recovered: "unclean", lastSeq: 0 });
  expect(reopened.epoch).not.toBe(journal.epoch);
  expect(await segmentFiles(crashed)).toEqual([]);
  expect(reopened.cursors()).toEqual([]);
});

test("a crash with everything in memory, and a crash right after a clean open, are unclean too", async ({ journals }) => {
  const [live, crashed, again] = ["live", "crashed", "again"].map((name) => join(journals.directory, name)) as [string, string, string];
  const first = await journals.open({ directory: live });
  await cp(live, crashed, { recursive: true });
  expect((await journals.open({ directory: crashed })).recovered).toBe("unclean");
  await first.close();
  await journals.open({ directory: live });
  await cp(live, again, { recursive: true });
  expect((await journals.open({ directory: again })).recovered).toBe("unclean");
});

test.for(["empty", "garbage", "cut", "flipped"])("a state file that is %s counts as a crash", async (damage, { journals }) => {
  await closedJournal(journals);
  const path = join(journals.directory, "set.state");
  const bytes = await readFile(path);
  if (damage === "empty") await writeFile(path, "");
  if (damage === "garbage") await writeFile(path, Buffer.alloc(100, "garbage"));
  if (damage === "cut") await truncate(path, bytes.length - 3);
  if (damage === "flipped") await writeFile(path, bytes.fill((bytes[30] ?? 0) ^ 1, 30, 31));
  const journal = await journals.open(SPILL);
  expect(journal.recovered).toBe("unclean");
  expect(await segmentFiles(journals.directory)).toEqual([]);
});

describe("damage after an orderly stop", () => {
  test("a torn tail is cut at open and reported", async ({ journals }) => {
    const [, , last = ""] = await closedJournal(journals);
    await truncate(last, (await stat(last)).size - 7);
    const journal = await journals.open(SPILL);
    const losses = collectLosses(journal);
    expect(losses).toMatchObject([{ connectionId: 0, fromSeq: 12, toSeq: 12, reason: "corrupt" }]);
    expect((await stat(last)).size).toBe(48 + 3 * 52);
    await journal.append(recordOf(13));
    expect(seqsOf(await readAll(journal, 1))).toEqual([...range(1, 11), 13]);
  });

  test("bytes after the end are cut and lose nothing", async ({ journals }) => {
    const [first = ""] = await closedJournal(journals);
    await writeFile(first, Buffer.concat([await readFile(first), Buffer.alloc(50, 7)]));
    const journal = await journals.open(SPILL);
    const losses = collectLosses(journal);
    expect(seqsOf(await readAll(journal, 1))).toEqual(range(1, 12));
    expect(losses).toEqual([]);
  });

  test("a missing segment is the loss of its span", async ({ journals }) => {
    const [, middle = ""] = await closedJournal(journals);
    await rm(middle);
    const journal = await journals.open(SPILL);
    expect(spansOf(collectLosses(journal))).toEqual([[5, 8]]);
    expect(seqsOf(await readAll(journal, 1))).toEqual([...range(1, 4), ...range(9, 12)]);
  });

  test("a segment that vanishes while the journal is open is the loss of its span", async ({ journals }) => {
    const [, middle = ""] = await closedJournal(journals);
    const journal = await journals.open(SPILL);
    const losses = collectLosses(journal);
    await rm(middle);
    expect(seqsOf(await readAll(journal, 1))).toEqual([...range(1, 4), ...range(9, 12)]);
    expect(spansOf(losses)).toEqual([[5, 8]]);
  });

  test("a damaged record is reported once, before reading goes on after it", async ({ journals }) => {
    const [, middle = ""] = await closedJournal(journals);
    const bytes = await readFile(middle);
    await writeFile(middle, bytes.fill((bytes[48 + 52 + 10] ?? 0) ^ 1, 48 + 52 + 10, 48 + 52 + 11));
    const journal = await journals.open(SPILL);
    const losses = collectLosses(journal);
    for (let round = 0; round < 3; round++) expect(seqsOf(await readAll(journal, 1))).toEqual([...range(1, 5), ...range(7, 12)]);
    expect(spansOf(losses)).toEqual([[6, 6]]);
    expect(journal.backlog(1).records).toBe(11);
    journal.addCursor(2, 2);
    expect(losses.slice(1)).toMatchObject([{ connectionId: 2, fromSeq: 6, toSeq: 6 }]);
  });

  test("a loss concerns only the consumers that have not passed it", async ({ journals }) => {
    const journal = await journals.open(SPILL);
    journal.addCursor(1, 0);
    journal.addCursor(2, 0);
    await appendRange(journal, 1, 12);
    journal.advance(2, 9);
    await journal.close();
    await rm(join(journals.directory, (await segmentFiles(journals.directory))[1] ?? ""));
    expect(collectLosses(await journals.open(SPILL))).toMatchObject([{ connectionId: 1, fromSeq: 5, toSeq: 8 }]);
  });
});

test("files of other epochs are removed, files of other sets are not touched", async ({ journals }) => {
  await closedJournal(journals);
  const stray = "set-ffffffffffffffff-0000000000000001.seg";
  await writeFile(join(journals.directory, stray), "stray");
  const others = ["set-2.state", "set-2-ffffffffffffffff-0000000000000001.seg", "notes.txt"];
  for (const name of others) await writeFile(join(journals.directory, name), "other");
  const journal = await journals.open(SPILL);
  const names = await readdir(journals.directory);
  expect(names).not.toContain(stray);
  for (const name of others) expect(names).toContain(name);
  expect(seqsOf(await readAll(journal, 1))).toEqual(range(1, 12));
});

test("sets with any name share a directory", async ({ journals }) => {
  const names = ["a", "a-b", "Buchhaltung & Söhne", "x".repeat(255), "é".repeat(255), "\ud800"];
  for (const [index, setName] of names.entries()) {
    const journal = await journals.open({ ...SPILL, segmentBytes: 2000, setName });
    journal.addCursor(1, 0);
    await appendRange(journal, 1, index + 1);
    await journal.close();
  }
  for (const [index, setName] of names.slice(0, 5).entries()) {
    const journal = await journals.open({ ...SPILL, segmentBytes: 2000, setName });
    expect(journal.recovered).toBe("clean");
    expect(seqsOf(await readAll(journal, 1))).toEqual(range(1, index + 1));
  }
});

test("segments stay within their size, and the largest set fits one", async ({ journals }) => {
  const journal = await journals.open({ memoryBytesMax: 0 });
  journal.addCursor(1, 0);
  for (const seq of range(1, 4)) await journal.append({ seq, connectionId: 0, bytes: Buffer.alloc(SET_BYTES_MAX, seq) });
  await appendRange(journal, 5, 12, 0, MiB);
  await journal.close();
  for (const name of await segmentFiles(journals.directory)) expect((await stat(join(journals.directory, name))).size).toBeLessThanOrEqual(5 * MiB);
  const reopened = await journals.open({ memoryBytesMax: 0 });
  expect(seqsOf(await readAll(reopened, 1))).toEqual(range(1, 12));
});

test("segments that every cursor passed are removed from the disk", async ({ journals }) => {
  const journal = await journals.open(SPILL);
  journal.addCursor(1, 0);
  await appendRange(journal, 1, 12);
  journal.advance(1, 9);
  await expect.poll(() => segmentFiles(journals.directory), { timeout: 5_000 }).toHaveLength(1);
  journal.advance(1, 12);
  await expect.poll(() => segmentFiles(journals.directory), { timeout: 5_000 }).toEqual([]);
});
