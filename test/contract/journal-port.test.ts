// The contract of the port Journal, on every way a DiskJournal can hold its records.

import { setImmediate as tick } from "node:timers/promises";
import { describe, expect } from "vitest";
import type { DiskJournalOptions } from "../../src/journal/journal-options.js";
import { appendRange, bodyOf, collectLosses, range, readAll, recordOf, seqsOf, test } from "../support/journal-fixture.js";

const WAYS: readonly (readonly [string, Partial<DiskJournalOptions>])[] = [
  ["everything in memory", {}],
  ["everything on disk", { memoryBytesMax: 0, segmentBytes: 300 }],
  ["half in memory, half on disk", { memoryBytesMax: 260, segmentBytes: 300 }],
];

describe.each(WAYS)("journal: %s", (_, options) => {
  test("hands out what was appended, in order and to the byte", async ({ journals }) => {
    const journal = await journals.open(options);
    journal.addCursor(1, 0);
    await appendRange(journal, 1, 50);
    const records = await readAll(journal, 1);
    expect(seqsOf(records)).toEqual(range(1, 50));
    for (const record of records) expect(record.bytes.equals(bodyOf(record.seq))).toBe(true);
  });

  test("keeps the order of calls when nobody waits for them", async ({ journals }) => {
    const journal = await journals.open(options);
    journal.addCursor(1, 0);
    await Promise.all(range(1, 40).map((seq) => journal.append(recordOf(seq))));
    expect(seqsOf(await readAll(journal, 1))).toEqual(range(1, 40));
  });

  test("lets each consumer read at its own place, again and again", async ({ journals }) => {
    const journal = await journals.open(options);
    for (const connectionId of [1, 2, 3]) journal.addCursor(connectionId, 0);
    await appendRange(journal, 1, 30);
    const places = [0, 10, 25];
    for (let step = 0; step < 5; step++) {
      const found = await Promise.all(places.map((place, index) => journal.next(index + 1, place + step)));
      expect(found.map((record) => record?.seq)).toEqual(places.map((place) => place + step + 1));
    }
    expect(seqsOf(await readAll(journal, 2, 3))).toEqual(range(4, 30));
  });

  test("says undefined at the end and goes on when more comes", async ({ journals }) => {
    const journal = await journals.open(options);
    journal.addCursor(1, 0);
    expect(await journal.next(1, 0)).toBeUndefined();
    await appendRange(journal, 1, 3);
    expect(await journal.next(1, 3)).toBeUndefined();
    await journal.append(recordOf(4));
    expect((await journal.next(1, 3))?.seq).toBe(4);
  });

  test("passes over what is addressed to others", async ({ journals }) => {
    const journal = await journals.open(options);
    journal.addCursor(1, 0);
    journal.addCursor(2, 0);
    for (const seq of range(1, 60)) await journal.append(recordOf(seq, seq % 20 === 0 ? 0 : seq % 20 < 15 ? 2 : 1));
    const mine = range(1, 60).filter((seq) => seq % 20 === 0 || seq % 20 >= 15);
    expect(seqsOf(await readAll(journal, 1))).toEqual(mine);
    expect(seqsOf(await readAll(journal, 1))).toEqual(mine);
    expect(seqsOf(await readAll(journal, 2))).toEqual(range(1, 60).filter((seq) => seq % 20 < 15));
  });

  test("counts what lies between the cursor and the end", async ({ journals }) => {
    const journal = await journals.open(options);
    journal.addCursor(1, 0);
    journal.addCursor(2, 0);
    for (const seq of range(1, 30)) await journal.append(recordOf(seq, seq % 3, 10 + seq));
    const expected = (connectionId: number, after: number): { records: number; bytes: number } => {
      const due = range(after + 1, 30).filter((seq) => seq % 3 === 0 || seq % 3 === connectionId);
      return { records: due.length, bytes: due.reduce((sum, seq) => sum + 10 + seq, 0) };
    };
    expect(journal.backlog(1)).toEqual(expected(1, 0));
    for (const place of [1, 7, 8, 20, 29, 30]) {
      await readAll(journal, 1, place - 1);
      journal.advance(1, place);
      expect(journal.backlog(1)).toEqual(expected(1, place));
      expect(journal.backlog(2)).toEqual(expected(2, 0));
    }
    expect(journal.backlog(9)).toEqual({ records: 0, bytes: 0 });
  });

  test("releases what every cursor has passed, and only that", async ({ journals }) => {
    const journal = await journals.open(options);
    journal.addCursor(1, 0);
    journal.addCursor(2, 0);
    await appendRange(journal, 1, 40);
    journal.advance(1, 40);
    expect(seqsOf(await readAll(journal, 2))).toEqual(range(1, 40));
    journal.advance(2, 40);
    expect(journal.stats()).toMatchObject({ memoryBytes: 0, diskBytes: 0, segments: 0, firstSeq: 41, lastSeq: 40 });
    await journal.append(recordOf(41));
    expect((await journal.next(1, 40))?.seq).toBe(41);
  });

  test("does not keep what nobody wants", async ({ journals }) => {
    const journal = await journals.open(options);
    await appendRange(journal, 1, 5);
    journal.addCursor(1, 5);
    await appendRange(journal, 6, 10, 7);
    expect(journal.stats()).toMatchObject({ memoryBytes: 0, diskBytes: 0, lastSeq: 10 });
    await journal.append(recordOf(11));
    expect(seqsOf(await readAll(journal, 1))).toEqual([11]);
  });

  test("releases what only a removed consumer wanted", async ({ journals }) => {
    const journal = await journals.open(options);
    journal.addCursor(1, 0);
    journal.addCursor(2, 0);
    await appendRange(journal, 1, 20, 2);
    await appendRange(journal, 21, 22);
    journal.removeCursor(2);
    expect(seqsOf(await readAll(journal, 1))).toEqual([21, 22]);
    journal.removeCursor(1);
    expect(journal.stats()).toMatchObject({ memoryBytes: 0, diskBytes: 0, segments: 0 });
  });

  test("lets a consumer join at an earlier place that is still held", async ({ journals }) => {
    const journal = await journals.open(options);
    journal.addCursor(1, 0);
    await appendRange(journal, 1, 20);
    journal.addCursor(2, 8);
    expect(seqsOf(await readAll(journal, 2, 8))).toEqual(range(9, 20));
  });

  test("calls back once for a burst of appends, until unsubscribed", async ({ journals }) => {
    const journal = await journals.open(options);
    journal.addCursor(1, 0);
    let calls = 0;
    const unsubscribe = journal.onAppend(() => calls++);
    const burst = range(1, 100).map((seq) => journal.append(recordOf(seq)));
    await tick();
    expect(calls).toBe(1);
    await Promise.all(burst);
    unsubscribe();
    await journal.append(recordOf(101));
    await tick();
    expect(calls).toBe(1);
  });

  test("goes on in the same epoch after an orderly stop", async ({ journals }) => {
    const first = await journals.open(options);
    first.addCursor(1, 0);
    first.addCursor(2, 0);
    await appendRange(first, 1, 50);
    first.advance(1, 33);
    await first.close();
    const second = await journals.open(options);
    expect(second).toMatchObject({ recovered: "clean", epoch: first.epoch, lastSeq: 50 });
    expect(second.cursors()).toEqual([
      { connectionId: 1, passedSeq: 33 },
      { connectionId: 2, passedSeq: 0 },
    ]);
    const losses = collectLosses(second);
    await appendRange(second, 51, 60);
    expect(seqsOf(await readAll(second, 1, 33))).toEqual(range(34, 60));
    const records = await readAll(second, 2);
    expect(seqsOf(records)).toEqual(range(1, 60));
    for (const record of records) expect(record.bytes.equals(bodyOf(record.seq))).toBe(true);
    expect(second.backlog(2)).toEqual({ records: 60, bytes: 1200 });
    expect(losses).toEqual([]);
  });

  test("refuses a sequence that does not grow, and everything after close", async ({ journals }) => {
    const journal = await journals.open(options);
    journal.addCursor(1, 0);
    await journal.append(recordOf(5));
    await expect(journal.append(recordOf(5))).rejects.toMatchObject({ code: "ASSERTION_FAILED" });
    await Promise.all([journal.close(), journal.close()]);
    await expect(journal.append(recordOf(6))).rejects.toMatchObject({ code: "JOURNAL_IO" });
  });
});
