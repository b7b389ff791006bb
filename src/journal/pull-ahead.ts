// What happens at the limits of the queue when nothing may be lost: what waits longest leaves it, and what it would have changed is
// entered in the dirty maps of those who will not get it. Entered and durable first, then dropped; appends wait meanwhile, in order.
//
//   append ─▶ no room ─▶ choose the oldest blocks ─▶ read ─▶ enter ─▶ commit ─▶ drop ─▶ place what waits

import { discardMemoryOf } from "../base/discard-buffer.js";
import { toSmError } from "../base/errors.js";
import { failpoint } from "../base/failpoint.js";
import { type Deferred, defer } from "../base/wait.js";
import type { DirtyTaker, JournalRecord } from "../model/journal-port.js";
import type { Block, DiskBlock } from "./block.js";
import type { BlockList } from "./block-list.js";
import type { CursorTable } from "./cursor-table.js";
import { type ConnectionSpan, isInWindow, lossesOf, type Place } from "./give-up-plan.js";
import type { Span } from "./span.js";

export interface PullAheadOptions {
  readonly taker: DirtyTaker;
  readonly blocks: BlockList;
  readonly cursors: CursorTable;
  readonly memoryBytesMax: () => number;
  readonly place: (record: JournalRecord) => Place;
  readonly put: (record: JournalRecord, place: Exclude<Place, "nowhere">) => Promise<void>;
  readonly load: (block: DiskBlock) => Promise<JournalRecord[]>;
  readonly drop: (blocks: ReadonlySet<Block>) => void;
  /** The maps cannot be made durable: these are to be repaired in another way. Told before they are dropped. */
  readonly onUnkept: (losses: readonly ConnectionSpan[], message: string) => void;
}

interface Waiting {
  readonly record: JournalRecord;
  readonly done: Deferred<void>;
}

/** Makes room for so much at a time: one wait for the disk for many sets. */
const PULL_BYTES = 8 * 1024 * 1024;

export class PullAhead {
  readonly #options: PullAheadOptions;
  readonly #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  /** What was taken back from a failed write must find room in memory. */
  #isRelieving = false;

  constructor(options: PullAheadOptions) {
    this.#options = options;
  }

  /** Appends have to wait for their turn. */
  get isBusy(): boolean {
    return this.#running !== undefined;
  }

  /** Resolves when the record has found its place, or what it changes is in the maps. */
  append(record: JournalRecord): Promise<void> {
    const done = defer<void>();
    this.#waiting.push({ record, done });
    this.#start();
    return done.promise;
  }

