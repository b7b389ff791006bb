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
import { readFd } from "../fs/fanotify.js";
import { IomapTracker } from "./iomap-tracker.js";
import { DEFAULT_RANGE_LIMITS, type DirtyInode, type InodeId, type RangeTableLimits } from "./range-table.js";
import { type DecodeContext, ext4Plans, iomapPlans, type TraceEventPlan } from "./trace-events.js";
import { btrfsPlans } from "./trace-events-btrfs.js";
import { dirtyFolioPlan, mapCallPlan } from "./trace-events-mapping.js";
import { xfsPlans } from "./trace-events-xfs.js";
import { bytesNeeded } from "./trace-format.js";
import { TraceInstance, type TraceInstanceOptions } from "./trace-instance.js";
import { parseTracePage, type VisitRecord, word } from "./trace-page.js";
import { type MapCall, TraceSink } from "./trace-sink.js";
import type { TraceVolume } from "./trace-volume.js";

export interface TraceRangesOptions extends TraceInstanceOptions {
  /** To watch others later: open anew with all of them, then close this one; nothing is missed in between. */
  readonly volumes: readonly TraceVolume[];
  readonly limits?: RangeTableLimits | undefined;
  /** Watch for files that are mapped shared and writable. Default true. */
  readonly withMappings?: boolean | undefined;
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

interface Handler {
  readonly decode: VisitRecord;
  readonly bytesMin: number;
}

/** The trace clock is a fast reading of the monotonic clock, which may run ahead or behind by some microseconds. */
const CLOCK_SLACK_NS = 50_000;
const RECORD_ID_MASK = 0xffff;

export class TraceRanges {
  /** What is not seen, in one sentence each. */
  readonly blindSpots: readonly string[];
  readonly #instance: TraceInstance;
  readonly #sink: TraceSink;
  readonly #iomap: IomapTracker;
  readonly #handlers: (Handler | undefined)[] = [];
  readonly #context: DecodeContext;
  readonly #page: Uint32Array;
  readonly #pageBytes: Buffer;
  readonly #visit: VisitRecord;
  /** By device. */
  #mapped = new Map<number, Set<number>>();
  #areFoliosOn = false;
  #events = 0;
  #lost = 0;
  #bytes = 0;
  #drains = 0;
  #lostNow = 0;
  #dropped = 0;

  private constructor(instance: TraceInstance, options: TraceRangesOptions) {
    this.#instance = instance;
    this.#sink = new TraceSink(options.limits ?? DEFAULT_RANGE_LIMITS);
    this.#iomap = new IomapTracker(this.#sink);
    this.#context = { sink: this.#sink, iomap: this.#iomap, volumes: options.volumes };
    this.#page = new Uint32Array(instance.subBufferBytes / 4);
    this.#pageBytes = Buffer.from(this.#page.buffer);
    this.#visit = (words, at, bytes, timeNs) => {
      const handler = this.#handlers[word(words, at) & RECORD_ID_MASK];
      if (handler === undefined) return;
      if (bytes < handler.bytesMin) this.#lostNow++;
      else handler.decode(words, at, bytes, timeNs);
    };
    this.blindSpots = this.#plans(options.withMappings ?? true).flatMap((plan) => this.#enable(plan));
  }

  /** Recording when it returns. Throws UNSUPPORTED, with the reason, when this machine cannot tell ranges: tier 3 then. */
  static open(options: TraceRangesOptions): TraceRanges {
    if (options.volumes.length === 0) throw new SmError("UNSUPPORTED", "no write ranges: there is no file system to watch", { data: { tier: 3 } });
    const instance = TraceInstance.open(options);
    try {
      const ranges = new TraceRanges(instance, options);
      instance.start();
      return ranges;
    } catch (error) {
      instance.close();
      throw error;
    }
  }

  /** To be waited on: readable when there is something to drain. */
  get fds(): readonly number[] {
    return this.#instance.fds;
  }

  get stats(): TraceStats {
    const { inodes, ranges } = this.#sink.dirty;
    return { drains: this.#drains, events: this.#events, lost: this.#lost, bytes: this.#bytes, dirtyInodes: inodes, dirtyRanges: ranges };
  }

  drain(): TraceDrain {
    const beganNs = monotonicNs();
    const eventsBefore = this.#events;
    for (const fd of this.#instance.fds) this.#drainProcessor(fd, beganNs + CLOCK_SLACK_NS);
    this.#iomap.settle(beganNs, CLOCK_SLACK_NS);
    if (this.#sink.dirty.takeOverflow()) this.#lostNow++;
    const lost = this.#lostNow;
    this.#lostNow = 0;
    this.#lost += lost;
    this.#drains++;
    return { events: this.#events - eventsBefore, lost };
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
    if (isOn) this.#enable(plan);
    else this.#instance.disable(plan.system, plan.event);
  }

  /** Looks for losses of which no page tells; to be called every second or so. What it finds is in the next drain's `lost`. */
  audit(): void {
    const dropped = this.#instance.countDropped();
    if (dropped > this.#dropped) this.#lostNow += dropped - this.#dropped;
    this.#dropped = dropped;
    // Somebody stopped the recording by hand: start it again, and own up.
    if (this.#instance.isRecording()) return;
    this.#lostNow++;
    this.#instance.start();
  }

  close(): void {
    this.#instance.close();
  }

  #drainProcessor(fd: number, untilNs: number): void {
    // A ring that is filled as fast as it is read is left when as much was read as it can have held at the start.
    for (let pages = 0; pages <= this.#instance.ringPages; pages++) {
      const bytes = readFd(fd, this.#pageBytes);
      if (bytes <= 0) return;
      const page = parseTracePage(this.#page, bytes, this.#visit);
      this.#bytes += bytes;
      this.#events += page.records;
      this.#lostNow += page.lost + (page.isCorrupt ? 1 : 0);
      if (page.lastNs > untilNs) return;
    }
  }

  #plans(withMappings: boolean): TraceEventPlan[] {
    const has = (kind: TraceVolume["kind"]): boolean => this.#context.volumes.some((volume) => volume.kind === kind);
    return [
      ...(has("ext4") ? ext4Plans(this.#context) : []),
      ...(has("xfs") ? xfsPlans(this.#context) : []),
      ...(has("btrfs") ? btrfsPlans(this.#context) : []),
      ...iomapPlans(this.#context),
      ...(withMappings ? [mapCallPlan(this.#context)] : []),
    ];
  }

  #folioPlan(): TraceEventPlan | null {
    if (this.#context.volumes.every(({ bdi }) => bdi === "")) return null;
    return dirtyFolioPlan(this.#context, (device, ino) => this.#mapped.get(device)?.has(ino) === true);
  }

  /** Returns the blind spot that is left when the kernel does not know the event. */
  #enable(plan: TraceEventPlan): string[] {
    const format = this.#instance.format(plan.system, plan.event);
    if (format === null) {
      if (plan.blindSpot !== null) return [plan.blindSpot];
      throw new SmError("UNSUPPORTED", `no write ranges: this kernel has no trace event ${plan.system}:${plan.event}`, {
        data: { tier: 3, event: plan.event },
      });
    }
    this.#handlers[format.id] = { decode: plan.decoder(format), bytesMin: bytesNeeded(format) };
    this.#instance.enable(plan.system, plan.event, plan.filter(format));
    return [];
  }
}

function monotonicNs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e9 + nanoseconds;
}
