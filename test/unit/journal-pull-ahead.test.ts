// A journal that gives nothing up: what does not fit is entered elsewhere first, then dropped; every record is read or entered.

import { expect } from "vitest";
import type { DirtyTaker, JournalRecord } from "../../src/model/journal-port.js";
import { appendRange, collectLosses, range, readAll, recordOf, seqsOf, test } from "../support/journal-fixture.js";

interface Taker extends DirtyTaker {
  /** By connection. */
  readonly entered: Map<number, Set<number>>;
  readonly left: { readonly connectionId: number; readonly fromSeq: number; readonly toSeq: number }[];
}

function takerOf(commit: () => void = () => undefined): Taker {
  const entered = new Map<number, Set<number>>();
  const left: Taker["left"] = [];
  return {
    entered,
    left,
    enter: (connectionId, { seq }) => entered.set(connectionId, (entered.get(connectionId) ?? new Set()).add(seq)),
    commit: async () => commit(),
    onLeft: (losses) => left.push(...losses),
  };
}

const enteredOf = (taker: Taker, connectionId: number): number[] => [...(taker.entered.get(connectionId) ?? [])].sort((a, b) => a - b);

test("at the limit the oldest segments are entered, durable before they go, and the rest stays in order", async ({ journals }) => {
  let heldAtCommit = -1;
  const taker: Taker = takerOf(() => {
    heldAtCommit = journal.stats().diskBytes;
  });
  const journal = await journals.open({ memoryBytesMax: 104, diskBytesMax: 520, segmentBytes: 300, dirty: taker });
  const losses = collectLosses(journal);
  journal.addCursor(1, 0);
  await appendRange(journal, 1, 60);
  const read = seqsOf(await readAll(journal, 1));
  expect([...read, ...enteredOf(taker, 1)].sort((a, b) => a - b)).toEqual(range(1, 60));
  expect(read).toEqual([...read].sort((a, b) => a - b));
  expect(heldAtCommit).toBeGreaterThan(0);
  expect([losses, journal.stats().diskBytes <= 520, taker.left.length > 0]).toEqual([[], true, true]);
});

test("only those who stand before it lose it", async ({ journals }) => {
  const taker = takerOf();
  const journal = await journals.open({ memoryBytesMax: 104, diskBytesMax: 520, segmentBytes: 300, dirty: taker });
  journal.addCursor(1, 0);
  journal.addCursor(2, 0);
  for (const seq of range(1, 60)) {
    await journal.append(recordOf(seq));
    expect((await journal.next(2, seq - 1))?.seq).toBe(seq);
    journal.advance(2, seq);
  }
  expect(enteredOf(taker, 2)).toEqual([]);
  expect([...seqsOf(await readAll(journal, 1)), ...enteredOf(taker, 1)].sort((a, b) => a - b)).toEqual(range(1, 60));
});

test("what is being sent stays, and what finds no place beside it is entered at once", async ({ journals }) => {
  const taker = takerOf();
  const journal = await journals.open({ memoryBytesMax: 104, diskBytesMax: 0, dirty: taker });
  journal.addCursor(1, 0);
  await appendRange(journal, 1, 2);
  await readAll(journal, 1);
  await appendRange(journal, 3, 4);
  expect(enteredOf(taker, 1)).toEqual([3, 4]);
  journal.advance(1, 2);
  await journal.append(recordOf(5));
  expect(seqsOf(await readAll(journal, 1, 2))).toEqual([5]);
});

test("what jobs send always finds its place", async ({ journals }) => {
  const taker = takerOf();
  const journal = await journals.open({ memoryBytesMax: 104, diskBytesMax: 0, dirty: taker });
  journal.addCursor(1, 0);
  await appendRange(journal, 1, 9, 1);
  expect([seqsOf(await readAll(journal, 1)), enteredOf(taker, 1)]).toEqual([range(1, 9), []]);
});

test("a disk that takes nothing: memory holds what it may, the oldest are entered", async ({ journals }) => {
  const taker = takerOf();
  const journal = await journals.open({ memoryBytesMax: 520, minFreeBytes: Number.MAX_SAFE_INTEGER, dirty: taker });
  journal.addCursor(1, 0);
  await appendRange(journal, 1, 100);
  await journal.append(recordOf(101));
  const read = seqsOf(await readAll(journal, 1));
  expect(new Set([...read, ...enteredOf(taker, 1)])).toEqual(new Set(range(1, 101)));
  expect(journal.stats().memoryBytes).toBeLessThanOrEqual(520);
  expect(read).not.toEqual([]);
});

test("a map that cannot be made durable is a loss, told before anything is dropped", async ({ journals }) => {
  const taker = takerOf(() => {
    throw new Error("the map's disk is full");
  });
  const journal = await journals.open({ memoryBytesMax: 104, diskBytesMax: 520, segmentBytes: 300, dirty: taker });
  const losses = collectLosses(journal);
  journal.addCursor(1, 0);
  await appendRange(journal, 1, 30);
  const lost = losses.flatMap((loss) => range(loss.fromSeq, loss.toSeq));
  expect(losses[0]).toMatchObject({ reason: "io", message: expect.stringContaining("the map's disk is full") });
  expect(new Set([...lost, ...seqsOf(await readAll(journal, 1))])).toEqual(new Set(range(1, 30)));
});

test("memory that is given back at once is nobody's: large records are whole wherever they go", async ({ journals }) => {
  const BYTES = 100_000;
  const large = (seq: number): JournalRecord => ({ seq, connectionId: 0, bytes: Buffer.from(new ArrayBuffer(BYTES)).fill(seq) });
  const isWhole = ({ seq, bytes }: JournalRecord): boolean => bytes.length === BYTES && bytes.every((byte) => byte === seq % 256);
  const taker = takerOf();
  const seen: number[] = [];
  const take = (record: JournalRecord): void => void (isWhole(record) ? seen.push(record.seq) : expect.fail(`record ${record.seq} is not whole`));
  const journal = await journals.open({
    memoryBytesMax: 2 * BYTES,
    diskBytesMax: 40 * BYTES,
    segmentBytes: 3 * BYTES + 4096,
    dirty: { ...taker, enter: (_, record) => take(record) },
  });
  journal.addCursor(1, 0);
  for (const seq of range(1, 140)) {
    await journal.append(large(seq));
    if (seq % 30 !== 0) continue;
    // A reader that takes a few and goes on from there later, while others leave.
    let at = journal.cursors()[0]?.passedSeq ?? 0;
    for (let count = 0; count < 3; count++) {
      const record = await journal.next(1, at);
      if (record === undefined) break;
      take(record);
      at = record.seq;
    }
    journal.advance(1, at);
  }
  for (let record = await journal.next(1, journal.cursors()[0]?.passedSeq ?? 0); record !== undefined; record = await journal.next(1, record.seq)) {
    take(record);
    journal.advance(1, record.seq);
  }
  expect([...new Set(seen)].sort((a, b) => a - b)).toEqual(range(1, 140));
});
