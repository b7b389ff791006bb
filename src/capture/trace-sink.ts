// Where decoded records go: which inode was written where, by whom, and what may have been.

import { OwnThreads } from "./own-threads.js";
import { type DirtyInode, type InodeId, MARK_BY_OTHERS, MARK_BY_US, RangeTable, type RangeTableLimits, type WantsInode } from "./range-table.js";

/** A process called mmap(2) for a shared, writable mapping. */
export interface MapCall {
  readonly pid: number;
  readonly fd: number;
}

const MAP_CALLS_MAX = 4096;

export class TraceSink {
  readonly dirty: RangeTable;
  readonly #limits: RangeTableLimits;
  /** btrfs: ranges that were locked, to be read, written back or replaced; only a modify hint tells which. */
  #possible: RangeTable;
  /** Those of before the last `agePossible`. */
  #possibleBefore: RangeTable;
  readonly #own = new OwnThreads();
  #mapCalls: MapCall[] = [];
  #areMapCallsMissing = false;
  /** btrfs: subvolumes that had an event, by device. Events of iomap do not name the subvolume. */
  readonly #roots = new Map<number, Set<number>>();

  constructor(limits: RangeTableLimits, wants: WantsInode | null = null) {
    this.#limits = limits;
    this.dirty = new RangeTable(limits, wants);
    this.#possible = new RangeTable(limits);
    this.#possibleBefore = new RangeTable(limits);
  }

  /** `thread` wrote [start, end). */
  write(device: number, root: number, ino: number, start: number, end: number, thread: number, timeNs: number, marks = 0): void {
    this.dirty.add(device, root, ino, start, end, marks | this.#who(thread, timeNs));
  }

  writeWhole(device: number, root: number, ino: number, thread: number, timeNs: number, marks = 0): void {
    this.dirty.addWhole(device, root, ino, marks | this.#who(thread, timeNs));
  }

  addPossible(device: number, root: number, ino: number, start: number, end: number): void {
    this.#possible.add(device, root, ino, start, end, 0);
  }

  takePossible(id: InodeId): DirtyInode | null {
    const { device, root, ino } = id;
    if (this.#possible.isOverflowing || this.#possibleBefore.isOverflowing) return { device, root, ino, ranges: "whole", marks: 0, reach: 0 };
    const before = this.#possibleBefore.takeInode(id);
    if (before?.ranges === "whole") this.#possible.addWhole(device, root, ino, 0);
    else for (const [offset, length] of before?.ranges ?? []) this.#possible.add(device, root, ino, offset, offset + length, 0);
    return this.#possible.takeInode(id);
  }

  /** Forgets what was possible before the last call of this. */
  agePossible(): void {
    this.#possibleBefore = this.#possible;
    this.#possible = new RangeTable(this.#limits);
  }

  addRoot(device: number, root: number): void {
    const roots = this.#roots.get(device);
    if (roots === undefined) this.#roots.set(device, new Set([root]));
    else roots.add(root);
  }

  /** The subvolumes that an inode number of `device` may belong to. */
  rootsOf(device: number): Iterable<number> {
    return this.#roots.get(device) ?? [0];
  }

  addMapCall(call: MapCall): void {
    if (this.#mapCalls.length < MAP_CALLS_MAX) this.#mapCalls.push(call);
    else this.#areMapCallsMissing = true;
  }

  /** `isComplete` false: there were more, look at every process. */
  takeMapCalls(): { readonly calls: readonly MapCall[]; readonly isComplete: boolean } {
    const taken = { calls: this.#mapCalls, isComplete: !this.#areMapCallsMissing };
    this.#mapCalls = [];
    this.#areMapCallsMissing = false;
    return taken;
  }

  #who(thread: number, timeNs: number): number {
    return this.#own.has(thread, timeNs) ? MARK_BY_US : MARK_BY_OTHERS;
  }
}
