// Tells which byte ranges of which inodes were written, on ext4, xfs and btrfs, from the kernel's own trace events.
//
// The contract of `drain`: it is synchronous, and when it returns, every write that had returned to its caller before the
// call is in the table. A direct write counts from its end; an asynchronous one from the moment its end can be seen.
// So the loop of a consistent cut is: drain, take, read what was named; drain again; nothing new = nothing that was read
// has changed meanwhile. Three rules for whoever reads:
//   - `settledSize` first, then read up to that size (the writer holds the lock of the inode from before its event to
//     after its effect);
//   - `lost` > 0: what was written is not known; every inode of these volumes may have changed;
//   - MARK_MAPPED: later stores into the same pages are silent until `MappedFiles.settle`.
// Not seen here: a file that only grows (truncate(2), fallocate(2)) writes no byte and raises no event on ext4; fanotify tells
// that it was modified, and the size is read with every look at a file. On btrfs a modify hint asks for `takePossible`, too.
//
// Events come by processor. Those that mean something alone are decoded as they are read, in any order, because a table of
// dirty ranges has none; the others are brought into order first (iomap-tracker.ts).

import { SmError } from "../base/errors.js";
import { IomapTracker } from "./iomap-tracker.js";
import { DEFAULT_RANGE_LIMITS, type DirtyInode, type InodeId, type RangeTableLimits, type WantsInode } from "./range-table.js";
import { type DecodeContext, ext4Plans, iomapPlans, type TraceEventPlan } from "./trace-events.js";
import { btrfsPlans } from "./trace-events-btrfs.js";
import { dirtyFolioPlan, mapCallPlan } from "./trace-events-mapping.js";
import { xfsPlans } from "./trace-events-xfs.js";
import type { TraceInstanceOptions } from "./trace-instance.js";
import { monotonicNs, TraceReader } from "./trace-reader.js";
import { type MapCall, TraceSink } from "./trace-sink.js";
import type { TraceVolume } from "./trace-volume.js";

export interface TraceRangesOptions extends TraceInstanceOptions {
  /** To watch others later: open anew with all of them, then close this one; nothing is missed in between. */
  readonly volumes: readonly TraceVolume[];
  readonly limits?: RangeTableLimits | undefined;
  /** Tell calls of mmap(2) for shared and writable mappings. Default true. */
  readonly withMapCalls?: boolean | undefined;
  /** Of which inodes ranges are kept, as it is during a drain: what is told of others is dropped. Default: all. */
  readonly wants?: WantsInode | undefined;
}

export interface TraceDrain {
  /** Records decoded in this drain. */
  readonly events: number;
  /** Records lost since the drain before; at least 1 when any inode may have changed unseen. */
  readonly lost: number;
}

export interface TraceStats {
  readonly drains: number;
  readonly events: number;
  readonly lost: number;
  /** Read from the rings, whole pages. */
  readonly bytes: number;
  readonly dirtyInodes: number;
  readonly dirtyRanges: number;
}

/** The trace clock is a fast reading of the monotonic clock, which may run ahead or behind by some microseconds. */
const CLOCK_SLACK_NS = 50_000;

export class TraceRanges {
  /** What is not seen, in one sentence each. */
  readonly blindSpots: readonly string[];
  readonly #reader: TraceReader;
  readonly #sink: TraceSink;
  readonly #iomap: IomapTracker;
  readonly #context: DecodeContext;
  /** By device. */
  #mapped = new Map<number, Set<number>>();
  #areFoliosOn = false;
  #lost = 0;
  #drains = 0;

  private constructor(reader: TraceReader, options: TraceRangesOptions) {
    this.#reader = reader;
    this.#sink = new TraceSink(options.limits ?? DEFAULT_RANGE_LIMITS, options.wants);
    this.#iomap = new IomapTracker(this.#sink);
    this.#context = { sink: this.#sink, iomap: this.#iomap, volumes: options.volumes };
    this.blindSpots = this.#plans(options.withMapCalls ?? true).flatMap((plan) => reader.enable(plan));
  }

