// What is known of changes of content while they happen: the written ranges that the kernel's trace events tell, joined by
// inode with the files of the set and with the modify hints of fanotify. Whatever is not told exactly becomes "compare".
// Invariant: what was drained is held here until the file was read, or is found to be no more.

import type { FileStat } from "../fs/native.js";
import type { Extent, RootIndex } from "../model/change.js";
import type { MappedFile } from "./mapped-files.js";
import { MappingTouches } from "./mapping-touches.js";
import { MappingWatch } from "./mapping-watch.js";
import type { Inode } from "./node-table.js";
import { type DirtyInode, END_OF_FILE, MARK_MAPPED, type WantsInode } from "./range-table.js";
import type { RootTree } from "./root-tree.js";
import { TraceRanges } from "./trace-ranges.js";
import type { NoTraceVolume } from "./trace-volume.js";
import { idOf, type WatchedVolume, watchedVolumeOf } from "./watched-volume.js";

/** What waits to be read of one file. */
export interface Written {
  readonly tree: RootTree;
  /** Of whole pages, in no order. */
  ranges: Extent[];
  marks: number;
  reach: number;
  /** The ranges are not all: the file is to be compared block by block. */
  isDoubtful: boolean;
  /** A writer closed it. What it stored through a mapping has no range. */
  isClosed: boolean;
  /** A pass saw other times, and nothing that explains them. */
  wasUntold: boolean;
  /** Times that it could not be found. */
  attempts: number;
  /** When it is to be looked at, where it is put off; monotonic, ms. */
  dueMs: number;
}

export type ContentState =
  /** Nothing was written that was not read. */
  | "clean"
  /** Its turn comes with what was written. */
  | "waiting"
  /** Nobody tells: compare. */
  | "unknown";

export interface ContentFigures {
  readonly events: number;
  readonly lost: number;
  readonly mapped: number;
  readonly blindSpots: readonly string[];
}

/** Between two times that a mapped file is written to the disk to make its next store visible. */
const SETTLE_MS = 100;
/** A modify hint may come that long after the range it belongs to: a synchronous write tells it when the disk has it. */
const EXPLAINED_MS = 10_000;
const EXPLAINED_MAX = 65_536;
const RANGES_MAX = 4096;
/** Less than what a mark lies behind its moment, and more than a busy source lies behind. */
const LATE_SECONDS = 20;
/** A call that writes to a disk that is overloaded goes on some time. */
const LATE_KEPT_MS = 600_000;

export class LiveContent {
  readonly volumes: readonly WatchedVolume[];
  readonly #trees: readonly RootTree[];
  readonly #ranges: TraceRanges;
  readonly #mappings: MappingWatch;
  #waiting = new Map<Inode, Written>();
  /** Could not be read the last time; with the next that is. */
  readonly #deferred = new Map<Inode, Written>();
  /** Written to not long ago, and read: a hint that is late has its explanation. */
  readonly #explained = new Map<Inode, number>();
  /** Recorded as shipped since the last drain: what was written just before may turn out to be lost. */
  readonly #recorded = new Map<Inode, RootTree>();
  readonly #settled = new Map<Inode, number>();
  /** Of what is deferred, at the earliest. */
  #nextDueMs = Number.POSITIVE_INFINITY;
  /** Written to although their times are not of now, and when that was. */
  readonly #late = new Map<Inode, number>();
  #isTrusted = true;
  /** Times that events were lost. */
  #losses = 0;
  #lost = 0;

  private constructor(trees: readonly RootTree[], volumes: readonly WatchedVolume[], ranges: TraceRanges, touches: MappingTouches | null) {
    this.#trees = trees;
    this.volumes = volumes;
    this.#ranges = ranges;
    const devices = volumes.map(({ volume }) => volume.device);
    const isWatched = (device: number, ino: number): boolean =>
      volumes.some(({ volume, dev }) => volume.device === device && trees.some(({ table }) => table.records.inodeNumbered(dev, ino) !== 0));
    this.#mappings = new MappingWatch({ devices, ranges, touches, isWatched });
  }