  /** A write failed, and what it should have written is in memory again. */
  relieve(): void {
    this.#isRelieving = true;
    this.#start();
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** At an orderly stop: blocks that could not be written. Everything of them is in memory. */
  async enterAll(blocks: readonly Block[]): Promise<void> {
    await this.#pull(blocks);
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#waiting.length > 0 || this.#isRelieving) this.#start();
    });
  }

  async #run(): Promise<void> {
    // Off the stack of whoever appends or failed to write.
    await Promise.resolve();
    while (this.#waiting.length > 0 || this.#isRelieving) {
      const isRelieving = this.#isRelieving;
      this.#isRelieving = false;
      this.#placeWaiting();
      if (!isRelieving && this.#waiting.length === 0) return;
      const chosen = isRelieving ? this.#chooseForMemory() : this.#chooseForPlace();
      if (chosen.length > 0) await this.#pull(chosen);
      else if (!isRelieving) await this.#enterWaiting();
      if (isRelieving) this.#options.blocks.pinSegments();
    }
  }

  #placeWaiting(): void {
    const { place, put, cursors } = this.#options;
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const { record, done } = first;
      const where = cursors.wants(record.connectionId, record.seq) ? place(record) : null;
      if (where === "nowhere") return;
      this.#waiting.shift();
      if (where === null) done.resolve();
      else void put(record, where).then(done.resolve);
    }
  }

  /** The oldest that nobody is being sent. Segments first: they are what there is no room for. */
  #chooseForPlace(): Block[] {
    const { blocks } = this.#options;
    const free = this.#free();
    const segments = free.filter((block) => block.kind === "disk");
    if (segments.length > 0) return oldest(segments, PULL_BYTES);
    return blocks.isSpilling ? [] : oldest(free, PULL_BYTES);
  }

  /** The disk takes nothing: the oldest segments make room on it, the oldest in memory make room there. */
  #chooseForMemory(): Block[] {
    const { blocks, memoryBytesMax } = this.#options;
    const free = this.#free();
    const segments = oldest(
      free.filter((block) => block.kind === "disk"),
      PULL_BYTES,
    );
    const memory = free.filter((block) => block.kind === "memory");
    return [...segments, ...oldest(memory, blocks.memoryBytes - memoryBytesMax())];
  }

  /** Nobody is being sent it, and no job waits for it: what a repair sends would have to be repaired again. */
  #free(): Block[] {
    const { blocks, cursors } = this.#options;
    const windows = cursors.all();
    const isOfJob = ({ tallies }: Block): boolean => [...tallies].some(([id, tally]) => id !== 0 && cursors.wants(id, tally.lastSeq));
    return blocks.all().filter((block) => !isOfJob(block) && !isInWindow({ fromSeq: block.firstSeq, toSeq: block.lastSeq }, windows));
  }

  async #pull(chosen: readonly Block[]): Promise<void> {
    const { load, drop, cursors } = this.#options;
    const dropped = new Set<Block>();
    const entered = new Map<Block, readonly JournalRecord[]>();
    const losses: ConnectionSpan[] = [];
    let failure: string | null = null;
    for (const block of chosen) {
      if (block.dropped) continue;
      // Before it is read: whoever stands before it now loses it.
      losses.push(...this.#lossesOf({ fromSeq: block.firstSeq, toSeq: block.lastSeq }, [...block.tallies.keys()]));
      const records = block.records ?? (await load(block as DiskBlock));
      entered.set(block, [...records]);
      failure ??= this.#enter(records);
      dropped.add(block);
    }
    failure ??= await this.#commit();
    failpoint("dirty.pull.beforeDrop");
    if (failure !== null) this.#options.onUnkept(losses, failure);
    for (const block of dropped) if (block.dropped) dropped.delete(block);
    drop(dropped);
    for (const [block, records] of entered) {
      // In nobody's hands: whoever is given a record is inside its block, and what is being written is not sealed.
      const isFree = block.dropped && !cursors.areIn(block) && (block.kind === "memory" || block.sealed);
      if (isFree) discardMemoryOf(records.map(({ bytes }) => bytes));
    }
    failpoint("dirty.pull.afterDrop");
    if (failure === null) this.#options.taker.onLeft(losses);
  }

  /** No room can be made: all of the queue is being sent. */
  async #enterWaiting(): Promise<void> {
    const waiting = [...this.#waiting];
    const losses = waiting.flatMap(({ record: { seq, connectionId } }) => this.#lossesOf({ fromSeq: seq, toSeq: seq }, [connectionId]));
    const failure = this.#enter(waiting.map(({ record }) => record)) ?? (await this.#commit());
    failpoint("dirty.pull.beforeDrop");
    if (failure !== null) this.#options.onUnkept(losses, failure);
    else this.#options.taker.onLeft(losses);
    this.#waiting.splice(0, waiting.length);
    failpoint("dirty.pull.afterDrop");
    for (const { done } of waiting) done.resolve();
  }

  #lossesOf(span: Span, owners: readonly number[]): ConnectionSpan[] {
    return lossesOf(span, owners, this.#options.cursors.all());
  }

  /** Why it could not be done; null = it was. */
  #enter(records: readonly JournalRecord[]): string | null {
    const { taker, cursors } = this.#options;
    try {
      for (const record of records) {
        for (const { connectionId, passedSeq } of cursors.all()) {
          const isTheirs = record.connectionId === 0 || record.connectionId === connectionId;
          if (isTheirs && passedSeq < record.seq) taker.enter(connectionId, record);
        }
      }
      return null;
    } catch (error) {
      return toSmError(error, "JOURNAL_IO", "the dirty map could not take what was queued").message;
    }
  }

  async #commit(): Promise<string | null> {
    try {
      await this.#options.taker.commit();
      return null;
    } catch (error) {
      return toSmError(error, "JOURNAL_IO", "the dirty map could not be written").message;
    }
  }
}

function oldest(blocks: readonly Block[], bytesWanted: number): Block[] {
  const chosen: Block[] = [];
  let bytes = 0;
  for (const block of blocks) {
    if (bytes >= bytesWanted) break;
    chosen.push(block);
    bytes += block.kind === "memory" ? block.frameBytes : block.bytes;
  }
  return chosen;
}
