// Ships what was written to one known regular file: the named ranges and nothing else, in steps between which other work
// goes on. The times that are recorded are those of before the reading: whatever is written later differs from them.

import { ENOENT } from "../fs/errno.js";
import { type FileStat, statAt } from "../fs/native.js";
import type { Extent, FileChange, RootIndex } from "../model/change.js";
import { isSparse, nextData, readFully } from "./content-reader.js";
import { metaOfFd } from "./meta-reader.js";
import type { Inode } from "./node-table.js";
import { clipRanges } from "./range-table.js";
import { SET_PAYLOAD_BYTES, type SetWriter } from "./set-writer.js";
import { settledSize } from "./settled-size.js";
import type { TraceFileSystem } from "./trace-volume.js";

export interface RangeTransferOptions {
  readonly root: RootIndex;
  readonly inode: Inode;
  readonly fileSystem: TraceFileSystem;
  readonly ranges: readonly Extent[];
  readonly marks: number;
  readonly reach: number;
}

interface Piece {
  readonly offset: number;
  readonly length: number;
  readonly isHole: boolean;
}

export class RangeTransfer {
  readonly options: RangeTransferOptions;
  /** Of the receivers' file before it. */
  readonly sizeBefore: number;
  /** Of the file as shipped; valid once it was begun. */
  size = 0;
  /** As recorded with what was shipped; null until "done". */
  stat: FileStat | null = null;
  /** The file was cut while it was read. */
  isTorn = false;
  #pieces: Piece[] | null = null;
  #started = false;

  constructor(options: RangeTransferOptions) {
    this.options = options;
    this.sizeBefore = options.inode.size;
  }

  /** What is read, within the file. */
  get extents(): readonly Extent[] {
    return this.#extents;
  }

  #extents: readonly Extent[] = [];

  /** Reads and ships the next piece of the file open at `fd`, now named `path`. Negative errno on failure. */
  step(fd: number, path: FileChange["path"], writer: SetWriter): "more" | "done" | number {
    const stat = statAt(fd, "");
    if (typeof stat === "number") return stat;
    // Another file may have the name by now.
    if (!this.options.inode.isSame(stat)) return -ENOENT;
    this.#pieces ??= this.#begin(fd);
    const pieces = this.#nextPieces(this.#pieces);
    const isLast = this.#pieces.length === 0;
    const meta = isLast ? metaOfFd(fd, stat) : null;
    if (typeof meta === "number") return meta;
    const payload = writer.reserve(pieces.reduce((sum, { length, isHole }) => sum + (isHole ? 0 : length), 0));
    const extents: Extent[] = [];
    let filled = 0;
    for (const { offset, length, isHole } of pieces) {
      if (isHole) continue;
      const got = readFully(fd, payload.subarray(filled, filled + length), offset);
      if (got < 0) return got;
      if (got < length) this.isTorn = true;
      if (got > 0) extents.push([offset, got]);
      filled += got;
    }
    const holes = pieces.filter(({ isHole }) => isHole).map(({ offset, length }): Extent => [offset, length]);
    const { root, inode } = this.options;
    const isFirst = !this.#started;
    this.#started = true;
    const base = isFirst ? inode.base : null;
    const { size } = this;
    writer.add({ op: "file", root, path, start: "patch", base, continues: !isFirst, extents, holes, size, meta, payload: payload.subarray(0, filled) });
    if (!isLast) return "more";
    this.stat = stat;
    return "done";
  }

  #begin(fd: number): Piece[] {
    const { fileSystem, ranges, marks, reach } = this.options;
    this.size = settledSize(fd, fileSystem, { marks, reach });
    const stat = statAt(fd, "");
    // What a file grew by without being written reads as zeros, or was written since.
    const grown: Extent[] = this.size > this.sizeBefore ? [[this.sizeBefore, this.size - this.sizeBefore]] : [];
    this.#extents = joinExtents(clipRanges([...ranges, ...grown], this.size));
    const mayHaveHoles = typeof stat !== "number" && isSparse(stat);
    return this.#extents.flatMap(([offset, length]) => (mayHaveHoles ? splitAtHoles(fd, offset, length) : [{ offset, length, isHole: false }]));
  }

  /** As many as fit into a set, taken away; the last may be cut. */
  #nextPieces(pieces: Piece[]): Piece[] {
    const next: Piece[] = [];
    let room = SET_PAYLOAD_BYTES;
    while (room > 0) {
      const piece = pieces[0];
      if (piece === undefined || next.length >= PIECES_MAX) break;
      const length = piece.isHole ? piece.length : Math.min(room, piece.length);
      next.push({ ...piece, length });
      if (length === piece.length) pieces.shift();
      else pieces[0] = { offset: piece.offset + length, length: piece.length - length, isHole: false };
      if (!piece.isHole) room -= length;
    }
    return next;
  }
}

const PIECES_MAX = 2048;

/** Sorted and joined where they touch. */
export function joinExtents(extents: readonly Extent[]): Extent[] {
  const sorted = [...extents].sort((a, b) => a[0] - b[0]);
  const joined: Extent[] = [];
  for (const [offset, length] of sorted) {
    const last = joined[joined.length - 1];
    if (last !== undefined && offset <= last[0] + last[1]) joined[joined.length - 1] = [last[0], Math.max(last[1], offset + length - last[0])];
    else joined.push([offset, length]);
  }
  return joined;
}

function splitAtHoles(fd: number, from: number, bytes: number): Piece[] {
  const end = from + bytes;
  const pieces: Piece[] = [];
  let at = from;
  while (at < end) {
    const data = nextData(fd, at, end);
    const start = data === null ? end : Math.min(data[0], end);
    if (start > at) pieces.push({ offset: at, length: start - at, isHole: true });
    if (data === null || start === end) break;
    pieces.push({ offset: start, length: data[1], isHole: false });
    at = start + data[1];
  }
  return pieces;
}