  /** Recording when it returns; before the tree is scanned. A reason: write ranges cannot be had of every root. Throws UNSUPPORTED, too. */
  static open(trees: readonly RootTree[]): LiveContent | NoTraceVolume {
    const volumes: WatchedVolume[] = [];
    for (const tree of trees) {
      const found = watchedVolumeOf(tree);
      if ("reason" in found) return found;
      if (!volumes.some(({ dev }) => dev === found.dev)) volumes.push(found);
    }
    const distinct = [...new Map(volumes.map(({ volume }) => [volume.device, volume])).values()];
    const touches = MappingTouches.open(distinct);
    try {
      const wants = wantsOf(trees, volumes);
      return new LiveContent(trees, volumes, TraceRanges.open({ volumes: distinct, withMapCalls: touches === null, wants }), touches);
    } catch (error) {
      touches?.close();
      throw error;
    }
  }

  get figures(): ContentFigures {
    const { events, lost } = this.#ranges.stats;
    return { events, lost, mapped: [...this.#mappings.files].length, blindSpots: this.#ranges.blindSpots };
  }

  /** Something was written since the last `take`, or is due again. */
  get hasWork(): boolean {
    return this.#waiting.size > 0 || (this.#deferred.size > 0 && performance.now() >= this.#nextDueMs);
  }

  /** Written, and not read yet. */
  get waiting(): ReadonlyMap<Inode, Written> {
    return this.#waiting;
  }

  volumeOf(inode: Pick<Inode, "dev">): WatchedVolume | undefined {
    return this.volumes.find(({ dev }) => dev === inode.dev);
  }

  stateOf(inode: Inode): ContentState {
    if (this.#waiting.has(inode) || this.#deferred.has(inode)) return "waiting";
    return this.#isTrusted && this.volumeOf(inode) !== undefined ? "clean" : "unknown";
  }

  isExplained(inode: Inode): boolean {
    return this.#explained.has(inode);
  }

  /** Afterwards every write that had returned before the call is held here. True: some were lost, and anything may have changed. */
  gather(): boolean {
    const { lost } = this.#ranges.drain();
    const now = performance.now();
    for (const dirty of this.#ranges.take().values()) this.#addDirty(dirty, now);
    this.#lost += lost;
    if (lost > 0) this.distrust();
    this.#recorded.clear();
    this.#follow(this.#mappings.gather());
    return lost > 0;
  }

  /** Events were lost: until `trust`, a file with other times is compared. */
  distrust(): void {
    this.#isTrusted = false;
    this.#losses += 1;
    for (const [inode, tree] of this.#recorded) this.doubt(tree, inode);
  }

  /** Everything was compared since. */
  trust(): void {
    this.#isTrusted = true;
  }

  #addDirty(dirty: DirtyInode, now: number): void {
    const volume = this.volumes.find((each) => each.volume.device === dirty.device && each.subvolume === dirty.root);
    if (volume === undefined) return;
    for (const tree of this.#trees) {
      const inode = tree.table.inodeOf(volume.dev, dirty.ino);
      if (inode?.type !== "file") continue;
      this.#add(tree, inode, dirty);
      // A hint whose explanation was forgotten costs a comparison.
      if (this.#explained.size >= EXPLAINED_MAX) this.#explained.clear();
      this.#explained.set(inode, now);
    }
  }

  #add(tree: RootTree, inode: Inode, { ranges, marks, reach }: Pick<DirtyInode, "ranges" | "marks" | "reach">): void {
    const written = this.#of(tree, inode);
    written.marks |= marks;
    written.reach = Math.max(written.reach, reach);
    if (ranges === "whole" || written.ranges.length + ranges.length > RANGES_MAX) written.isDoubtful = true;
    else written.ranges.push(...ranges);
    if (written.isDoubtful) written.ranges = [];
  }

  #of(tree: RootTree, inode: Inode): Written {
    let written = this.#waiting.get(inode);
    if (written === undefined) {
      written = this.#deferred.get(inode) ?? {
        tree,
        ranges: [],
        marks: 0,
        reach: 0,
        isDoubtful: false,
        isClosed: false,
        wasUntold: false,
        attempts: 0,
        dueMs: 0,
      };
      this.#deferred.delete(inode);
      this.#waiting.set(inode, written);
    }
    return written;
  }

  /** A hint that this file was written to, or closed by a writer. What no range explains is compared. */
  note(tree: RootTree, inode: Inode, { isModified, isClosed }: { readonly isModified: boolean; readonly isClosed: boolean }): void {
    const volume = this.volumeOf(inode);
    if (volume === undefined || inode.type !== "file") return;
    const possible = volume.volume.kind === "btrfs" ? this.#ranges.takePossible(idOf(volume, inode.ino)) : null;
    if (possible !== null) this.#add(tree, inode, possible);
    const isTold = possible !== null || this.stateOf(inode) === "waiting" || this.#explained.has(inode);
    const written = this.#of(tree, inode);
    if (isModified && !isTold && inode.size > 0) written.isDoubtful = true;
    written.isClosed ||= isClosed;
    if (isClosed && this.#mappings.mayHaveBeenMapped(volume.volume.device, inode.ino)) written.isDoubtful = true;
  }

  /** What is behind `from` is shipped as if it were written now, and with it the size. */
  rewrite(tree: RootTree, inode: Inode, from: number): void {
    this.#add(tree, inode, { ranges: [[from, END_OF_FILE - from]], marks: 0, reach: 0 });
  }

  doubt(tree: RootTree, inode: Inode): void {
    if (inode.type === "file") this.#of(tree, inode).isDoubtful = true;
  }

  /** What waits of this root, to be read now; what cannot be read is given back with `defer`. */
  take(tree: RootTree): Map<Inode, Written> {
    const now = performance.now();
    const taken = new Map<Inode, Written>();
    let nextDueMs = Number.POSITIVE_INFINITY;
    for (const [inode, written] of this.#deferred) {
      if (written.tree === tree && written.dueMs <= now) taken.set(inode, written);
      else nextDueMs = Math.min(nextDueMs, written.dueMs);
    }
    for (const inode of taken.keys()) this.#deferred.delete(inode);
    this.#nextDueMs = nextDueMs;
    for (const [inode, written] of this.#waiting) {
      if (written.tree !== tree) continue;
      taken.set(inode, written);
      this.#waiting.delete(inode);
    }
    return taken;
  }

  /** To be read again in `delayMs`, or as soon as it is written to. */
  defer(inode: Inode, written: Written, delayMs: number): void {
    const since = this.#waiting.get(inode);
    if (since === undefined) {
      const dueMs = performance.now() + delayMs;
      this.#deferred.set(inode, { ...written, dueMs });
      this.#nextDueMs = Math.min(this.#nextDueMs, dueMs);
      return;
    }
    this.#add(since.tree, inode, written);
    since.isDoubtful ||= written.isDoubtful;
    since.isClosed ||= written.isClosed;
    since.wasUntold ||= written.wasUntold;
  }

  /** Its times and size are known as they are now. */
  record(tree: RootTree, inode: Inode): void {
    this.#recorded.set(inode, tree);
  }

  /** It was written to, and looks like this: a call that writes for long changes the times when it begins only. */
  noteTimes(inode: Inode, { ctimeSec }: Pick<FileStat, "ctimeSec">): void {
    if (Date.now() / 1000 - ctimeSec > LATE_SECONDS) this.#late.set(inode, performance.now());
  }

  /** Files whose content may change while their ctime does not, and those that wait to be read. */
  hotFiles(): { readonly root: RootIndex; readonly dev: number; readonly ino: number }[] {
    const files: { root: RootIndex; dev: number; ino: number }[] = [];
    for (const tree of this.#trees) {
      for (const { device, ino } of this.#mappings.files) {
        for (const { volume, dev } of this.volumes) {
          if (volume.device === device && tree.table.inodeOf(dev, ino) !== undefined) files.push({ root: tree.index, dev, ino });
        }
      }
      for (const inode of [...this.#waiting.keys(), ...this.#deferred.keys(), ...this.#late.keys()]) {
        if (tree.table.inodeOf(inode.dev, inode.ino) === inode) files.push({ root: tree.index, dev: inode.dev, ino: inode.ino });
      }
    }
    return files;
  }

  /** To be called every second: finds losses of which no event tells. */
  watch(): void {
    this.#ranges.audit();
    this.#mappings.audit();
    const oldest = performance.now() - EXPLAINED_MS;
    for (const [inode, atMs] of this.#explained) if (atMs < oldest) this.#explained.delete(inode);
    for (const [inode, atMs] of this.#settled) if (atMs < oldest) this.#settled.delete(inode);
    for (const [inode, atMs] of this.#late) if (atMs < oldest + EXPLAINED_MS - LATE_KEPT_MS) this.#late.delete(inode);
  }

  /** To be called every half minute: looks at the mappings of all processes. */
  survey(): void {
    const { found, released } = this.#mappings.scan();
    this.#follow([...found, ...released]);
    this.#ranges.agePossible();
  }

  #follow(files: readonly MappedFile[]): void {
    if (files.length === 0) return;
    this.#ranges.watchMapped(this.#watchedMappings());
    for (const { device, ino } of files) for (const { tree, inode } of this.#inodesOf(device, ino)) this.doubt(tree, inode);
  }

  /** Of that number in any known subvolume. */
  #inodesOf(device: number, ino: number): { readonly tree: RootTree; readonly inode: Inode }[] {
    const found: { tree: RootTree; inode: Inode }[] = [];
    for (const { volume, dev } of this.volumes) {
      if (volume.device !== device) continue;
      for (const tree of this.#trees) {
        const inode = tree.table.inodeOf(dev, ino);
        if (inode !== undefined) found.push({ tree, inode });
      }
    }
    return found;
  }

  /** In every known subvolume: of a mapping only the file system is known. */
  #watchedMappings(): { device: number; root: number; ino: number }[] {
    return [...this.#mappings.files].flatMap(({ device, ino }) =>
      this.volumes.filter(({ volume }) => volume.device === device).map((volume) => idOf(volume, ino)),
    );
  }

  /**
   * Says later whether every write to the file since this call has been told, or is before the next `gather` returns: what was read of it
   * meanwhile is made good by what is told. A loss that shows later doubts what was recorded.
   */
  witness(inode: Pick<Inode, "dev" | "ino">): () => boolean {
    const losses = this.#losses;
    const wasTold = this.tells(inode);
    return () => wasTold && losses === this.#losses && this.tells(inode);
  }

  /** Every write to the file is told, or will be. */
  tells(inode: Pick<Inode, "dev" | "ino">): boolean {
    return this.#isTrusted && this.volumeOf(inode) !== undefined && !this.isMapped(inode);
  }

  /** Stores through a mapping may change it without any call. */
  isMapped(inode: Pick<Inode, "dev" | "ino">): boolean {
    const volume = this.volumeOf(inode);
    return volume !== undefined && this.#mappings.isMapped(volume.volume.device, inode.ino);
  }

  /** What is deferred is due now. */
  hurry(): void {
    this.#settled.clear();
    for (const written of this.#deferred.values()) written.dueMs = 0;
    this.#nextDueMs = 0;
  }

  hasMappedStores({ marks }: Written): boolean {
    return (marks & MARK_MAPPED) !== 0;
  }

  /** 0: it may be settled now, and is taken for it. Otherwise milliseconds until then: it was settled a moment ago. */
  settleDelayMs(inode: Inode): number {
    const now = performance.now();
    const waitMs = (this.#settled.get(inode) ?? Number.NEGATIVE_INFINITY) + SETTLE_MS - now;
    if (waitMs > 0) return waitMs;
    this.#settled.set(inode, now);
    return 0;
  }

  close(): void {
    this.#mappings.close();
    this.#ranges.close();
  }
}

/** Regular files that are known, of the subvolumes that are watched. */
function wantsOf(trees: readonly RootTree[], volumes: readonly WatchedVolume[]): WantsInode {
  return (device, root, ino) => {
    const watched = volumes.find(({ volume, subvolume }) => volume.device === device && subvolume === root);
    return watched !== undefined && trees.some(({ table }) => table.inodeOf(watched.dev, ino)?.type === "file");
  };
}
