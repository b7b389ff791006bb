// Which bytes of which inodes are to be looked at again. Takes one range per event, at hundreds of thousands per second,
// and stays within fixed bounds by growing coarser, never by forgetting:
//   too many ranges of one inode → neighbours are joined over ever wider gaps → the whole file;
//   too many ranges of all inodes, or too many inodes → the whole file for whatever comes next;
//   too many inodes even for that → `takeOverflow()` says that every inode must be taken for changed.
// Ranges are widened to whole pages: a page is what the kernel changes and what is compared.

import type { Extent } from "../model/change.js";

export const PAGE_BYTES = 4096;
/** End of a range that reaches to the end of the file, wherever that is when the file is read. */
export const END_OF_FILE = Number.MAX_SAFE_INTEGER;

/** What is known of the writes behind an entry; a set of bits. */
export const MARK_BY_OTHERS = 1;
/** Some of it was written by this process. */
export const MARK_BY_US = 2;
/** The event came before its effect: whoever reads must wait for the writers first. */
export const MARK_UNSETTLED = 4;
/** Stored through a mapping: later stores into the same pages are silent until they are settled. */
export const MARK_MAPPED = 8;

export interface InodeId {
  /** Of the file system: major * 2^20 + minor. */
  readonly device: number;
  /** The btrfs subvolume; 0 on other file systems. */
  readonly root: number;
  readonly ino: number;
}

export interface DirtyInode extends InodeId {
  /** Sorted, disjoint, of whole pages. One that reaches END_OF_FILE has no end of its own. */
  readonly ranges: readonly Extent[] | "whole";
  readonly marks: number;
  /** Exact end of the write furthest back; 0 = none is known. A file that is smaller may be growing this moment. */
  readonly reach: number;
}

export interface RangeTableLimits {
  readonly rangesPerInodeMax: number;
  readonly rangesMax: number;
  /** Inodes with ranges; twice as many again are kept as "whole". */
  readonly inodesMax: number;
}

export const DEFAULT_RANGE_LIMITS: RangeTableLimits = { rangesPerInodeMax: 1024, rangesMax: 262_144, inodesMax: 65_536 };

/** Ranges further apart than this are not joined: reading what lies between would cost more than it tells. */
const GAP_MAX = 64 * 1024 * 1024;
/** Inodes kept as "whole" for each one kept with ranges. */
const WHOLE_FACTOR = 3;

/** Start and end of each range, one behind the other; null = the whole file. */
type Pairs = number[] | null;

interface Entry {
  pairs: Pairs;
  marks: number;
  reach: number;
  /** Cuts of the file whose place is not known yet; settled when the place comes (`addCut`). */
  cutsOpen: number;
}

/** In place of the entry of an inode that nobody asks for. */
const UNWANTED: Entry = Object.freeze({ pairs: null, marks: 0, reach: 0, cutsOpen: 0 });
/** Others are asked about each time. */
const UNWANTED_MAX = 65_536;

/** Whether it is worth keeping what is told of an inode. */
export type WantsInode = (device: number, root: number, ino: number) => boolean;

export function inodeKey(id: InodeId): string {
  return `${id.device}:${id.root}:${id.ino}`;
}

/** Ranges within a file of `size` bytes; those behind its end are dropped. */
export function clipRanges(ranges: readonly Extent[], size: number): Extent[] {
  const clipped: Extent[] = [];
  for (const [offset, length] of ranges) {
    if (offset < size) clipped.push([offset, Math.min(length, size - offset)]);
  }
  return clipped;
}

export class RangeTable {
  readonly #limits: RangeTableLimits;
  readonly #wants: WantsInode | null;
  #unwanted = 0;
  /** By device, by subvolume, by inode. */
  #devices = new Map<number, Map<number, Map<number, Entry>>>();
  #inodes = 0;
  #pairs = 0;
  #isOverflowing = false;
  // The group that was asked for last: events come in bursts.
  #lastDevice = -1;
  #lastRoot = -1;
  #lastGroup: Map<number, Entry> = new Map();

