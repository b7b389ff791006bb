// Turns the state of one entry into changes and records it as shipped.

import { EACCES, ELOOP, ENOENT, ENXIO, EPERM, errnoName } from "../fs/errno.js";
import { closeFd, type FileStat, O_NOATIME, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_RDONLY, openAt, readlinkAt, statAt } from "../fs/native.js";
import type { BytePath } from "../model/byte-path.js";
import { type Extent, type Meta, type RootIndex, WHOLE_FILE_BYTES_MAX } from "../model/change.js";
import { hashOf, isSparse, nextData, readFully } from "./content-reader.js";
import { FileTransfer, leftAs } from "./file-transfer.js";
import { metaOfFd, metaOfName, specialKind } from "./meta-reader.js";
import type { Inode, NodeTable } from "./node-table.js";
import type { RangeTransfer } from "./range-transfer.js";
import type { SetWriter } from "./set-writer.js";
import type { SignatureCache } from "./signature-cache.js";

export interface Place {
  readonly dirfd: number;
  readonly name: string;
  readonly path: BytePath;
}

export type Shipped = "shipped" | "vanished" | FileTransfer;

/** Younger than this, a timestamp does not tell two changes apart (coarsest kernel tick, doubled). */
const RACY_MS = 25;
/** A timestamp so far ahead was given by a clock that has been set back: no change to come will have it. */
const AHEAD_MS = 2000;
const wholeScratch = Buffer.allocUnsafeSlow(WHOLE_FILE_BYTES_MAX);

/** `lookedMs`: when it was looked at, at the earliest. What happened between that and `nowMs` may have left the time of change as it was. */
export function isRacy(stat: FileStat, nowMs: number, lookedMs = nowMs): boolean {
  const changedMs = stat.ctimeSec * 1000 + stat.ctimeNsec / 1e6;
  return lookedMs - changedMs < RACY_MS && nowMs - changedMs > -AHEAD_MS;
}

export interface ShipperOptions {
  readonly root: RootIndex;
  readonly writer: SetWriter;
  readonly table: NodeTable;
  readonly signatures: SignatureCache;
  /** All that is shipped was looked at since then. */
  readonly lookedSinceMs: () => number;
  readonly onProblem: (path: BytePath, code: string, message: string) => void;
}

export class EntryShipper {
  readonly #options: ShipperOptions;
  /** O_NOATIME is for the owner or root only: dropped at the first refusal. */
  #openFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME;

  constructor(options: ShipperOptions) {
    this.#options = options;
  }

