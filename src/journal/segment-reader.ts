// Reads whole segments back, each with one read and one ahead of its consumer, and keeps a few of them: two for each consumer and one more.
// What is damaged is reported once to `onDamage` before the sound records are handed out.

import { open } from "node:fs/promises";
import { join } from "node:path";
import { discardMemoryOf } from "../base/discard-buffer.js";
import { toSmError } from "../base/errors.js";
import type { JournalRecord } from "../model/journal-port.js";
import { type Block, type DiskBlock, indexOf } from "./block.js";
import { type ParsedSegment, parseSegment } from "./segment-format.js";
import type { Span } from "./span.js";

export interface SegmentDamage {
  readonly lost: readonly Span[];
  readonly reason: "corrupt" | "io";
  readonly message: string;
}

export interface SegmentReaderOptions {
  readonly directory: string;
  readonly setName: string;
  readonly epoch: string;
  readonly residentMax: () => number;
  /** Somebody is inside this segment: its index is worth keeping when its bytes go. */
  readonly isInUse: (block: DiskBlock) => boolean;
  readonly onDamage: (block: DiskBlock, records: JournalRecord[], damage: SegmentDamage) => void;
}

export class SegmentReader {
  readonly #options: SegmentReaderOptions;
  /** Sealed segments with resident records, least recently used first. */
  readonly #resident = new Set<DiskBlock>();

  constructor(options: SegmentReaderOptions) {
    this.#options = options;
  }

  /** Never rejects because of what is, or is not, on disk. */
  load(block: DiskBlock): Promise<JournalRecord[]> {
    block.loading ??= this.#load(block).finally(() => {
      block.loading = undefined;
    });
    return block.loading;
  }

  /** The next segment is in memory by the time the consumer has sent this one. */
  readAhead(block: Block | undefined): void {
    if (block?.kind === "disk" && block.sealed && block.records === undefined) void this.load(block);
  }

  /** Marks a segment as used last; those used longest ago lose their bytes. */
  touch(block: DiskBlock): void {
    if (!block.sealed || block.records === undefined) return;
    this.#resident.delete(block);
    this.#resident.add(block);
    const residentMax = this.#options.residentMax();
    for (const old of this.#resident) {
      if (this.#resident.size <= residentMax) break;
      this.evict(old);
    }
  }

  evict(block: DiskBlock): void {
    this.#resident.delete(block);
    if (block.dropped || block.records === undefined) return;
    block.index = this.#options.isInUse(block) ? indexOf(block.records) : undefined;
    block.records = undefined;
  }

  /** What was just written is in nobody's hands, unless somebody is inside: whoever waits for a segment waits for one that is read. */
  evictWritten(block: DiskBlock): void {
    const { records } = block;
    this.evict(block);
    if (records !== undefined && block.records === undefined && !this.#options.isInUse(block)) discardMemoryOf(records.map(({ bytes }) => bytes));
  }

  forget(block: DiskBlock): void {
    this.#resident.delete(block);
  }

  async #load(block: DiskBlock): Promise<JournalRecord[]> {
    const { records, damage } = await readSegment(join(this.#options.directory, block.fileName), block, this.#options);
    if (block.dropped) return [];
    if (damage !== undefined) this.#options.onDamage(block, records, damage);
    if (block.dropped) return [];
    block.records = records;
    this.touch(block);
    return records;
  }
}

interface SegmentContent {
  readonly records: JournalRecord[];
  readonly soundBytes: number;
  readonly damage: SegmentDamage | undefined;
}

/** What is sound in the file of `block`, and what is not. */
export async function readSegment(path: string, block: DiskBlock, set: { readonly setName: string; readonly epoch: string }): Promise<SegmentContent> {
  let file: Buffer;
  try {
    file = await readWhole(path, block.fileBytes);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === "ENOENT" ? "corrupt" : "io";
    const message = toSmError(error, "JOURNAL_IO", `cannot read segment ${path}`).message;
    return { records: [], soundBytes: 0, damage: { lost: [{ fromSeq: block.firstSeq, toSeq: block.lastSeq }], reason, message } };
  }
  const parsed = parseSegment(file, { ...set, firstSeq: block.firstSeq }, block.lastSeq);
  return { records: parsed.records, soundBytes: parsed.soundBytes, damage: damageOf(path, parsed) };
}

function damageOf(path: string, parsed: ParsedSegment): SegmentDamage | undefined {
  if (parsed.lost.length === 0) return undefined;
  return { lost: parsed.lost, reason: "corrupt", message: `segment ${path} is damaged in ${parsed.lost.length} place(s)` };
}

async function readWhole(path: string, bytes: number): Promise<Buffer> {
  const handle = await open(path, "r");
  try {
    const out = Buffer.allocUnsafeSlow(bytes);
    let at = 0;
    while (at < bytes) {
      const { bytesRead } = await handle.read(out, at, bytes - at, at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return out.subarray(0, at);
  } finally {
    await handle.close();
  }
}
