// The journal of one replication set: change sets in order, the oldest in memory, the rest in segments on disk, until
// every consumer has passed them. It stands between capture (append) and the connections (next, advance).
//
// Invariants:
// - Nothing leaves before every cursor that wants it has passed it, unless a loss was reported first.
// - next() hands out the bytes that were appended, or nothing: damage becomes a loss, never other bytes.
// - All decisions about blocks are made synchronously here; files follow through the writer's queue.
// - Memory: memoryBytesMax, plus two segments for each consumer (one is read ahead) and one more, plus what is being written.
// - Appends never fail because of the disk: at a limit or on an error what waits goes to the dirty maps, or to a mirror.

import { assert } from "../base/assert.js";
import { SmError, toSmError } from "../base/errors.js";
import { SET_BYTES_MAX } from "../model/change-set.js";
import type { DirtyTaker, Journal, JournalLoss, JournalRecord, JournalStats } from "../model/journal-port.js";
import { type Block, DiskBlock, MemoryBlock, nextRecord } from "./block.js";
import { BlockList } from "./block-list.js";
import { CursorTable } from "./cursor-table.js";
import { chooseGiveUp, chooseUnsaved, type GiveUpChoice, placeAmong, takeBackUnwritten } from "./give-up.js";
import { lossesOf, type Place } from "./give-up-plan.js";
import { type DiskJournalOptions, type JournalSettings, settingsOf } from "./journal-options.js";
import { LossBook } from "./loss-book.js";
import { persist } from "./persist.js";
import { PullAhead } from "./pull-ahead.js";
import { type Recovered, type Recovery, recover } from "./recover.js";
import { frameBytesOf, segmentHeaderBytes } from "./segment-format.js";
import { PART_SUFFIX, segmentName } from "./segment-name.js";
import { type SegmentDamage, SegmentReader } from "./segment-reader.js";
import { SegmentWriter, type WriteFailure } from "./segment-writer.js";
import type { Span } from "./span.js";

const ACCEPTED = Promise.resolve();

export class DiskJournal implements Journal {
  /** How the last run ended: "clean" goes on in its epoch; the others began a new one with sequence 1. */
  readonly recovered: Recovered;
  readonly epoch: string;
  #settings: JournalSettings;
  readonly #headerBytes: number;
  readonly #blocks = new BlockList();
  readonly #cursors = new CursorTable();
  readonly #losses: LossBook;
  readonly #writer: SegmentWriter;
  /** Null: what does not fit is a loss. */
  readonly #ahead: PullAhead | null;
  readonly #reader: SegmentReader;
  readonly #appendListeners = new Set<() => void>();
  readonly #onReleased: (record: JournalRecord) => void;
  #lastSeq: number;
  #notice: NodeJS.Immediate | undefined;
  #closing: Promise<void> | undefined;
  #closeFailure: WriteFailure | undefined;