  /** A descriptor to read a regular file or directory; "vanished" or "denied" (a problem was noted) otherwise. */
  open(place: Place): number | "vanished" | "denied" {
    let fd = openAt(place.dirfd, place.name, this.#openFlags);
    if (fd === -EPERM && (this.#openFlags & O_NOATIME) !== 0) {
      fd = openAt(place.dirfd, place.name, this.#openFlags & ~O_NOATIME);
    }
    if (fd >= 0) return fd;
    if (fd === -ENOENT || fd === -ELOOP || fd === -ENXIO) return "vanished";
    this.#problem(place.path, fd === -EACCES ? "FS_DENIED" : "FS_IO", `cannot open: ${errnoName(fd)}`);
    return "denied";
  }

  #problem(path: BytePath, code: string, message: string): void {
    this.#options.onProblem(path, code, message);
  }

  /** A file has other content than before; what, is not known here. */
  noteChanged({ path }: Place): void {
    this.#options.writer.noteChanged(this.#options.root, path);
  }

  /** Ships an entry as something new at its path. `live` records it as known to every receiver. */
  shipNew(place: Place, inode: Inode, stat: FileStat, live: boolean, onBehind: (() => void) | null = null): Shipped {
    switch (inode.type) {
      case "file":
        return this.shipNewFile(place, inode, live, onBehind);
      case "dir":
        return this.#shipByName(place, inode, stat, live);
      default:
        return this.#shipByName(place, inode, stat, live);
    }
  }

  /**
   * Ships a regular file as something new, content and all; it is looked at once, when it is open. `onBehind`: a small one is left with
   * the size and time that live sets build on, and this is called when it has others by now; null: with those that it has.
   */
  shipNewFile(place: Place, inode: Inode, live: boolean, onBehind: (() => void) | null = null): Shipped {
    const fd = this.open(place);
    if (typeof fd !== "number") return "vanished";
    try {
      const stat = statAt(fd, "");
      if (typeof stat === "number" || !inode.isSame(stat)) return "vanished";
      if (stat.size > WHOLE_FILE_BYTES_MAX) {
        return new FileTransfer({ root: this.#options.root, inode, stat, start: "replace", base: null, against: null });
      }
      return this.#shipWhole(fd, place, inode, stat, { start: "replace", live, onBehind });
    } finally {
      closeFd(fd);
    }
  }

  /**
   * Ships a small file whole. `replace` for a new inode; `patch` keeps the receiver's inode, so that its other names stay linked.
   * `known`: unchanged content (by hash) travels as attributes only.
   */
  #shipWhole(
    fd: number,
    place: Place,
    inode: Inode,
    stat: FileStat,
    how: { start: "replace" | "patch"; live: boolean; onBehind: (() => void) | null },
  ): Shipped {
    const { root, writer } = this.#options;
    const sparse = isSparse(stat);
    const payload = sparse ? wholeScratch.subarray(0, stat.size) : writer.reserve(stat.size);
    const got = readFully(fd, payload, 0);
    if (got < 0) {
      this.#problem(place.path, "FS_IO", `cannot read: ${errnoName(got)}`);
      return "vanished";
    }
    const whole = got === payload.length ? payload : payload.subarray(0, got);
    const hash = hashOf(whole);
    const newest = metaOfFd(fd, stat);
    if (typeof newest === "number") {
      this.#problem(place.path, "FS_IO", `cannot read attributes: ${errnoName(newest)}`);
      return "vanished";
    }
    const { base } = inode;
    const isBehind = how.onBehind !== null && base !== null && !(inode.hasSameCtime(stat) && inode.size === got);
    const meta = isBehind ? leftAs(newest, base) : newest;
    const size = isBehind ? base.size : got;
    if (isBehind) how.onBehind?.();
    if (how.start === "patch" && hash === inode.contentHash && got === inode.size) {
      if (inode.racy || !inode.hasSameCtime(stat)) writer.add({ op: "attr", root, path: place.path, type: "file", meta, base });
    } else {
      const kept = Math.min(got, size);
      const content = kept === got ? whole : payload.subarray(0, kept);
      const { extents, bytes } = sparse ? this.#compact(fd, content) : { extents: wholeExtent(kept), bytes: content };
      writer.add({
        op: "file",
        root,
        path: place.path,
        start: how.start,
        base: how.start === "patch" ? base : null,
        continues: false,
        extents,
        holes: how.start === "patch" && sparse ? holesBetween(extents, kept) : [],
        size,
        meta,
        payload: bytes,
      });
    }
    // What was read is what receivers have, should the file have been cut meanwhile.
    if (how.live) this.#record(inode, { ...stat, size: got }, hash, got < stat.size);
    else inode.contentHash = !inode.racy && inode.hasSameCtime(stat) ? hash : 0n;
    if (meta.xattrs.length === 0 && !inode.racy && inode.hasSameCtime(stat)) inode.isPlain = true;
    return "shipped";
  }

  #compact(fd: number, whole: Buffer): { extents: Extent[]; bytes: Buffer } {
    const extents: Extent[] = [];
    for (let data = nextData(fd, 0, whole.length); data !== null; data = nextData(fd, data[0] + data[1], whole.length)) extents.push(data);
    const bytes = this.#options.writer.reserve(extents.reduce((sum, [, length]) => sum + length, 0));
    let at = 0;
    for (const [offset, length] of extents) at += whole.copy(bytes, at, offset, offset + length);
    return { extents, bytes };
  }

  #record(inode: Inode, stat: FileStat, hash: bigint, torn: boolean): void {
    this.#take(inode, stat, torn);
    inode.contentHash = hash;
    this.#options.signatures.delete(inode);
  }

  #take(inode: Inode, stat: FileStat, torn: boolean): void {
    const { table, writer, lookedSinceMs } = this.#options;
    const before = table.kept;
    table.resize(inode, stat.size);
    writer.noteLost(before - table.kept);
    inode.take(stat);
    inode.racy = torn || isRacy(stat, Date.now(), lookedSinceMs());
  }

