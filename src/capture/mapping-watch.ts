// Which files may be changed through mappings, where that is told by nothing else: those that a process has mapped shared and writable now
// (mapped-files), and those that one may have mapped, stored into, and let go again before it was looked at. Where the kernel tells which
// files are touched through mappings (mapping-touches), only those are looked for; elsewhere a call of mmap(2) puts every file in doubt
// that is closed within a moment of it.

import { type MappedFile, MappedFiles, type MappingChange } from "./mapped-files.js";
import { type MappingTouches, type Touch, type TouchDrain, touchKey } from "./mapping-touches.js";
import type { TraceRanges } from "./trace-ranges.js";

export interface MappingWatchOptions {
  readonly devices: readonly number[];
  readonly ranges: Pick<TraceRanges, "takeMapCalls">;
  /** null: calls of mmap(2) are told by `ranges`. */
  readonly touches: Pick<MappingTouches, "drain" | "audit" | "close"> | null;
  /** Whether it is a file of the set, as far as is known now. */
  readonly isWatched: (device: number, ino: number) => boolean;
}

/** Whoever mapped a file for a moment has closed it by now; the hint of that comes within this time. */
const BLIND_MS = 2000;
/** A mapping that lasts is found by a scan before that. */
const TOUCHED_MS = 120_000;
const TOUCHED_MAX = 65_536;
/** One process may map another file with each touch. */
const LOOKED_MS = 1000;
/** A file that is new is known soon. */
const UNKNOWN_MS = 5000;
const WAITING_MAX = 4096;
const WAITING_LOOK_MS = 50;
const SCAN_MS = 1000;
/** Of the time, at most one part in so many goes to looks at all processes. */
const SCAN_SHARE = 50;

interface Waiting {
  readonly touch: Touch;
  readonly dueMs: number;
  /** A file that is not known as one of the set by then is none. */
  readonly untilMs: number;
}

export class MappingWatch {
  readonly #options: MappingWatchOptions;
  readonly #mapped: MappedFiles;
  /** Those that were mapped and of the set at the last look. */
  #followed: ReadonlySet<string> = new Set();
  /** When they were touched last. */
  readonly #touched = new Map<string, number>();
  /** When a process was looked at for a file. */
  readonly #looked = new Map<string, number>();
  /** Processes that are not looked at for a file yet. */
  readonly #waiting = new Map<string, Waiting>();
  #blindUntilMs = Number.NEGATIVE_INFINITY;
  #isScanDue = false;
  /** No scan before. */
  #mayScanMs = Number.NEGATIVE_INFINITY;
  #waitedMs = Number.NEGATIVE_INFINITY;

  constructor(options: MappingWatchOptions) {
    this.#options = options;
    this.#mapped = new MappedFiles(options.devices);
  }

  get files(): Iterable<MappedFile> {
    return this.#mapped.files;
  }

  isMapped(device: number, ino: number): boolean {
    return this.#mapped.has(device, ino);
  }

  /** A writer closed it: it may have stored into it through a mapping that is gone. */
  mayHaveBeenMapped(device: number, ino: number): boolean {
    return performance.now() < this.#blindUntilMs || this.#mapped.has(device, ino) || this.#touched.has(touchKey({ device, ino }));
  }

  /**
   * Takes in what happened before the call. Returns the files that are found to be mapped, or not to be mapped any more, and those that
   * became the set's while they were mapped: each is to be compared.
   */
  gather(): readonly MappedFile[] {
    return this.#withArrived(this.#takeIn(performance.now()));
  }

  #takeIn(now: number): readonly MappedFile[] {
    const { touches, ranges } = this.#options;
    if (touches !== null) return this.#takeTouches(touches.drain(), now);
    const { calls, isComplete } = ranges.takeMapCalls();
    if (calls.length === 0 && isComplete && !this.#mapped.hasPending) return [];
    // A file that was mapped and let go by now is not found any more; nor is its descriptor, whose number may be another's.
    if (calls.length > 0 || !isComplete) this.#blindUntilMs = now + BLIND_MS;
    return this.#mapped.note(calls).found;
  }

