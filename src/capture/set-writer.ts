// Gathers changes into change sets and hands each encoded set to the journal, in sequence. One writer per
// replication set: whatever is read, live or by a job, gets its place in the order at the moment of reading.

import { MiB } from "../base/units.js";
import { type BytePath, PATH_BYTES_MAX } from "../model/byte-path.js";
import type { Change, FileChange, Meta, RenameChange, RootIndex, TaskChange } from "../model/change.js";
import { payloadOf } from "../model/change-codec.js";
import { type ChangeSet, encodeChangeSet, encodeInPlace } from "../model/change-set.js";
import type { ShippedRename } from "../model/mirror-port.js";
import { ChangedFiles, NONE_CHANGED } from "./changed-files.js";
import { RenameLog } from "./rename-log.js";

export interface OutgoingSet {
  readonly seq: number;
  /** 0 = every connection. */
  readonly connectionId: number;
  readonly mirror: boolean;
  /** A live set with which what a target holds is complete. */
  readonly ends: boolean;
  /** Directories have other names behind it. Live sets only. */
  readonly moves: boolean;
  /** The task that it holds, alone; absent = none. */
  readonly task?: Pick<TaskChange, "number" | "deed">;
  readonly changes: number;
  /** Files whose last name, or all of whose content, it takes away; less those that it gives content again. Live sets only. */
  readonly lost: number;
  /** Files that it overwrites or replaces: a number for each path. Live sets only. */
  readonly changed: Uint32Array;
  readonly lastPath: string;
  readonly bytes: Buffer;
}

export const SET_PAYLOAD_BYTES = MiB;
const CHANGES_MAX = 1500;
/** Room for the header of many changes in front of their payload. */
const HEADROOM_BYTES = 96 * 1024;
/** Room for the header of one chunk of a large file, whose only long part is its path. */
const CHUNK_HEADROOM_BYTES = 16 * 1024;
/** A header above this closes the set: an encoded set stays far below SET_BYTES_MAX. */
const HEADER_BYTES_MAX = 512 * 1024;

export class SetWriter {
  /** Live sets are closed by `closeCut` alone. Otherwise each is, which does not end within a file. */
  hasCuts = false;
  /** A closed set is wanted even if nothing has changed. */
  isCutWanted = false;
  /** The most of a file that a set is to take; a connection that is held to a rate wants little at once. */
  pieceBytes = Number.POSITIVE_INFINITY;
  readonly renames = new RenameLog();
  readonly #changed = new ChangedFiles();
  readonly #emit: (set: OutgoingSet) => void;
  readonly #onTooLong: (change: Change) => void;
  /** Room for a header, then the payload of the open set. Given away with a full set, used again after a small one. */
  #block = newBlock();
  #used = 0;
  #headerBytes = 0;
  #changes: Change[] = [];
  #connectionId = 0;
  #mirror = false;
  #lastSeq: number;
  #openBytes = 0;
  #lost = 0;
  #moves = false;
  #asks = false;
  #closing: "no" | "closed" | "forced" = "no";

