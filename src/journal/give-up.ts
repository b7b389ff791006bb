// Applies the pure plan (give-up-plan.ts) to the blocks: what may be dropped as a whole, and what record by record.

import type { JournalRecord } from "../model/journal-port.js";
import { type Block, type DiskBlock, MemoryBlock } from "./block.js";
import type { BlockList } from "./block-list.js";
import { type ConnectionSpan, isInWindow, type Place, placeRecord, planGiveUp, type QueueUnit, type Window } from "./give-up-plan.js";
import type { JournalSettings } from "./journal-options.js";
import type { SegmentWriter } from "./segment-writer.js";

export interface GiveUpInput {
  readonly blocks: BlockList;
  readonly windows: readonly Window[];
  /** Records just taken back from a failed write: kept when the memory holds them. */
  readonly fresh: readonly MemoryBlock[];
  readonly memoryBytesMax: number;
}

export interface GiveUpChoice {
  readonly losses: readonly ConnectionSpan[];
  readonly dropped: ReadonlySet<Block>;
  /** Memory blocks of which only these records stay. */
  readonly thinned: ReadonlyMap<MemoryBlock, JournalRecord[]>;
}

interface BlockUnit extends QueueUnit {
  readonly block: Block;
  /** Set when the unit is one record of its block. */
  readonly record: JournalRecord | undefined;
}

function unitOf(block: Block): BlockUnit {
  return { fromSeq: block.firstSeq, toSeq: block.lastSeq, owners: [...block.tallies.keys()], block, record: undefined };
}

/** A memory block that somebody's window touches is decided on record by record; everything else as a whole. */
function unitsOf(block: Block, windows: readonly Window[]): BlockUnit[] {
  const whole = unitOf(block);
  if (block.kind === "disk" || !isInWindow(whole, windows)) return [whole];
  return block.records.map((record) => ({ fromSeq: record.seq, toSeq: record.seq, owners: [record.connectionId], block, record }));
}

function choose(units: readonly BlockUnit[], windows: readonly Window[], isKept: (unit: BlockUnit) => boolean): GiveUpChoice {
  const plan = planGiveUp(units, windows, isKept);
  const gone = new Set(plan.dropped);
  const dropped = new Set<Block>();
  const thinned = new Map<MemoryBlock, JournalRecord[]>();
  units.forEach(({ block, record }, index) => {
    if (record === undefined) {
      if (gone.has(index)) dropped.add(block);
    } else if (block.kind === "memory") {
      const kept = thinned.get(block) ?? [];
      thinned.set(block, kept);
      if (!gone.has(index)) kept.push(record);
    }
  });
  for (const [block, kept] of thinned) if (kept.length === 0) dropped.add(block);
  for (const block of dropped) if (block.kind === "memory") thinned.delete(block);
  return { losses: plan.losses, dropped, thinned };
}

/** Where a record goes that comes last. */
export function placeAmong(blocks: BlockList, frameBytes: number, headerBytes: number, settings: JournalSettings): Place {
  const { memoryBytesMax, diskBytesMax, segmentBytes } = settings;
  const { memoryBytes, diskBytes, isSpilling, last: tail } = blocks;
  const segmentRoomBytes = tail?.kind === "disk" && !tail.ended ? segmentBytes - tail.bytes : undefined;
  return placeRecord({ frameBytes, headerBytes, memoryBytes, memoryBytesMax, diskBytes, diskBytesMax, isSpilling, segmentRoomBytes });
}

export function chooseGiveUp({ blocks, windows, fresh, memoryBytesMax }: GiveUpInput): GiveUpChoice {
  const units = blocks.all().flatMap((block) => unitsOf(block, windows));
  const young = new Set<Block>(fresh);
  const keepingFresh = choose(units, windows, (unit) => young.has(unit.block) || isInWindow(unit, windows));
  if (fresh.length === 0 || memoryBytesAfter(blocks, keepingFresh) <= memoryBytesMax) return keepingFresh;
  return choose(units, windows, (unit) => isInWindow(unit, windows));
}

function memoryBytesAfter(blocks: BlockList, choice: GiveUpChoice): number {
  let bytes = 0;
  for (const block of blocks.all()) {
    if (block.kind !== "memory" || choice.dropped.has(block)) continue;
    const kept = choice.thinned.get(block);
    bytes += kept === undefined ? block.frameBytes : new MemoryBlock(kept).frameBytes;
  }
  return bytes;
}

/** At an orderly stop: what could not be written is given up, windows or not. */
export function chooseUnsaved(blocks: BlockList, windows: readonly Window[]): GiveUpChoice {
  return choose(blocks.all().map(unitOf), windows, ({ block }) => block.kind === "disk");
}

/** After a failed write: every record that is in no file returns to memory, in its place; files keep what is whole in them. */
export function takeBackUnwritten(blocks: BlockList, writer: SegmentWriter): MemoryBlock[] {
  const taken: MemoryBlock[] = [];
  for (const block of [...blocks.all()]) {
    if (block.kind !== "disk" || block.records === undefined || block.sealed || block.written === block.records.length) continue;
    block.failed = true;
    const memory = new MemoryBlock(block.records.slice(block.written));
    taken.push(memory);
    if (block.written === 0) {
      blocks.replace(block, [memory]);
      writer.remove(block);
    } else {
      cutToWritten(blocks, block);
      blocks.replace(block, [block, memory]);
      block.dropped = false;
      writer.seal(block);
    }
  }
  return taken;
}

function cutToWritten(blocks: BlockList, block: DiskBlock): void {
  blocks.change(block, () => {
    block.records = block.records?.slice(0, block.written);
    block.lastSeq = block.records?.at(-1)?.seq ?? block.lastSeq;
    block.bytes = block.fileBytes;
  });
  blocks.recount(block);
}
