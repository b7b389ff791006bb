// The blocks of a journal in order of sequence, with their sums. The only place that adds and removes them.

import type { JournalRecord } from "../model/journal-port.js";
import { type Block, type DiskBlock, firstAbove, type MemoryBlock, tallyRecords, type Weight } from "./block.js";
import type { Cursor } from "./cursor-table.js";

interface Sum {
  readonly version: number;
  readonly after: Block;
  readonly weight: Weight;
}

export class BlockList {
  #blocks: Block[] = [];
  #memoryBytes = 0;
  #diskBytes = 0;
  #segments = 0;
  #pinned = 0;
  /** Changes whenever a block between the first and the last comes, goes or is counted anew. */
  #version = 0;
  readonly #sums = new WeakMap<Cursor, Sum>();

  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  get diskBytes(): number {
    return this.#diskBytes;
  }

  get segments(): number {
    return this.#segments;
  }

  /** Segments wait that are not merely kept until their acknowledgement. */
  get isSpilling(): boolean {
    return this.#segments > this.#pinned;
  }

  get first(): Block | undefined {
    return this.#blocks[0];
  }

  get last(): Block | undefined {
    return this.#blocks.at(-1);
  }

  all(): readonly Block[] {
    return this.#blocks;
  }

  add(block: Block): void {
    this.#blocks.push(block);
    this.#count(block, 1);
  }

  /** Runs a change of one block's content with the sums kept right. */
  change<B extends Block>(block: B, change: (block: B) => void): void {
    const before = sizeOf(block);
    change(block);
    if (block.kind === "memory") this.#memoryBytes += sizeOf(block) - before;
    else this.#diskBytes += sizeOf(block) - before;
  }

  /** Only `records` of the block stay; nothing happens to a block that is no longer here. */
  retain(block: MemoryBlock, records: JournalRecord[]): void {
    if (block.dropped) return;
    this.change(block, () => block.retain(records));
    this.#version++;
  }

  /** As after `change`, where what is left is counted anew. */
  recount(block: DiskBlock): void {
    block.tallies = tallyRecords(block.records ?? []);
    this.#version++;
  }

  /** Puts `by` in the place of `block` (nothing: removes it). */
  replace(block: Block, by: readonly Block[]): void {
    this.replaceRange(block, 1, by);
  }

  /** Puts `by` in the place of `count` blocks that begin with `from`. */
  replaceRange(from: Block, count: number, by: readonly Block[]): void {
    const at = this.#blocks.indexOf(from);
    if (at < 0) return;
    for (const old of this.#blocks.splice(at, count, ...by)) {
      old.dropped = true;
      this.#count(old, -1);
    }
    for (const block of by) this.#count(block, 1);
  }

  removeAll(blocks: ReadonlySet<Block>): void {
    if (blocks.size === 0) return;
    const kept: Block[] = [];
    for (const block of this.#blocks) {
      if (!blocks.has(block)) kept.push(block);
      else {
        block.dropped = true;
        this.#count(block, -1);
      }
    }
    this.#blocks = kept;
  }

  pinSegments(): void {
    for (const block of this.#blocks) if (block.kind === "disk") block.pinned = true;
    this.#pinned = this.#segments;
  }

  /** The block that follows one of the list. */
  after(block: Block): Block | undefined {
    return this.#blocks[this.indexAfter(block.lastSeq)];
  }

  /** Bytes that `cursor` is still to receive or to acknowledge, by where they are. */
  placesAfter({ connectionId, passedSeq }: Cursor): { readonly memoryBytes: number; readonly diskBytes: number } {
    let [memoryBytes, diskBytes] = [0, 0];
    for (let i = this.indexAfter(passedSeq); i < this.#blocks.length; i++) {
      const block = this.#blocks[i] as Block;
      const { bytes } = block.weightAfter(connectionId, passedSeq);
      if (block.kind === "memory") memoryBytes += bytes;
      else diskBytes += bytes;
    }
    return { memoryBytes, diskBytes };
  }

  /** Index of the first block that reaches beyond `seq`. */
  indexAfter(seq: number): number {
    return firstAbove(this.#blocks.length, (index) => this.#blocks[index]?.lastSeq ?? Number.POSITIVE_INFINITY, seq);
  }

  /** The first block that has something for `connectionId` after `afterSeq`, and how far there was nothing. */
  find(connectionId: number, afterSeq: number): { readonly block: Block | undefined; readonly emptyTo: number } {
    let emptyTo = afterSeq;
    for (let i = this.indexAfter(afterSeq); i < this.#blocks.length; i++) {
      const block = this.#blocks[i];
      if (block === undefined || block.hasFor(connectionId, afterSeq)) return { block, emptyTo };
      emptyTo = block.lastSeq;
    }
    return { block: undefined, emptyTo };
  }

  /** As `find`, and remembers where there was nothing for the consumer: a long stretch for others is passed over once, not at each call. */
  findFor(connectionId: number, cursor: Cursor | undefined, afterSeq: number): Block | undefined {
    if (cursor === undefined) return this.find(connectionId, afterSeq).block;
    const isKnownEmpty = afterSeq >= cursor.emptyFrom && afterSeq <= cursor.emptyTo;
    const { block, emptyTo } = this.find(connectionId, isKnownEmpty ? cursor.emptyTo : afterSeq);
    if (!isKnownEmpty) cursor.emptyFrom = afterSeq;
    cursor.emptyTo = emptyTo;
    return block;
  }

  /** What `cursor` is still to receive or to acknowledge. The sum over whole blocks is kept until a block comes or goes. */
  weightAfter(cursor: Cursor): Weight {
    const at = this.indexAfter(cursor.passedSeq);
    const first = this.#blocks[at];
    if (first === undefined) return { records: 0, bytes: 0 };
    const partial = first.weightAfter(cursor.connectionId, cursor.passedSeq);
    const last = this.#blocks.at(-1);
    if (last === undefined || last === first) return partial;
    const middle = this.#middleWeight(cursor, at, first);
    const tail = last.weight(cursor.connectionId);
    return { records: partial.records + middle.records + tail.records, bytes: partial.bytes + middle.bytes + tail.bytes };
  }

  #middleWeight(cursor: Cursor, at: number, first: Block): Weight {
    const known = this.#sums.get(cursor);
    if (known !== undefined && known.version === this.#version && known.after === first) return known.weight;
    let [records, bytes] = [0, 0];
    for (let i = at + 1; i < this.#blocks.length - 1; i++) {
      const weight = this.#blocks[i]?.weight(cursor.connectionId);
      records += weight?.records ?? 0;
      bytes += weight?.bytes ?? 0;
    }
    const weight = { records, bytes };
    this.#sums.set(cursor, { version: this.#version, after: first, weight });
    return weight;
  }

  #count(block: Block, sign: 1 | -1): void {
    this.#version++;
    if (block.kind === "memory") {
      this.#memoryBytes += sign * block.frameBytes;
      return;
    }
    this.#diskBytes += sign * block.bytes;
    this.#segments += sign;
    if (block.pinned) this.#pinned += sign;
  }
}

function sizeOf(block: Block): number {
  return block.kind === "memory" ? block.frameBytes : block.bytes;
}
