// What the journal does at its limits: tell first, give up what waits, keep what is being sent, go on.
// One test mounts a small tmpfs and so needs root.

import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test as plain } from "vitest";
import { MiB } from "../../src/base/units.js";
import { type PlaceInput, placeRecord, planGiveUp, type QueueUnit } from "../../src/journal/give-up-plan.js";
import { mergeSpans } from "../../src/journal/span.js";
import { appendRange, bodyOf, collectLosses, range, readAll, recordOf, seqsOf, test } from "../support/journal-fixture.js";

const unit = (fromSeq: number, toSeq: number, owners: number[] = [0]): QueueUnit => ({ fromSeq, toSeq, owners });
const window = (connectionId: number, passedSeq: number, readSeq: number) => ({ connectionId, passedSeq, readSeq });

describe("the plan of a give-up", () => {
  const units = [unit(1, 10), unit(11, 20), unit(21, 30), unit(31, 40)];

  plain("drops everything that waits when nothing is being sent", () => {
    expect(planGiveUp(units, [window(1, 0, 0)])).toEqual({ dropped: [0, 1, 2, 3], losses: [{ connectionId: 0, fromSeq: 1, toSeq: 40 }] });
  });

  plain("keeps every unit that a window touches", () => {
    expect(planGiveUp(units, [window(1, 10, 11)])).toEqual({
      dropped: [0, 2, 3],
      losses: [{ connectionId: 0, fromSeq: 21, toSeq: 40 }],
    });
  });

  plain("names only the connections that lose something", () => {
    const plan = planGiveUp(units, [window(1, 0, 5), window(2, 30, 30)]);
    expect(plan.dropped).toEqual([1, 2, 3]);
    expect(plan.losses).toEqual([{ connectionId: 0, fromSeq: 11, toSeq: 40 }]);
    const addressed = planGiveUp([unit(1, 10, [2]), unit(11, 20, [0])], [window(1, 0, 0), window(2, 0, 10), window(3, 20, 20)]);
    expect(addressed).toEqual({ dropped: [1], losses: [1, 2].map((connectionId) => ({ connectionId, fromSeq: 11, toSeq: 20 })) });
  });

  plain("makes one loss of neighbours and two around what is kept", () => {
    const plan = planGiveUp(units, [window(1, 0, 0), window(2, 15, 25)]);
    expect(plan.dropped).toEqual([0, 3]);
    expect(plan.losses).toEqual([
      { connectionId: 1, fromSeq: 1, toSeq: 10 },
      { connectionId: 0, fromSeq: 31, toSeq: 40 },
    ]);
  });
});

describe("the place of a record", () => {
  const input: PlaceInput = {
    frameBytes: 100,
    headerBytes: 48,
    memoryBytes: 0,
    memoryBytesMax: 1000,
    diskBytes: 0,
    diskBytesMax: null,
    isSpilling: false,
    segmentRoomBytes: undefined,
  };
  plain.each<[Partial<PlaceInput>, string]>([
    [{}, "memory"],
    [{ memoryBytes: 900 }, "memory"],
    [{ memoryBytes: 901 }, "new-segment"],
    [{ isSpilling: true, segmentRoomBytes: 100 }, "segment"],
    [{ isSpilling: true, segmentRoomBytes: 99 }, "new-segment"],
    [{ isSpilling: true, segmentRoomBytes: 100, diskBytes: 400, diskBytesMax: 500 }, "segment"],
    [{ isSpilling: true, segmentRoomBytes: 99, diskBytes: 400, diskBytesMax: 500 }, "nowhere"],
    [{ memoryBytes: 901, diskBytesMax: 0 }, "nowhere"],
  ])("%o", (change, place) => {
    expect(placeRecord({ ...input, ...change })).toBe(place);
  });
});

plain("spans merge to what they cover, coarser when there are too many", () => {
  const spans = [
    { fromSeq: 8, toSeq: 9 },
    { fromSeq: 1, toSeq: 3 },
    { fromSeq: 4, toSeq: 5 },
    { fromSeq: 20, toSeq: 20 },
  ];
  expect(mergeSpans(spans, 10)).toEqual([
    { fromSeq: 1, toSeq: 5 },
    { fromSeq: 8, toSeq: 9 },
    { fromSeq: 20, toSeq: 20 },
  ]);
  expect(mergeSpans(spans, 2)).toEqual([
    { fromSeq: 1, toSeq: 9 },
    { fromSeq: 20, toSeq: 20 },
  ]);
});

test("at the disk limit it tells first, keeps the window, and takes what comes after", async ({ journals }) => {
  // Memory holds 2 records of 52 bytes; two segments of 4 records fill the disk.
  const journal = await journals.open({ memoryBytesMax: 104, diskBytesMax: 520, segmentBytes: 300 });
  journal.addCursor(1, 0);
  let heldAtLoss = -1;
  journal.onLoss(() => {
    heldAtLoss = journal.stats().firstSeq;
  });
  const losses = collectLosses(journal);
  await appendRange(journal, 1, 10);
  expect((await journal.next(1, 0))?.seq).toBe(1);
  expect(losses).toEqual([]);
  await appendRange(journal, 11, 12);
  expect(losses).toMatchObject([{ connectionId: 0, fromSeq: 2, toSeq: 10, reason: "full" }]);
  expect(heldAtLoss).toBe(1);
  expect(seqsOf(await readAll(journal, 1))).toEqual([1, 11, 12]);
  expect(journal.backlog(1)).toEqual({ records: 3, bytes: 60 });
  expect(journal.stats().diskBytes).toBeLessThanOrEqual(520);
});