  /** Directories, links, FIFOs, devices: everything but content. */
  #shipByName(place: Place, inode: Inode, stat: FileStat, live: boolean): Shipped {
    const { root, writer } = this.#options;
    const { path } = place;
    const meta = this.metaOf(place, stat);
    if (meta === null) return "vanished";
    if (inode.type === "dir") {
      writer.add({ op: "dir", root, path, meta });
    } else if (inode.type === "symlink") {
      const target = linkTarget(place, inode);
      if (target === null) return "vanished";
      writer.add({ op: "symlink", root, path, target, meta });
    } else {
      writer.add({ op: "special", root, path, kind: specialKind(stat), major: stat.rdevMajor, minor: stat.rdevMinor, meta });
    }
    if (live) this.#take(inode, stat, false);
    return "shipped";
  }

  /** Attributes of what is at the place; null (with a problem noted, unless it vanished) when they cannot be read. */
  metaOf(place: Place, stat: FileStat): Meta | null {
    const name = place.name === "" ? "." : place.name;
    const meta = metaOfName(place.dirfd, name, stat);
    if (typeof meta !== "number") {
      // Attributes are read by name: they must be those of what was looked at.
      const now = statAt(place.dirfd, name);
      return typeof now !== "number" && now.ino === stat.ino && now.dev === stat.dev ? meta : null;
    }
    if (meta !== -ENOENT) this.#problem(place.path, "FS_IO", `cannot read attributes: ${errnoName(meta)}`);
    return null;
  }

  /** Ships attributes of an entry whose content is as known. `live` = to every receiver. */
  shipAttr(place: Place, inode: Inode, stat: FileStat, live: boolean, isForced = false): Shipped {
    const { root, writer } = this.#options;
    const meta = this.metaOf(place, stat);
    if (meta === null) return "vanished";
    writer.add({ op: "attr", root, path: place.path, type: inode.type, meta, base: inode.type === "file" && !isForced ? inode.base : null });
    if (live) this.#take(inode, stat, false);
    return "shipped";
  }

  /**
   * A known regular file may have new content: ships what differs from what was shipped before, or attributes only.
   * "unknown" = a large file without signature: only the receivers know their blocks.
   */
  shipContent(place: Place, inode: Inode): Shipped | "unknown" {
    const fd = this.open(place);
    if (typeof fd !== "number") return "vanished";
    try {
      const stat = statAt(fd, "");
      if (typeof stat === "number" || !inode.isSame(stat)) return "vanished";
      const { root, signatures } = this.#options;
      if (stat.size <= WHOLE_FILE_BYTES_MAX) return this.#shipWhole(fd, place, inode, stat, { start: "patch", live: true, onBehind: null });
      const wasSmall = inode.size <= WHOLE_FILE_BYTES_MAX;
      const against = wasSmall ? new BigUint64Array(0) : signatures.get(inode);
      if (against === undefined) return "unknown";
      return new FileTransfer({ root, inode, stat, start: "patch", base: inode.base, against });
    } finally {
      closeFd(fd);
    }
  }

  /** Records what was written, and is shipped to every receiver now. */
  recordRanges({ options: { inode }, stat, size, extents, isTorn }: RangeTransfer): void {
    if (stat === null) return;
    this.#take(inode, { ...stat, size }, isTorn);
    inode.contentHash = 0n;
    this.#options.signatures.forget(inode, extents, size);
  }

  /** Records a finished live transfer as shipped to every receiver. `isTorn`: it is a mixture, which nothing makes good. */
  recordTransfer(transfer: FileTransfer, isTorn: boolean): void {
    const { inode, stat } = transfer.options;
    this.#take(inode, stat, isTorn);
    inode.contentHash = 0n;
    this.#options.signatures.set(inode, transfer.sums);
  }
}

/** Where the link points; null when another inode has the name by now. A link never changes: what is read of it once is never read again. */
function linkTarget({ dirfd, name }: Place, inode: Inode): string | null {
  const fd = openAt(dirfd, name, O_PATH | O_NOFOLLOW);
  if (fd < 0) return null;
  try {
    const stat = statAt(fd, "");
    const target = typeof stat !== "number" && inode.isSame(stat) ? readlinkAt(fd, "") : -ENOENT;
    return typeof target === "number" ? null : target;
  } finally {
    closeFd(fd);
  }
}

function wholeExtent(size: number): readonly Extent[] {
  return size === 0 ? [] : [[0, size]];
}

function holesBetween(extents: readonly Extent[], size: number): readonly Extent[] {
  const holes: Extent[] = [];
  let end = 0;
  for (const [offset, length] of extents) {
    if (offset > end) holes.push([end, offset - end]);
    end = offset + length;
  }
  if (end < size) holes.push([end, size - end]);
  return holes;
}