  constructor(lastSeq: number, emit: (set: OutgoingSet) => void, onTooLong: (change: Change) => void = () => undefined) {
    this.#lastSeq = lastSeq;
    this.#emit = emit;
    this.#onTooLong = onTooLong;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** The set that is not emitted yet holds content, and nobody waits for an answer to any of it. */
  get mayWait(): boolean {
    return this.#used > 0 && !this.#asks;
  }

  /** Payload of the set that is not emitted yet. */
  get gatheredBytes(): number {
    return this.#used;
  }

  /** The set that is not emitted yet: its number, and how much it holds. */
  get open(): { readonly seq: number; readonly changes: number } {
    return { seq: this.#lastSeq + 1, changes: this.#changes.length };
  }

  /** Live sets were emitted that are not closed: their bytes. */
  get openBytes(): number {
    return this.#openBytes;
  }

  /** Ends the live sets since the last call: together they are a state that the source had, or (`isForced`) that is given up. */
  closeCut(isForced = false): void {
    if (this.#connectionId !== 0) this.flush();
    this.#connectionId = 0;
    this.#mirror = false;
    if (this.#changes.length === 0 && this.#openBytes === 0 && (isForced || !this.isCutWanted)) return;
    this.isCutWanted &&= isForced;
    this.#closing = isForced ? "forced" : "closed";
    if (this.#changes.length > 0) {
      this.flush();
    } else {
      const set = this.#next([]);
      this.#send(set, encodeChangeSet(set));
    }
    this.#closing = "no";
    this.#openBytes = 0;
  }

  /** Directs what follows to one connection (a job) or to all (0, live). Switching closes the open set. */
  direct(connectionId: number, mirror: boolean): void {
    if (connectionId === this.#connectionId && mirror === this.#mirror) return;
    this.flush();
    this.#connectionId = connectionId;
    this.#mirror = mirror;
  }

  /** Space for `length` bytes of payload (at most SET_PAYLOAD_BYTES); valid until the next call but `add`. */
  reserve(length: number): Buffer {
    if (this.#used + length > SET_PAYLOAD_BYTES || this.#isFull) this.flush();
    return this.#block.subarray(HEADROOM_BYTES + this.#used, HEADROOM_BYTES + this.#used + length);
  }

  get #isFull(): boolean {
    return this.#changes.length >= CHANGES_MAX || this.#headerBytes > HEADER_BYTES_MAX;
  }

  /** Adds a change; a file's payload must be what `reserve` gave, filled. One whose path nobody could take is told, not shipped. */
  add(change: Change): void {
    if (isTooLong(change)) {
      this.#onTooLong(change);
      return;
    }
    // A file's payload lies in the open block already: `reserve` made room for its change, too.
    if (this.#isFull && (payloadOf(change)?.length ?? 0) === 0) this.flush();
    this.#changes.push(change);
    this.#headerBytes += weightOf(change);
    this.#asks ||= isQuestion(change);
    if (change.op === "rename" && change.type === "dir") this.#moves ||= this.#isLive;
    if (change.op === "rename") this.renames.note(this.#lastSeq + 1, renameOf(change));
    this.#used += payloadOf(change)?.length ?? 0;
    if (change.op === "file" && this.#isLive) this.#changed.noteChange(change);
  }

  get #isLive(): boolean {
    return this.#connectionId === 0 && !this.#mirror;
  }

  /** What was at this path is replaced by what is added next. */
  noteChanged(root: RootIndex, path: BytePath): void {
    if (this.#isLive) this.#changed.note(root, path);
  }

  /** What the live change that was added last takes away. */
  noteLost(files: number): void {
    this.#lost += files;
  }

  /** Emits one large chunk (below SET_BYTES_MAX) as a set of its own: `read` fills the payload in place. Returns what `read` returned. */
  addChunk(length: number, read: (into: Buffer) => FileChange | null): boolean {
    this.flush();
    const buffer = Buffer.allocUnsafeSlow(CHUNK_HEADROOM_BYTES + length);
    const change = read(buffer.subarray(CHUNK_HEADROOM_BYTES));
    if (change === null) return false;
    if (isTooLong(change)) {
      this.#onTooLong(change);
      return true;
    }
    if (this.#isLive) this.#changed.noteChange(change);
    const set = this.#next([change]);
    const bytes = change.payload.length === length ? encodeInPlace(set, buffer, CHUNK_HEADROOM_BYTES) : encodeChangeSet(set);
    this.#send(set, bytes);
    return true;
  }

  /** Closes the open set, if it holds anything. Returns the last sequence number used. */
  flush(): number {
    if (this.#changes.length === 0) return this.#lastSeq;
    const set = this.#next(this.#changes);
    const used = this.#used;
    this.#changes = [];
    this.#used = 0;
    this.#headerBytes = 0;
    this.#asks = false;
    // A full block travels as it is; copying a small payload is cheaper than a new block.
    if (used > SET_PAYLOAD_BYTES / 2) {
      const block = this.#block;
      this.#block = newBlock();
      this.#send(set, encodeInPlace(set, block.subarray(0, HEADROOM_BYTES + used), HEADROOM_BYTES));
    } else {
      this.#send(set, encodeChangeSet(set));
    }
    return this.#lastSeq;
  }

  /** An empty set for one connection: its acknowledgement shows that the target is there and has all before it. */
  mark(connectionId: number): number {
    this.direct(connectionId, false);
    this.flush();
    const set = this.#next([]);
    this.#send(set, encodeChangeSet(set));
    return set.seq;
  }

  /** A set of this change alone, for one connection, behind a state that is complete; null = a state is open, and nothing was done. */
  insert(connectionId: number, change: Change): number | null {
    this.flush();
    if (this.#openBytes > 0) return null;
    this.direct(connectionId, false);
    const set = this.#next([change]);
    this.#send(set, encodeChangeSet(set));
    return set.seq;
  }

  #next(changes: readonly Change[]): ChangeSet {
    this.#lastSeq += 1;
    // A file of which more is to come is no state the source ever had.
    const isWhole = !changes.some((change) => (change.op === "file" && change.meta === null) || (change.op === "rebuild" && change.end === null));
    const isLive = this.hasCuts && !this.#mirror;
    // One for a single connection within live sets that are open is part of them.
    const closed = !isLive ? isWhole : this.#connectionId === 0 ? this.#closing === "closed" : this.#openBytes === 0;
    return { seq: this.#lastSeq, sourceTimeMs: Date.now(), closed, forced: this.#closing === "forced", mirror: this.#mirror, changes };
  }

  #send(set: ChangeSet, bytes: Buffer): void {
    const last = set.changes[set.changes.length - 1];
    const connectionId = this.#connectionId;
    const lost = connectionId === 0 ? this.#lost : 0;
    this.#lost -= lost;
    if (this.hasCuts && connectionId === 0) this.#openBytes += bytes.length;
    const task = last?.op === "task" ? { task: { number: last.number, deed: last.deed } } : {};
    const changed = this.#isLive ? this.#changed.take() : NONE_CHANGED;
    const ends = this.#isLive && (set.closed || set.forced === true);
    const { mirror, seq, changes } = { ...set, changes: set.changes.length };
    const moves = this.#isLive && this.#moves;
    this.#moves &&= !moves;
    this.#emit({ seq, connectionId, mirror, ends, moves, ...task, changes, lost, changed, lastPath: last?.path ?? "", bytes });
  }
}

/** So deep is what lies in a directory that was moved down after it had been replicated. */
function isTooLong(change: Change): boolean {
  return change.path.length > PATH_BYTES_MAX || ((change.op === "link" || change.op === "rename") && change.to.length > PATH_BYTES_MAX);
}

/** The receiver answers, and somebody waits for it. */
function isQuestion({ op }: Change): boolean {
  return op === "compare" || op === "sums" || op === "index" || op === "orphans" || op === "task";
}

function newBlock(): Buffer {
  return Buffer.allocUnsafeSlow(HEADROOM_BYTES + SET_PAYLOAD_BYTES);
}

/** About what a change adds to the header, from above: names are written as UTF-8 of latin1 text. */
function weightOf(change: Change): number {
  const bytes = 100 + 2 * change.path.length;
  switch (change.op) {
    case "file":
      return bytes + 18 * (change.extents.length + change.holes.length) + weightOfMeta(change.meta);
    case "dir":
    case "special":
    case "attr":
      return bytes + weightOfMeta(change.meta);
    case "symlink":
      return bytes + 2 * change.target.length + weightOfMeta(change.meta);
    case "link":
    case "rename":
      return bytes + 2 * change.to.length;
    case "compare":
      return (
        change.entries.reduce((sum, { name, detail, linkTo }) => sum + 60 + 2 * (name.length + detail.length + (linkTo?.length ?? 0)), bytes) +
        weightOfMeta(change.meta)
      );
    case "index":
      return bytes + 5 * change.ranges.length;
    case "rebuild":
      return bytes + 9 * change.parts.length;
    default:
      return bytes;
  }
}

function weightOfMeta(meta: Meta | null): number {
  let bytes = 0;
  if (meta !== null) for (const [name, value] of meta.xattrs) bytes += 2 * name.length + value.length + 16;
  return bytes;
}

function renameOf({ root, path, to, type }: RenameChange): ShippedRename {
  return { root, path, to, isDirectory: type === "dir" };
}