  /** Recording when it returns. Throws UNSUPPORTED, with the reason, when this machine cannot tell ranges: tier 3 then. */
  static open(options: TraceRangesOptions): TraceRanges {
    if (options.volumes.length === 0) throw new SmError("UNSUPPORTED", "no write ranges: there is no file system to watch", { data: { tier: 3 } });
    const reader = TraceReader.open(options);
    try {
      const ranges = new TraceRanges(reader, options);
      reader.start();
      return ranges;
    } catch (error) {
      reader.close();
      throw error;
    }
  }

  /** To be waited on: readable when there is something to drain. */
  get fds(): readonly number[] {
    return this.#reader.fds;
  }

  get stats(): TraceStats {
    const { inodes, ranges } = this.#sink.dirty;
    return { drains: this.#drains, events: this.#reader.events, lost: this.#lost, bytes: this.#reader.bytes, dirtyInodes: inodes, dirtyRanges: ranges };
  }

  drain(): TraceDrain {
    const beganNs = monotonicNs();
    const eventsBefore = this.#reader.events;
    this.#reader.read(beganNs + CLOCK_SLACK_NS);
    this.#iomap.settle(beganNs, CLOCK_SLACK_NS);
    const lost = this.#reader.takeLost() + (this.#sink.dirty.takeOverflow() ? 1 : 0);
    this.#lost += lost;
    this.#drains++;
    return { events: this.#reader.events - eventsBefore, lost };
  }

  /** Everything drained since the last call, by `inodeKey`. */
  take(): Map<string, DirtyInode> {
    return this.#sink.dirty.take();
  }

  /**
   * btrfs: ranges of an inode that were replaced, or only read or written back, since they were asked for last: to be looked
   * at when a modify hint of the inode came. They are in hand by then, for the hint comes last. null = none.
   */
  takePossible(id: InodeId): DirtyInode | null {
    return this.#sink.takePossible(id);
  }

  /**
   * Forgets the possible ranges of before the last call. To be called every half minute or so: a hint that belongs to such
   * a range follows it within the same system call.
   */
  agePossible(): void {
    this.#sink.agePossible();
  }

  /** Calls of mmap(2) since the last call, for `MappedFiles.note`. */
  takeMapCalls(): { readonly calls: readonly MapCall[]; readonly isComplete: boolean } {
    return this.#sink.takeMapCalls();
  }

  /**
   * Inodes of which the first store into each piece of cache is to be told. The kernel records every page that becomes
   * dirty then, so that nothing is recorded while there are none.
   */
  watchMapped(inodes: Iterable<InodeId>): void {
    this.#mapped = new Map();
    for (const { device, ino } of inodes) this.#mapped.set(device, (this.#mapped.get(device) ?? new Set()).add(ino));
    const isOn = this.#mapped.size > 0;
    const plan = this.#folioPlan();
    if (isOn === this.#areFoliosOn || plan === null) return;
    this.#areFoliosOn = isOn;
    if (isOn) this.#reader.enable(plan);
    else this.#reader.disable(plan);
  }

  /** Looks for losses of which no page tells; to be called every second or so. What it finds is in the next drain's `lost`. */
  audit(): void {
    this.#reader.audit();
  }

  close(): void {
    this.#reader.close();
  }

  #plans(withMapCalls: boolean): TraceEventPlan[] {
    const has = (kind: TraceVolume["kind"]): boolean => this.#context.volumes.some((volume) => volume.kind === kind);
    return [
      ...(has("ext4") ? ext4Plans(this.#context) : []),
      ...(has("xfs") ? xfsPlans(this.#context) : []),
      ...(has("btrfs") ? btrfsPlans(this.#context) : []),
      ...iomapPlans(this.#context),
      ...(withMapCalls ? [mapCallPlan(this.#context)] : []),
    ];
  }

  #folioPlan(): TraceEventPlan | null {
    if (this.#context.volumes.every(({ bdi }) => bdi === "")) return null;
    return dirtyFolioPlan(this.#context, (device, ino) => this.#mapped.get(device)?.has(ino) === true);
  }
}