  /** `wants`: asked once per inode until the next `take`; null = all are wanted. */
  constructor(limits: RangeTableLimits = DEFAULT_RANGE_LIMITS, wants: WantsInode | null = null) {
    this.#limits = limits;
    this.#wants = wants;
  }

  get inodes(): number {
    return this.#inodes;
  }

  /** Ranges held, as a measure of memory. */
  get ranges(): number {
    return this.#pairs;
  }

  add(device: number, root: number, ino: number, start: number, end: number, marks: number): void {
    const entry = this.#entry(device, root, ino);
    if (entry === null) return;
    entry.marks |= marks;
    if (end < END_OF_FILE && end > entry.reach) entry.reach = end;
    if (entry.pairs === null || start >= end) return;
    this.#insert(entry, start - (start % PAGE_BYTES), end >= END_OF_FILE - PAGE_BYTES ? END_OF_FILE : Math.ceil(end / PAGE_BYTES) * PAGE_BYTES);
  }

  addWhole(device: number, root: number, ino: number, marks: number): void {
    const entry = this.#entry(device, root, ino);
    if (entry === null) return;
    entry.marks |= marks;
    this.#makeWhole(entry);
  }

  /** A cut of the file was announced (+1), or its place was told by a range (-1). One that stays open means the whole file. */
  addCut(device: number, root: number, ino: number, change: 1 | -1): void {
    const entry = this.#entry(device, root, ino);
    if (entry !== null) entry.cutsOpen += change;
  }

  /** Everything so far, by `inodeKey`; the table is empty then. */
  take(): Map<string, DirtyInode> {
    const taken = new Map<string, DirtyInode>();
    for (const [device, roots] of this.#devices) {
      for (const [root, inodes] of roots) {
        for (const [ino, entry] of inodes) {
          if (entry === UNWANTED) continue;
          const dirty = this.#finish({ device, root, ino }, entry);
          if (dirty !== null) taken.set(inodeKey(dirty), dirty);
        }
      }
    }
    this.#devices = new Map();
    this.#unwanted = 0;
    this.#inodes = 0;
    this.#pairs = 0;
    this.#lastDevice = -1;
    return taken;
  }

  /** The entry of one inode alone; null when there is none. */
  takeInode(id: InodeId): DirtyInode | null {
    const inodes = this.#devices.get(id.device)?.get(id.root);
    const entry = inodes?.get(id.ino);
    if (inodes === undefined || entry === undefined || entry === UNWANTED) return null;
    inodes.delete(id.ino);
    this.#inodes--;
    const dirty = this.#finish(id, entry);
    this.#pairs -= (entry.pairs?.length ?? 0) / 2;
    return dirty;
  }

  /** Inodes could not be kept at all: every inode must be taken for changed. */
  get isOverflowing(): boolean {
    return this.#isOverflowing;
  }

  /** The same, and forgets it. */
  takeOverflow(): boolean {
    const wasOverflowing = this.#isOverflowing;
    this.#isOverflowing = false;
    return wasOverflowing;
  }