  /** A page that was stored into before its file was followed tells of no further store. */
  #withArrived(changed: readonly MappedFile[]): readonly MappedFile[] {
    if (this.#mapped.byKey.size + this.#followed.size === 0) return changed;
    const followed = new Set<string>();
    const all = new Set(changed);
    for (const [key, file] of this.#mapped.byKey) {
      if (!this.#options.isWatched(file.device, file.ino)) continue;
      followed.add(key);
      if (!this.#followed.has(key)) all.add(file);
    }
    this.#followed = followed;
    return [...all];
  }

  #takeTouches({ touches, isComplete }: TouchDrain, now: number): readonly MappedFile[] {
    if (!isComplete) this.#beBlind(now);
    const pids = new Set<number>();
    for (const touch of touches) this.#take(touch, now, pids);
    if (this.#waiting.size > 0 && now - this.#waitedMs >= WAITING_LOOK_MS) this.#lookAtWaiting(now, pids);
    const found = pids.size === 0 ? [] : this.#mapped.lookAt(pids);
    if (!this.#isScanDue || now < this.#mayScanMs) return found;
    const scanned = this.#scan(performance.now());
    return [...found, ...scanned.found, ...scanned.released];
  }

  /** Any file may have been touched. */
  #beBlind(now: number): void {
    this.#blindUntilMs = now + TOUCHED_MS;
    this.#isScanDue = true;
  }

  #take(touch: Touch, now: number, pids: Set<number>): void {
    const key = touchKey(touch);
    if (this.#touched.size >= TOUCHED_MAX) {
      this.#touched.clear();
      this.#beBlind(now);
    }
    this.#touched.set(key, now);
    const pair = `${touch.pid} ${key}`;
    const dueMs = Math.max(now, (this.#looked.get(pair) ?? Number.NEGATIVE_INFINITY) + LOOKED_MS);
    if (dueMs <= now && this.#options.isWatched(touch.device, touch.ino)) this.#look(pair, touch.pid, now, pids);
    else if (this.#waiting.size < WAITING_MAX) this.#waiting.set(pair, { touch, dueMs, untilMs: dueMs + UNKNOWN_MS });
    else this.#isScanDue = true;
  }

  #look(pair: string, pid: number, now: number, pids: Set<number>): void {
    this.#looked.set(pair, now);
    pids.add(pid);
  }

  #lookAtWaiting(now: number, pids: Set<number>): void {
    this.#waitedMs = now;
    for (const [pair, { touch, dueMs, untilMs }] of this.#waiting) {
      if (now < dueMs) continue;
      const isWatched = this.#options.isWatched(touch.device, touch.ino);
      if (isWatched) this.#look(pair, touch.pid, now, pids);
      if (isWatched || now >= untilMs) this.#waiting.delete(pair);
    }
  }

  /** Looks at all processes; to be called every half minute. */
  scan(): MappingChange {
    const { found, released } = this.#scan(performance.now());
    return { found: this.#withArrived(found), released };
  }

  #scan(now: number): MappingChange {
    this.#isScanDue = false;
    for (const [key, atMs] of this.#touched) if (now - atMs > TOUCHED_MS) this.#touched.delete(key);
    const change = this.#mapped.scan();
    const endMs = performance.now();
    this.#mayScanMs = endMs + Math.max(SCAN_MS, (endMs - now) * SCAN_SHARE);
    return change;
  }

  /** To be called every second. */
  audit(): void {
    this.#options.touches?.audit();
    const oldest = performance.now() - LOOKED_MS;
    for (const [pair, atMs] of this.#looked) if (atMs < oldest) this.#looked.delete(pair);
  }

  close(): void {
    this.#options.touches?.close();
  }
}