test("without any disk it never holds more than its memory, and every record is read or lost", async ({ journals }) => {
  const journal = await journals.open({ memoryBytesMax: 520, diskBytesMax: 0 });
  const losses = collectLosses(journal);
  journal.addCursor(1, 0);
  for (const seq of range(1, 200)) {
    await journal.append(recordOf(seq));
    expect(journal.stats().memoryBytes).toBeLessThanOrEqual(520);
  }
  const lost = losses.flatMap((loss) => range(loss.fromSeq, loss.toSeq));
  expect([...lost, ...seqsOf(await readAll(journal, 1))]).toEqual(range(1, 200));
});

test("a record that finds no place beside what is being sent is lost alone", async ({ journals }) => {
  const journal = await journals.open({ memoryBytesMax: 104, diskBytesMax: 0 });
  const losses = collectLosses(journal);
  journal.addCursor(1, 0);
  await appendRange(journal, 1, 2);
  await readAll(journal, 1);
  await appendRange(journal, 3, 4);
  expect(losses).toMatchObject([
    { fromSeq: 3, toSeq: 3, reason: "full" },
    { fromSeq: 4, toSeq: 4, reason: "full" },
  ]);
  journal.advance(1, 1);
  await journal.append(recordOf(5));
  expect(seqsOf(await readAll(journal, 1))).toEqual([2, 5]);
});

test("a volume with too little free space is full", async ({ journals }) => {
  const journal = await journals.open({ memoryBytesMax: 104, minFreeBytes: Number.MAX_SAFE_INTEGER });
  const losses = collectLosses(journal);
  journal.addCursor(1, 0);
  await appendRange(journal, 1, 3);
  expect(losses).toMatchObject([{ connectionId: 0, fromSeq: 1, toSeq: 2, reason: "full" }]);
  expect(seqsOf(await readAll(journal, 1))).toEqual([3]);
  await appendRange(journal, 4, 4);
  expect(seqsOf(await readAll(journal, 1))).toEqual([3, 4]);
});

test("a queue directory that cannot be written is given up as io, and the journal goes on in memory", async ({ journals }) => {
  const directory = join(journals.directory, "queue");
  const journal = await journals.open({ directory, memoryBytesMax: 104, segmentBytes: 300 });
  const losses = collectLosses(journal);
  journal.addCursor(1, 0);
  await rename(directory, `${directory}-away`);
  await appendRange(journal, 1, 3);
  expect(losses).toMatchObject([{ connectionId: 0, fromSeq: 1, toSeq: 2, reason: "io" }]);
  await appendRange(journal, 4, 4);
  expect(seqsOf(await readAll(journal, 1))).toEqual([3, 4]);
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory);
  await appendRange(journal, 5, 20);
  expect(seqsOf(await readAll(journal, 1))).toEqual(range(3, 20));
  await rm(`${directory}-away`, { recursive: true });
});

test("on a volume without space it loses what waits, never what it says it holds", async ({ journals }) => {
  const directory = await mkdtemp(join(tmpdir(), "journal-small-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", directory]);
  try {
    const journal = await journals.open({ directory, memoryBytesMax: 100_000, segmentBytes: 200_000 });
    const losses = collectLosses(journal);
    journal.addCursor(1, 0);
    for (const start of range(0, 19)) await Promise.all(range(start * 20 + 1, start * 20 + 20).map((seq) => journal.append(recordOf(seq, 0, 10_000))));
    expect(losses.length).toBeGreaterThan(0);
    for (const loss of losses) expect(loss.reason).toBe("full");
    const records = await readAll(journal, 1);
    for (const record of records) expect(record.bytes.equals(bodyOf(record.seq, 10_000))).toBe(true);
    const lost = losses.flatMap((loss) => range(loss.fromSeq, loss.toSeq));
    expect([...lost, ...seqsOf(records)]).toEqual(range(1, 400));
    await journal.close();
    const reopened = await journals.open({ directory, memoryBytesMax: 100_000, segmentBytes: 200_000 });
    const atClose = losses
      .slice()
      .concat(collectLosses(reopened))
      .map((loss) => range(loss.fromSeq, loss.toSeq));
    expect(new Set([...atClose.flat(), ...seqsOf(await readAll(reopened, 1))])).toEqual(new Set(range(1, 400)));
    await reopened.close();
  } finally {
    execFileSync("umount", [directory]);
    await rm(directory, { recursive: true });
  }
});

test("a stop that cannot write memory to disk tells the loss and stays clean", async ({ journals }) => {
  const journal = await journals.open({ memoryBytesMax: 400, segmentBytes: 300 });
  journal.addCursor(1, 0);
  await appendRange(journal, 1, 12);
  await journal.close();
  const small = await journals.open({ memoryBytesMax: MiB, minFreeBytes: Number.MAX_SAFE_INTEGER });
  small.advance(1, 12);
  const losses = collectLosses(small);
  await appendRange(small, 13, 15);
  await small.close();
  expect(losses).toMatchObject([{ fromSeq: 13, toSeq: 15, reason: "full" }]);
  const reopened = await journals.open();
  expect(reopened).toMatchObject({ recovered: "clean", lastSeq: 15 });
  expect(collectLosses(reopened)).toMatchObject([{ connectionId: 1, fromSeq: 13, toSeq: 15 }]);
});