  #finish(id: InodeId, entry: Entry): DirtyInode | null {
    if (entry.cutsOpen > 0) this.#makeWhole(entry);
    this.#compact(entry);
    const { pairs, marks, reach } = entry;
    if (pairs === null) return { ...id, ranges: "whole", marks, reach };
    if (pairs.length === 0) return null;
    const ranges: Extent[] = [];
    for (let i = 0; i < pairs.length; i += 2) ranges.push([pairs[i] as number, (pairs[i + 1] as number) - (pairs[i] as number)]);
    return { ...id, ranges, marks, reach };
  }

  #entry(device: number, root: number, ino: number): Entry | null {
    const group = this.#group(device, root);
    const known = group.get(ino);
    if (known !== undefined) return known === UNWANTED ? null : known;
    if (this.#wants !== null && !this.#wants(device, root, ino)) {
      if (this.#unwanted++ < UNWANTED_MAX) group.set(ino, UNWANTED);
      return null;
    }
    if (this.#inodes >= this.#limits.inodesMax * WHOLE_FACTOR) {
      this.#isOverflowing = true;
      return null;
    }
    const isFull = this.#inodes >= this.#limits.inodesMax || this.#pairs >= this.#limits.rangesMax;
    const entry: Entry = { pairs: isFull ? null : [], marks: 0, reach: 0, cutsOpen: 0 };
    group.set(ino, entry);
    this.#inodes++;
    return entry;
  }

  #group(device: number, root: number): Map<number, Entry> {
    if (device === this.#lastDevice && root === this.#lastRoot) return this.#lastGroup;
    const roots = childOf(this.#devices, device);
    const group = childOf(roots, root);
    this.#lastDevice = device;
    this.#lastRoot = root;
    this.#lastGroup = group;
    return group;
  }

  #insert(entry: Entry, start: number, end: number): void {
    const pairs = entry.pairs;
    if (pairs === null) return;
    const last = pairs.length - 1;
    if (last > 0 && start >= (pairs[last - 1] as number) && start <= (pairs[last] as number)) {
      if (end > (pairs[last] as number)) pairs[last] = end;
      return;
    }
    if (this.#pairs >= this.#limits.rangesMax) {
      this.#compact(entry);
      if (this.#pairs >= this.#limits.rangesMax) this.#makeWhole(entry);
    }
    if (entry.pairs === null) return;
    entry.pairs.push(start, end);
    this.#pairs++;
    // Twice the limit: sorting is paid for by as many events as it sorts ranges.
    if (entry.pairs.length > this.#limits.rangesPerInodeMax * 4) this.#compact(entry);
  }

  #makeWhole(entry: Entry): void {
    this.#pairs -= (entry.pairs?.length ?? 0) / 2;
    entry.pairs = null;
  }

  /** Sorts and joins; when that is not enough, joins over gaps of 4, 8, 16 KiB…, and gives up at GAP_MAX. */
  #compact(entry: Entry): void {
    const pairs = entry.pairs;
    if (pairs === null || pairs.length < 4) return;
    const before = pairs.length / 2;
    let joined = joinPairs(sortPairs(pairs), 0);
    if (joined.length / 2 > this.#limits.rangesPerInodeMax) {
      // Half the limit, so that the next few ranges do not bring the same work again.
      for (let gap = PAGE_BYTES; joined.length > this.#limits.rangesPerInodeMax && gap <= GAP_MAX; gap *= 2) joined = joinPairs(joined, gap);
    }
    if (joined.length > this.#limits.rangesPerInodeMax * 2) {
      this.#makeWhole(entry);
      return;
    }
    entry.pairs = joined;
    this.#pairs += joined.length / 2 - before;
  }
}

function childOf<K, V>(map: Map<number, Map<K, V>>, key: number): Map<K, V> {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = new Map<K, V>();
  map.set(key, made);
  return made;
}

function sortPairs(pairs: readonly number[]): number[] {
  const starts = new Float64Array(pairs.length / 2);
  const endOf = new Map<number, number>();
  for (let i = 0; i < pairs.length; i += 2) {
    const start = pairs[i] as number;
    const end = pairs[i + 1] as number;
    starts[i / 2] = start;
    const known = endOf.get(start);
    if (known === undefined || end > known) endOf.set(start, end);
  }
  starts.sort();
  const sorted: number[] = [];
  for (const start of starts) sorted.push(start, endOf.get(start) as number);
  return sorted;
}

/** Joins sorted pairs that overlap, touch or lie at most `gap` bytes apart. */
function joinPairs(sorted: readonly number[], gap: number): number[] {
  const joined: number[] = [];
  for (let i = 0; i < sorted.length; i += 2) {
    const start = sorted[i] as number;
    const end = sorted[i + 1] as number;
    const last = joined.length - 1;
    if (last > 0 && start - (joined[last] as number) <= gap) {
      if (end > (joined[last] as number)) joined[last] = end;
    } else {
      joined.push(start, end);
    }
  }
  return joined;
}