  private constructor(settings: JournalSettings, recovery: Recovery, { onReleased = () => undefined, dirty }: DiskJournalOptions) {
    this.#settings = settings;
    this.#onReleased = onReleased;
    this.#headerBytes = segmentHeaderBytes(settings.setName);
    this.recovered = recovery.recovered;
    this.epoch = recovery.state.epoch;
    this.#lastSeq = recovery.state.lastSeq;
    this.#losses = new LossBook(settings.log);
    const { directory, setName, log } = settings;
    const { epoch } = this;
    this.#writer = new SegmentWriter({
      ...{ directory, setName, epoch, log },
      minFreeBytes: () => this.#settings.minFreeBytes,
      onFailure: (failure) => this.#onWriteFailure(failure),
      onSealed: (block) => this.#onSealed(block),
    });
    this.#reader = new SegmentReader({
      ...{ directory, setName, epoch },
      residentMax: () => 2 * this.#cursors.size + 1,
      isInUse: (block) => this.#cursors.areIn(block),
      onDamage: (block, records, damage) => this.#onDamage(block, records, damage),
    });
    this.#ahead = dirty === undefined ? null : this.#createAhead(dirty);
  }

  #createAhead(taker: DirtyTaker): PullAhead {
    return new PullAhead({
      taker,
      blocks: this.#blocks,
      cursors: this.#cursors,
      memoryBytesMax: () => this.#settings.memoryBytesMax,
      place: (record) => this.#place(record),
      put: (record, place) => this.#put(record, place),
      load: (block) => this.#reader.load(block),
      drop: (blocks) => this.#drop(blocks),
      onUnkept: (losses, message) => this.#losses.reportAll(losses, { reason: "io", message }),
    });
  }

  static async open(options: DiskJournalOptions): Promise<DiskJournal> {
    const settings = settingsOf(options);
    const recovery = await recover({ directory: settings.directory, setName: settings.setName, makeEpoch: options.makeEpoch, log: settings.log });
    const journal = new DiskJournal(settings, recovery, options);
    journal.#restore(recovery);
    return journal;
  }

  #restore({ state, blocks, damages }: Recovery): void {
    for (const cursor of state.cursors) this.#cursors.set(cursor.connectionId, cursor.passedSeq);
    for (const block of blocks) {
      this.#blocks.add(block);
      if (block.records === undefined) continue;
      this.#blocks.recount(block);
      this.#reader.touch(block);
    }
    this.#losses.restore(state.lost, (span) => this.#cursors.behind(span.toSeq));
    for (const damage of damages) this.#reportDamage(damage.lost, damage);
  }

  /** Last sequence number appended in this epoch: the producer goes on after it. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** The consumers known, those restored from the last run included: the owner removes those that are no more. */
  cursors(): readonly { readonly connectionId: number; readonly passedSeq: number }[] {
    return this.#cursors.all().map(({ connectionId, passedSeq }) => ({ connectionId, passedSeq }));
  }

  append(record: JournalRecord): Promise<void> {
    try {
      return this.#append(record);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #append(record: JournalRecord): Promise<void> {
    const { setName, segmentBytes } = this.#settings;
    if (this.#closing !== undefined) throw new SmError("JOURNAL_IO", `the queue of ${setName} is closed`);
    assert(!this.#losses.isTelling, "no record is appended from within a loss report");
    assert(Number.isSafeInteger(record.seq) && record.seq > this.#lastSeq, `record ${record.seq} follows ${this.#lastSeq}`);
    const frameBytes = frameBytesOf(record);
    assert(
      record.bytes.length <= SET_BYTES_MAX && this.#headerBytes + frameBytes <= segmentBytes,
      `record ${record.seq} of ${record.bytes.length} bytes is too large`,
    );
    this.#lastSeq = record.seq;
    if (!this.#cursors.wants(record.connectionId, record.seq)) return ACCEPTED;
    if (this.#ahead !== null && (this.#ahead.isBusy || this.#place(record) === "nowhere")) return this.#ahead.append(record);
    let place = this.#place(record);
    if (place === "nowhere") {
      this.#giveUp({ reason: "full", message: `the queue of ${setName} reached its limit of ${this.#settings.diskBytesMax} bytes on disk` }, []);
      place = this.#place(record);
    }
    if (place === "nowhere") {
      this.#loseRecord(record);
      return ACCEPTED;
    }
    return this.#put(record, place);
  }

  #put(record: JournalRecord, place: Exclude<Place, "nowhere">): Promise<void> {
    this.#notify();
    return place === "memory" ? this.#appendToMemory(record) : this.#appendToSegment(record, place);
  }

  /** What jobs have on its way is limited elsewhere and may go beyond: a repair that is given up only makes itself necessary again. */
  #place(record: JournalRecord): Place {
    const settings = record.connectionId === 0 ? this.#settings : { ...this.#settings, diskBytesMax: null };
    return placeAmong(this.#blocks, frameBytesOf(record), this.#headerBytes, settings);
  }

  #appendToMemory(record: JournalRecord): Promise<void> {
    const tail = this.#blocks.last;
    if (tail?.kind === "memory" && tail.hasRoom(frameBytesOf(record))) this.#blocks.change(tail, (block) => block.push(record));
    else {
      this.#endTail();
      this.#blocks.add(new MemoryBlock([record]));
    }
    return ACCEPTED;
  }

  #appendToSegment(record: JournalRecord, place: "segment" | "new-segment"): Promise<void> {
    if (place === "new-segment") {
      this.#endTail();
      this.#blocks.add(this.#newSegment(record.seq));
    }
    const block = this.#blocks.last;
    assert(block?.kind === "disk", "the last block takes the record");
    this.#blocks.change(block, () => block.push(record));
    return this.#writer.append(block, record);
  }

  #newSegment(firstSeq: number): DiskBlock {
    return new DiskBlock(segmentName(this.#settings.setName, this.epoch, firstSeq) + PART_SUFFIX, firstSeq, this.#headerBytes);
  }

  #endTail(): void {
    const tail = this.#blocks.last;
    if (tail?.kind === "disk" && !tail.ended) this.#writer.seal(tail);
  }

  #notify(): void {
    this.#notice ??= setImmediate(() => {
      this.#notice = undefined;
      for (const listener of [...this.#appendListeners]) listener();
    });
  }

  addCursor(connectionId: number, afterSeq: number): void {
    assert(connectionId > 0, "a consumer has a connection id above 0");
    // A position beyond the end (of another epoch, say) must not swallow what comes next.
    const from = Math.min(afterSeq, this.#lastSeq);
    const old = this.#cursors.get(connectionId)?.passedSeq;
    if (from < (old ?? Number.POSITIVE_INFINITY) && from < this.#firstSeq() - 1) {
      const { log, setName: set } = this.#settings;
      log.warn("a consumer starts before the oldest change set held", { set, connectionId, afterSeq, firstSeq: this.#firstSeq() });
    }
    this.#cursors.set(connectionId, from);
    if (old !== undefined && old < from) this.#release(old, from);
    this.#losses.retell(connectionId, from, old ?? Number.POSITIVE_INFINITY);
  }

  removeCursor(connectionId: number): void {
    if (this.#cursors.delete(connectionId)) this.#release(0, this.#lastSeq);
  }

  async next(connectionId: number, afterSeq: number): Promise<JournalRecord | undefined> {
    let from = afterSeq;
    while (this.#closing === undefined) {
      const block = this.#blocks.findFor(connectionId, this.#cursors.get(connectionId), from);
      if (block === undefined) return undefined;
      const records = block.records ?? (await this.#reader.load(block as DiskBlock));
      if (block.dropped) continue;
      const record = nextRecord(records, connectionId, from);
      if (record === undefined) {
        from = block.lastSeq;
        continue;
      }
      const cursor = this.#cursors.get(connectionId);
      if (block.kind === "disk") {
        this.#reader.touch(block);
        if (cursor !== undefined && cursor.readSeq < block.firstSeq) this.#reader.readAhead(this.#blocks.after(block));
      }
      if (cursor !== undefined) cursor.readSeq = record.seq;
      return record;
    }
    return undefined;
  }

  advance(connectionId: number, seq: number): void {
    const cursor = this.#cursors.get(connectionId);
    const to = Math.min(seq, this.#lastSeq);
    if (cursor === undefined || to <= cursor.passedSeq) return;
    const from = cursor.passedSeq;
    this.#cursors.pass(cursor, to);
    this.#release(from, to, this.#onReleased);
  }

  /** Looks at the blocks that a cursor moved over and lets go of what nobody wants. */
  #release(afterSeq: number, toSeq: number, onRelease: (record: JournalRecord) => void = () => undefined): void {
    if (this.#closing !== undefined) return;
    const [blocks, unwanted] = [this.#blocks.all(), new Set<Block>()];
    for (let i = this.#blocks.indexAfter(afterSeq); i < blocks.length; i++) {
      const block = blocks[i];
      if (block === undefined || block.firstSeq > toSeq) break;
      if (!this.#cursors.wantAny(block.tallies)) unwanted.add(block);
      else if (block.kind === "memory") this.#blocks.change(block, () => block.release((r) => this.#cursors.wants(r.connectionId, r.seq), onRelease));
      else if (block.index !== undefined && !this.#cursors.areIn(block)) block.index = undefined;
    }
    for (const { kind, records } of unwanted) if (kind === "memory") records?.forEach(onRelease);
    this.#drop(unwanted);
    this.#losses.forget(this.#cursors.minPassedSeq);
  }

  #drop(blocks: ReadonlySet<Block>): void {
    this.#blocks.removeAll(blocks);
    for (const block of blocks) {
      if (block.kind !== "disk") continue;
      this.#reader.forget(block);
      this.#writer.remove(block);
    }
  }

  #onSealed(block: DiskBlock): void {
    // Somebody who reads right behind the writer finds the records still there; for others they would only be in the way.
    const isReadNow = this.#cursors.all().some((cursor) => cursor.readSeq >= block.firstSeq - 1 && cursor.readSeq < block.lastSeq);
    if (isReadNow) this.#reader.touch(block);
    else this.#reader.evictWritten(block);
  }

  #onWriteFailure(failure: WriteFailure): void {
    const fresh = takeBackUnwritten(this.#blocks, this.#writer);
    if (this.#closing !== undefined) this.#closeFailure = failure;
    else if (this.#ahead === null) this.#giveUp(failure, fresh);
    else this.#ahead.relieve();
  }

  #giveUp(failure: WriteFailure, fresh: readonly MemoryBlock[]): void {
    const { memoryBytesMax } = this.#settings;
    this.#carryOut(chooseGiveUp({ blocks: this.#blocks, windows: this.#cursors.all(), fresh, memoryBytesMax }), failure);
    this.#blocks.pinSegments();
  }

  #carryOut(choice: GiveUpChoice, failure: WriteFailure): void {
    const { log, setName } = this.#settings;
    if (choice.losses.length > 0) log.warn("the queue gives up what waits; a mirror repairs it", { set: setName, ...failure });
    this.#losses.reportAll(choice.losses, failure);
    for (const [block, records] of choice.thinned) this.#blocks.retain(block, records);
    this.#drop(choice.dropped);
  }

  #loseRecord(record: JournalRecord): void {
    const { seq, connectionId } = record;
    const message = `the queue of ${this.#settings.setName} is full of change sets that are being sent`;
    this.#losses.reportAll(lossesOf({ fromSeq: seq, toSeq: seq }, [connectionId], this.#cursors.all()), { reason: "full", message });
  }

  #onDamage(block: DiskBlock, records: JournalRecord[], damage: SegmentDamage): void {
    const fresh = damage.lost.filter((span) => !block.knownLost.some((known) => known.fromSeq <= span.fromSeq && known.toSeq >= span.toSeq));
    block.knownLost = damage.lost;
    this.#reportDamage(fresh, damage);
    if (records.length === 0) {
      this.#drop(new Set([block]));
      return;
    }
    block.records = records;
    this.#blocks.recount(block);
  }

  #reportDamage(lost: readonly Span[], { reason, message }: SegmentDamage): void {
    if (lost.length > 0) this.#settings.log.warn("part of the queue cannot be read; a mirror repairs it", { set: this.#settings.setName, reason, message });
    for (const span of lost) this.#losses.reportAll(lossesOf(span, [0], this.#cursors.all()), { reason, message });
  }

  onAppend(listener: () => void): () => void {
    this.#appendListeners.add(listener);
    return () => this.#appendListeners.delete(listener);
  }

  /** A loss found while opening is told to the first listener, within this call. */
  onLoss(listener: (loss: JournalLoss) => void): () => void {
    return this.#losses.subscribe(listener);
  }

  /** Exact, but for a segment that was never read since the journal was opened or the cursor added: there by its share. */
  backlog(connectionId: number): { readonly records: number; readonly bytes: number } {
    const cursor = this.#cursors.get(connectionId);
    return cursor === undefined ? { records: 0, bytes: 0 } : this.#blocks.weightAfter(cursor);
  }

  /** The same, by where it is. Looks at every block: not to be asked often. */
  backlogPlaces(connectionId: number): { readonly memoryBytes: number; readonly diskBytes: number } {
    const cursor = this.#cursors.get(connectionId);
    return cursor === undefined ? { memoryBytes: 0, diskBytes: 0 } : this.#blocks.placesAfter(cursor);
  }

  /** From the next change on. What is in memory stays there until it is passed. */
  setLimits(limits: Pick<JournalSettings, "memoryBytesMax" | "diskBytesMax" | "minFreeBytes">): void {
    this.#settings = { ...this.#settings, ...limits };
  }

  #firstSeq(): number {
    return this.#blocks.first?.firstSeq ?? this.#lastSeq + 1;
  }

  /** `memoryBytes` and `diskBytes` are what is queued in each, frames included. */
  stats(): JournalStats {
    const { memoryBytes, diskBytes, segments } = this.#blocks;
    return { epoch: this.epoch, firstSeq: this.#firstSeq(), lastSeq: this.#lastSeq, memoryBytes, diskBytes, segments };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearImmediate(this.#notice);
    const { directory, setName, segmentBytes } = this.#settings;
    try {
      await this.#ahead?.idle();
      await persist({
        directory,
        setName,
        epoch: this.epoch,
        lastSeq: this.#lastSeq,
        segmentBytes,
        blocks: this.#blocks,
        writer: this.#writer,
        cursors: this.#cursors,
        lost: () => this.#losses.spans,
        newSegment: (firstSeq) => this.#newSegment(firstSeq),
        failure: () => this.#closeFailure,
        onUnsaved: async (failure) => {
          const choice = chooseUnsaved(this.#blocks, this.#cursors.all());
          if (this.#ahead === null) this.#carryOut(choice, failure);
          else await this.#ahead.enterAll([...choice.dropped]);
        },
      });
    } catch (error) {
      throw toSmError(error, "JOURNAL_IO", `cannot close the queue of ${setName} in ${directory} in order`);
    } finally {
      await this.#writer.close();
    }
  }
}
