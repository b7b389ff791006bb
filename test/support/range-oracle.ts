// Judges reported write ranges: keeps a copy of a directory's files, brings over exactly what was reported (and the size,
// which is never reported), and says where copy and original differ.

import { closeSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { clipRanges, type DirtyInode, type InodeId, inodeKey } from "../../src/capture/range-table.js";
import { settledSize } from "../../src/capture/settled-size.js";
import type { TraceRanges } from "../../src/capture/trace-ranges.js";
import type { TraceVolume } from "../../src/capture/trace-volume.js";
import { btrfsSubvolumeOf } from "../../src/fs/btrfs.js";
import { statAt } from "../../src/fs/native.js";

interface Copy {
  /** Inode and birth: a number may be used again. */
  readonly identity: string;
  content: Buffer;
}

export interface CopyReport {
  readonly lost: number;
  readonly wholeFiles: number;
  readonly bytesRead: number;
  /** Files of which something was brought over: 0 = nothing changed since the copy before. */
  readonly files: number;
  /** Inodes that were reported. */
  readonly dirty: ReadonlyMap<string, DirtyInode>;
}

export class RangeOracle {
  readonly #directory: string;
  readonly #ranges: TraceRanges;
  readonly #volume: TraceVolume;
  readonly #copies = new Map<string, Copy>();
  #bytesRead = 0;
  #wholeFiles = 0;
  #files = 0;

  constructor(directory: string, ranges: TraceRanges, volume: TraceVolume) {
    this.#directory = directory;
    this.#ranges = ranges;
    this.#volume = volume;
  }

  /**
   * `hinted`: names of which a modify hint came (fanotify's part); undefined = of all, while others write: a file that
   * was not there before is copied as a whole then, for its first events may have come before its name.
   */
  copy(hinted?: readonly string[]): CopyReport {
    this.#bytesRead = 0;
    this.#wholeFiles = 0;
    this.#files = 0;
    const { lost } = this.#ranges.drain();
    const dirty = this.#ranges.take();
    for (const name of readdirSync(this.#directory)) this.#copyFile(name, dirty, hinted);
    return { lost, dirty, files: this.#files, wholeFiles: this.#wholeFiles, bytesRead: this.#bytesRead };
  }

  /** The copy of a file. */
  contentOf(name: string): Buffer {
    const copy = this.#copies.get(name);
    if (copy === undefined) throw new Error(`no copy of ${name}`);
    return copy.content;
  }

  /** Differences, one line each. */
  compare(): string[] {
    return readdirSync(this.#directory).flatMap((name) => {
      const actual = this.#readAll(name);
      const copy = this.#copies.get(name)?.content;
      if (copy === undefined) return [`${name}: not copied`];
      if (copy.length !== actual.length) return [`${name}: ${copy.length} bytes instead of ${actual.length}`];
      const at = firstDifference(copy, actual);
      return at < 0 ? [] : [`${name}: differs from byte ${at} (page ${Math.floor(at / 4096)}) of ${actual.length}`];
    });
  }

  idOf(name: string): InodeId {
    const fd = openSync(join(this.#directory, name), "r");
    try {
      return this.#idOf(fd);
    } finally {
      closeSync(fd);
    }
  }

  #idOf(fd: number): InodeId {
    return { device: this.#volume.device, root: this.#volume.kind === "btrfs" ? btrfsSubvolumeOf(fd) : 0, ino: fstatSync(fd).ino };
  }

  #copyFile(name: string, dirty: ReadonlyMap<string, DirtyInode>, hinted: readonly string[] | undefined): void {
    const fd = openIfThere(join(this.#directory, name));
    if (fd === null) return;
    try {
      const id = this.#idOf(fd);
      const reported = dirty.get(inodeKey(id));
      const isHinted = hinted === undefined || hinted.includes(name);
      const possible = isHinted && this.#volume.kind === "btrfs" ? this.#ranges.takePossible(id) : null;
      const size = settledSize(fd, this.#volume.kind, {
        marks: (reported?.marks ?? 0) | (possible?.marks ?? 0),
        reach: Math.max(reported?.reach ?? 0, possible?.reach ?? 0),
      });
      const isNew = this.#copies.get(name)?.identity !== identityOf(fd);
      const copy = this.#resize(name, identityOf(fd), size);
      if (isNew && hinted === undefined) this.#bring(fd, copy, "whole", size);
      for (const each of [reported, possible]) if (each != null) this.#bring(fd, copy, each.ranges, size);
    } finally {
      closeSync(fd);
    }
  }

  #resize(name: string, identity: string, size: number): Copy {
    const known = this.#copies.get(name);
    if (known?.identity !== identity) {
      const copy = { identity, content: Buffer.alloc(size) };
      this.#copies.set(name, copy);
      return copy;
    }
    if (size === known.content.length) return known;
    // Seen before its event, perhaps: what is in there comes with that.
    this.#files++;
    const content = Buffer.alloc(size);
    known.content.copy(content, 0, 0, size);
    known.content = content;
    return known;
  }

  #bring(fd: number, copy: Copy, ranges: DirtyInode["ranges"], size: number): void {
    this.#files++;
    if (ranges === "whole") this.#wholeFiles++;
    for (const [offset, length] of ranges === "whole" ? [[0, size] as const] : clipRanges(ranges, size)) {
      if (length > 0) this.#bytesRead += readSync(fd, copy.content, offset, length, offset);
    }
  }

  #readAll(name: string): Buffer {
    const fd = openSync(join(this.#directory, name), "r");
    try {
      const content = Buffer.alloc(fstatSync(fd).size);
      readSync(fd, content, 0, content.length, 0);
      return content;
    } finally {
      closeSync(fd);
    }
  }
}

function openIfThere(path: string): number | null {
  try {
    return openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function identityOf(fd: number): string {
  const stat = statAt(fd, "");
  if (typeof stat === "number") throw new Error(`statx failed: ${stat}`);
  return `${stat.ino}.${stat.btimeSec}.${stat.btimeNsec}`;
}

function firstDifference(a: Buffer, b: Buffer): number {
  if (a.equals(b)) return -1;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return i;
  return -1;
}
