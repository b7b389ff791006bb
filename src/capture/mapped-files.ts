// Which files are mapped shared and writable by some process: their content may change without any call, hence without
// any event but the first for each piece of cache. Found in /proc/PID/maps: of all processes at the start and on request,
// of single ones when they called mmap(2).
//
// The loop for such a file, after each event of it and a pause of 100 ms or more (each round writes to the disk):
//   settle(fd, range), then read the range. A store after the settling raises an event again, so none is missed for good.
// A mapping that became writable by mprotect(2), or was inherited, is found by the next `scan` only. When the last mapping
// goes, the file is to be compared once more as a whole (`released`, or the close hint of fanotify).

import { readdirSync, readFileSync, statSync } from "node:fs";
import { syncFileRange } from "../fs/settle.js";
import { type InodeId, inodeKey } from "./range-table.js";
import type { MapCall } from "./trace-sink.js";

export interface MappedFile extends InodeId {
  /** Where the process saw it, or "" when it was not told. */
  readonly path: string;
}

export interface MappingChange {
  /** Mapped since the last look: to be compared as a whole once. */
  readonly found: readonly MappedFile[];
  /** Not mapped any more: to be compared as a whole once, too. Of a full scan only. */
  readonly released: readonly MappedFile[];
}

const MAPPING = /^[0-9a-f]+-[0-9a-f]+ .w.s [0-9a-f]+ ([0-9a-f]+):([0-9a-f]+) (\d+) *(.*)$/gm;

/** Makes later stores into the range visible again: the pages are written to the disk and write-protected. Length 0 = to the end. Negative errno on failure. */
export function settle(fd: number, offset: number, length: number): number {
  return syncFileRange(fd, offset, length);
}

export class MappedFiles {
  readonly #devices: ReadonlySet<number>;
  #files = new Map<string, MappedFile>();
  /** Processes whose call was not over when it was looked at. */
  #again: readonly MapCall[] = [];

  /** `devices`: the file systems of interest, as `TraceVolume.device`. On btrfs a file of the same number in another subvolume is meant, too. */
  constructor(devices: Iterable<number>) {
    this.#devices = new Set(devices);
  }

  /** Some calls are to be looked at again. */
  get hasPending(): boolean {
    return this.#again.length > 0;
  }

  /** For `TraceRanges.watchMapped`. */
  get files(): Iterable<MappedFile> {
    return this.#files.values();
  }

  /** The same, by `inodeKey`. */
  get byKey(): ReadonlyMap<string, MappedFile> {
    return this.#files;
  }

  has(device: number, ino: number): boolean {
    return this.#files.has(inodeKey({ device, root: 0, ino }));
  }

  /** Looks at all processes. */
  scan(): MappingChange {
    const before = this.#files;
    this.#files = new Map();
    for (const name of readdirSync("/proc")) {
      if (/^\d+$/.test(name)) this.#look(Number(name));
    }
    return {
      found: [...this.#files].filter(([key]) => !before.has(key)).map(([, file]) => file),
      released: [...before].filter(([key]) => !this.#files.has(key)).map(([, file]) => file),
    };
  }

  /** Looks at these processes, and returns what is found to be mapped. */
  lookAt(pids: Iterable<number>): readonly MappedFile[] {
    const before = new Set(this.#files.keys());
    for (const pid of pids) this.#look(pid);
    return [...this.#files].filter(([key]) => !before.has(key)).map(([, file]) => file);
  }

  /** Looks at the processes of these calls. The call itself may not be over yet: they are looked at again by the next `note`. */
  note(calls: readonly MapCall[]): MappingChange {
    const before = new Set(this.#files.keys());
    for (const pid of new Set([...this.#again, ...calls].map((call) => call.pid))) this.#look(pid);
    // The descriptor tells the file before the mapping is there, and the mapping after the descriptor is closed.
    for (const { pid, fd } of calls) this.#lookAtDescriptor(pid, fd);
    this.#again = calls;
    return { found: [...this.#files].filter(([key]) => !before.has(key)).map(([, file]) => file), released: [] };
  }

  #look(pid: number): void {
    for (const [, major = "", minor = "", ino, path = ""] of readOf(pid, "maps").matchAll(MAPPING)) {
      this.#add(Number.parseInt(major, 16) * 1_048_576 + Number.parseInt(minor, 16), Number(ino), path);
    }
  }

  #lookAtDescriptor(pid: number, fd: number): void {
    try {
      const { dev, ino } = statSync(`/proc/${pid}/fd/${fd}`);
      // Of stat(2): major in bits 8-19, minor in 0-7 and 20-31.
      this.#add((Math.floor(dev / 256) % 4096) * 1_048_576 + (dev % 256) + Math.floor(dev / 1_048_576) * 256, ino, "");
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  #add(device: number, ino: number, path: string): void {
    if (!this.#devices.has(device)) return;
    const file = { device, root: 0, ino, path };
    this.#files.set(inodeKey(file), file);
  }
}

/** "" when the process, or the right to look at it, is gone. */
function readOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch (error) {
    if (isGone(error)) return "";
    throw error;
  }
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ESRCH" || code === "EACCES" || code === "EPERM";
}
