// The orderly stop: memory becomes segments, everything is synced, and only then the state file says "clean".

import { open } from "node:fs/promises";
import { join } from "node:path";
import { SmError } from "../base/errors.js";
import type { JournalRecord } from "../model/journal-port.js";
import type { Block, DiskBlock } from "./block.js";
import type { BlockList } from "./block-list.js";
import type { CursorTable } from "./cursor-table.js";
import { frameBytesOf } from "./segment-format.js";
import type { SegmentWriter, WriteFailure } from "./segment-writer.js";
import type { Span } from "./span.js";
import { syncDirectory, writeState } from "./state-file.js";

export interface PersistInput {
  readonly directory: string;
  readonly setName: string;
  readonly epoch: string;
  readonly lastSeq: number;
  readonly segmentBytes: number;
  readonly blocks: BlockList;
  readonly writer: SegmentWriter;
  readonly cursors: CursorTable;
  readonly lost: () => readonly Span[];
  readonly newSegment: (firstSeq: number) => DiskBlock;
  /** The write failure of this stop, if there was one; what it concerned is back in memory. */
  readonly failure: () => WriteFailure | undefined;
  /** Gives up what is still in memory. */
  readonly onUnsaved: (failure: WriteFailure) => Promise<void>;
}

/** Rejects when the state cannot be made durable: the next open then finds an unclean stop. */
export async function persist(input: PersistInput): Promise<void> {
  const { directory, setName, epoch, lastSeq, blocks, writer, cursors } = input;
  sealAll(input);
  await writer.idle();
  await writeMemory(input);
  const failure = input.failure();
  if (failure !== undefined) await input.onUnsaved(failure);
  sealAll(input);
  await writer.idle();
  const segments = blocks.all().filter((block) => block.kind === "disk");
  for (const segment of segments) await syncSegment(directory, segment);
  await syncDirectory(directory);
  await writeState(directory, {
    clean: true,
    setName,
    epoch,
    lastSeq,
    cursors: cursors.all(),
    lost: input.lost(),
    segments: segments.map(({ firstSeq, lastSeq: last, fileBytes, tallies }) => ({ firstSeq, lastSeq: last, fileBytes, tallies })),
  });
}

function sealAll({ blocks, writer }: PersistInput): void {
  for (const block of blocks.all()) if (block.kind === "disk" && !block.sealed) writer.seal(block);
}

interface MemoryRun {
  readonly blocks: Block[];
  readonly records: JournalRecord[];
}

function memoryRuns({ blocks, cursors }: PersistInput): MemoryRun[] {
  const runs: MemoryRun[] = [];
  let run: MemoryRun | undefined;
  for (const block of blocks.all()) {
    if (block.kind === "disk") {
      run = undefined;
      continue;
    }
    if (run === undefined) {
      run = { blocks: [], records: [] };
      runs.push(run);
    }
    run.blocks.push(block);
    for (const record of block.records) if (cursors.wants(record.connectionId, record.seq)) run.records.push(record);
  }
  return runs;
}

/** Each run of memory blocks becomes segments in its place; their names sort by sequence. Stops at the first failure. */
async function writeMemory(input: PersistInput): Promise<void> {
  const { blocks, writer, failure } = input;
  for (const run of memoryRuns(input)) {
    const first = run.blocks[0];
    if (failure() !== undefined || first === undefined) return;
    const segments = segmentsOf(input, run.records);
    blocks.replaceRange(first, run.blocks.length, segments);
    for (const segment of segments) {
      for (const record of segment.records ?? []) void writer.append(segment, record);
      writer.seal(segment);
      await writer.idle();
      if (failure() !== undefined) break;
    }
  }
}

function segmentsOf({ newSegment, segmentBytes }: PersistInput, records: readonly JournalRecord[]): DiskBlock[] {
  const segments: DiskBlock[] = [];
  for (const record of records) {
    let segment = segments.at(-1);
    if (segment === undefined || segment.bytes + frameBytesOf(record) > segmentBytes) {
      segment = newSegment(record.seq);
      segments.push(segment);
    }
    segment.push(record);
  }
  return segments;
}

async function syncSegment(directory: string, segment: DiskBlock): Promise<void> {
  const path = join(directory, segment.fileName);
  if (!segment.sealed) throw new SmError("JOURNAL_IO", `segment ${path} could not be sealed`);
  if (segment.synced) return;
  const handle = await open(path, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  segment.synced = true;
}
