// Random appends, reads, acknowledgements and restarts against a journal that is a plain array.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { silentLog } from "../../src/base/log.js";
import { DiskJournal } from "../../src/journal/disk-journal.js";
import type { JournalLoss } from "../../src/model/journal-port.js";
import { recordOf } from "../support/journal-fixture.js";

type Step =
  | { readonly kind: "append"; readonly connectionId: number; readonly bytes: number; readonly gap: number; readonly count: number }
  | { readonly kind: "read"; readonly connectionId: number; readonly count: number }
  | { readonly kind: "ack" | "rewind" | "join" | "leave"; readonly connectionId: number }
  | { readonly kind: "reopen" };

const connectionId = fc.integer({ min: 1, max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      connectionId: fc.integer({ min: 0, max: 3 }),
      bytes: fc.integer({ min: 0, max: 150 }),
      gap: fc.integer({ min: 1, max: 3 }),
      count: fc.integer({ min: 1, max: 8 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("read" as const), connectionId, count: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("ack" as const), connectionId }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("rewind" as const, "join" as const, "leave" as const), connectionId }) },
  { weight: 1, arbitrary: fc.constant({ kind: "reopen" as const }) },
);

interface Consumer {
  passedSeq: number;
  readSeq: number;
}

interface Sent {
  readonly seq: number;
  readonly connectionId: number;
  readonly bytes: number;
}

/** The same operations on a journal and on an array; `check` compares what a consumer sees. */
class Twin {
  journal: DiskJournal;
  readonly reopen: () => Promise<DiskJournal>;
  readonly consumers = new Map<number, Consumer>([[1, { passedSeq: 0, readSeq: 0 }]]);
  readonly losses: JournalLoss[] = [];
  all: Sent[] = [];
  lastSeq = 0;

  constructor(journal: DiskJournal, reopen: () => Promise<DiskJournal>) {
    this.journal = journal;
    this.reopen = reopen;
    journal.addCursor(1, 0);
    journal.onLoss((loss) => this.losses.push(loss));
  }

  due(id: number, afterSeq: number): Sent[] {
    return this.all.filter((sent) => sent.seq > afterSeq && (sent.connectionId === 0 || sent.connectionId === id));
  }

  isLost(id: number, seq: number): boolean {
    return this.losses.some((loss) => (loss.connectionId === 0 || loss.connectionId === id) && loss.fromSeq <= seq && seq <= loss.toSeq);
  }

  async run(step: Step): Promise<void> {
    if (step.kind === "append") return this.append(step);
    if (step.kind === "reopen") return this.restart();
    const consumer = this.consumers.get(step.connectionId);
    if (step.kind === "join") {
      if (consumer !== undefined) return;
      this.journal.addCursor(step.connectionId, this.lastSeq);
      this.consumers.set(step.connectionId, { passedSeq: this.lastSeq, readSeq: this.lastSeq });
      return;
    }
    if (consumer === undefined) return;
    if (step.kind === "read") return this.read(step.connectionId, consumer, step.count);
    if (step.kind === "ack") {
      consumer.passedSeq = consumer.readSeq;
      this.journal.advance(step.connectionId, consumer.readSeq);
    } else if (step.kind === "rewind") consumer.readSeq = consumer.passedSeq;
    else {
      this.consumers.delete(step.connectionId);
      this.journal.removeCursor(step.connectionId);
    }
  }

  async append(step: Extract<Step, { kind: "append" }>): Promise<void> {
    const done: Promise<void>[] = [];
    for (let i = 0; i < step.count; i++) {
      this.lastSeq += step.gap;
      this.all.push({ seq: this.lastSeq, connectionId: step.connectionId, bytes: step.bytes });
      done.push(this.journal.append(recordOf(this.lastSeq, step.connectionId, step.bytes)));
    }
    await Promise.all(done);
  }

  async read(id: number, consumer: Consumer, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const record = await this.journal.next(id, consumer.readSeq);
      const due = this.due(id, consumer.readSeq);
      const expected = record === undefined ? due.length : due.findIndex((sent) => sent.seq === record.seq);
      expect(expected).toBeGreaterThanOrEqual(0);
      for (const passed of due.slice(0, expected)) expect(this.isLost(id, passed.seq)).toBe(true);
      if (record === undefined) return;
      const sent = due[expected];
      expect(record).toEqual(recordOf(record.seq, sent?.connectionId, sent?.bytes));
      consumer.readSeq = record.seq;
    }
  }

  async restart(): Promise<void> {
    await this.journal.close();
    this.journal = await this.reopen();
    expect(this.journal).toMatchObject({ recovered: "clean", lastSeq: this.lastSeq });
    this.journal.onLoss((loss) => this.losses.push(loss));
    for (const consumer of this.consumers.values()) consumer.readSeq = consumer.passedSeq;
  }

  async finish(): Promise<void> {
    for (const [id, consumer] of this.consumers) {
      consumer.readSeq = consumer.passedSeq;
      await this.read(id, consumer, Number.POSITIVE_INFINITY);
      if (this.losses.length > 0) continue;
      const due = this.due(id, consumer.passedSeq);
      expect(this.journal.backlog(id)).toEqual({ records: due.length, bytes: due.reduce((sum, sent) => sum + sent.bytes, 0) });
    }
    for (const [id, consumer] of this.consumers) {
      this.journal.advance(id, this.lastSeq);
      consumer.passedSeq = this.lastSeq;
    }
    expect(this.journal.stats()).toMatchObject({ memoryBytes: 0, diskBytes: 0, segments: 0, lastSeq: this.lastSeq });
  }
}

async function runSteps(steps: readonly Step[], limits: { readonly memoryBytesMax: number; readonly diskBytesMax: number | null }): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "journal-"));
  const open = () => DiskJournal.open({ directory, setName: "set", log: silentLog, minFreeBytes: 0, segmentBytes: 500, ...limits });
  const twin = new Twin(await open(), open);
  try {
    for (const one of steps) await twin.run(one);
    await twin.finish();
    if (limits.diskBytesMax === null) expect(twin.losses).toEqual([]);
  } finally {
    await twin.journal.close();
    await rm(directory, { recursive: true });
  }
}

const steps = fc.array(step, { minLength: 5, maxLength: 60 });

test("without limits, every consumer gets exactly what is for it, across restarts", async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.constantFrom(0, 400, 2000, 1_000_000), (list, memoryBytesMax) => runSteps(list, { memoryBytesMax, diskBytesMax: null })),
    { numRuns: 150 },
  );
});

test("with limits, what a consumer does not get was reported as lost", async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.constantFrom(0, 400, 1000), fc.constantFrom(0, 600, 2000), (list, memoryBytesMax, diskBytesMax) =>
      runSteps(list, { memoryBytesMax, diskBytesMax }),
    ),
    { numRuns: 150 },
  );
});
