// Journals on real temporary directories, and the small things every journal test says.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base } from "vitest";
import { silentLog } from "../../src/base/log.js";
import { DiskJournal } from "../../src/journal/disk-journal.js";
import type { DiskJournalOptions } from "../../src/journal/journal-options.js";
import type { Journal, JournalLoss, JournalRecord } from "../../src/model/journal-port.js";

export interface JournalFixture {
  readonly directory: string;
  /** Opens a journal in the directory; every journal still open is closed after the test. */
  readonly open: (options?: Partial<DiskJournalOptions>) => Promise<DiskJournal>;
}

export const test = base.extend<{ journals: JournalFixture }>({
  // biome-ignore lint/correctness/noEmptyPattern: the form the test runner asks for
  journals: async ({}, use) => {
    const directory = await mkdtemp(join(tmpdir(), "journal-"));
    const opened: DiskJournal[] = [];
    await use({
      directory,
      open: async (options = {}) => {
        const journal = await DiskJournal.open({ directory, setName: "set", log: silentLog, minFreeBytes: 0, ...options });
        opened.push(journal);
        return journal;
      },
    });
    for (const journal of opened) await journal.close();
    await rm(directory, { recursive: true, force: true });
  },
});

/** Bytes that tell which record they belong to. */
export function bodyOf(seq: number, bytes = 20): Buffer {
  return Buffer.alloc(bytes, `record ${seq};`);
}

export function recordOf(seq: number, connectionId = 0, bytes = 20): JournalRecord {
  return { seq, connectionId, bytes: bodyOf(seq, bytes) };
}

export async function appendRange(journal: Journal, fromSeq: number, toSeq: number, connectionId = 0, bytes = 20): Promise<void> {
  for (let seq = fromSeq; seq <= toSeq; seq++) await journal.append(recordOf(seq, connectionId, bytes));
}

/** Everything the consumer can read after `afterSeq`, nothing acknowledged. */
export async function readAll(journal: Journal, connectionId: number, afterSeq = 0): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for (let at = afterSeq; ; ) {
    const record = await journal.next(connectionId, at);
    if (record === undefined) return records;
    records.push(record);
    at = record.seq;
  }
}

export function seqsOf(records: readonly JournalRecord[]): number[] {
  return records.map((record) => record.seq);
}

export function range(fromSeq: number, toSeq: number): number[] {
  return Array.from({ length: Math.max(0, toSeq - fromSeq + 1) }, (_, index) => fromSeq + index);
}

export function collectLosses(journal: Journal): JournalLoss[] {
  const losses: JournalLoss[] = [];
  journal.onLoss((loss) => losses.push(loss));
  return losses;
}
