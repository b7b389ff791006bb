// What a mirror needs of the source's tree. Everything shipped through it gets its place in the one sequence of change
// sets at the moment it is read, so a mirror is correct while replication runs (design §8).

import type { BytePath } from "./byte-path.js";
import type { BlockRange, CompareChange, EntryType, FoundEntry, IndexAnswer, OrphansChange, RootIndex, SumsAnswer } from "./change.js";

/** Equal for names of one inode, within a root. */
export type InodeKey = number | string;

export interface MirrorEntry {
  readonly name: string;
  readonly path: BytePath;
  readonly type: EntryType;
  /** Bytes; regular files only. */
  readonly size: number;
  readonly inode: InodeKey;
  /** Names of that inode within the set. */
  readonly links: number;
}

export type Standing = Pick<MirrorEntry, "inode" | "links">;

export interface MirrorTotals {
  readonly files: number;
  readonly directories: number;
  readonly bytes: number;
}

/** A large file being sent piece by piece. */
export interface MirrorTransfer {
  /** Sends the next piece; "vanished" = the file is gone; "asked" = nothing more before the answer to `askedSeq` is given to `take`. */
  step(): "more" | "done" | "vanished" | "asked";
  readonly askedSeq: number;
  take(answer: IndexAnswer): void;
  /** The receiver's file becomes another inode: its directory gets new times. */
  readonly isRebuild: boolean;
  readonly sentBytes: number;
  /** Of the file, from its beginning; holes among them. */
  readonly readBytes: number;
  /** The name it goes to by now. */
  readonly path: BytePath;
}

export type MirrorShipment = "shipped" | "vanished" | MirrorTransfer;

/** Contents that changed since then are suspect (ms, by ctime), but for those that changed last while they were restored from the receiver. */
export interface SuspectSpan {
  readonly changedSinceMs: number;
  readonly restored?: { readonly fromMs: number; readonly untilMs: number };
}

export interface CompareRequest {
  readonly root: RootIndex;
  readonly directory: BytePath;
  readonly entries: readonly MirrorEntry[];
  readonly from: string;
  readonly until: string;
  readonly extras: CompareChange["extras"];
  /** Names already compared or sent in this job, by link group: further names are compared as links to it. */
  readonly links: ReadonlyMap<string, BytePath>;
  readonly withDirectory: boolean;
  /** Entries whose content must be compared whatever their times say. */
  readonly suspect: "none" | "all" | SuspectSpan;
  /** Contents of small files are compared by their hash, and what is found in place of what differs is told. */
  readonly look?: {
    readonly hashesSmallFiles: boolean;
    /** What `extras` says is done. False for jobs that only look: names that a mirror would report, or remove, are told, and that is all. */
    readonly settlesExtras: boolean;
  };
}

/** A large file being compared with the receiver's block signatures, piece by piece. */
export interface MirrorCheck {
  /** Reads the next piece; "vanished" = the file is gone, or another one. */
  step(): "more" | "done" | "vanished";
  /** In blocks that differ, so far. */
  readonly differingBytes: number;
  close(): void;
}

export interface EntryStamp extends FoundEntry {
  readonly ctimeSec: number;
  readonly ctimeNsec: number;
  readonly ino: number;
}

/** A rename as every receiver was told of it. */
export interface ShippedRename {
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly to: BytePath;
  readonly isDirectory: boolean;
}

/** What is sent next: a file, or all that is in a directory and below. */
export interface Upcoming {
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly isDirectory: boolean;
}

export interface MirrorTree {
  /** Counts the renames shipped so far. */
  readonly renamePosition: number;
  /** Renames shipped after that position, in order; null = too long ago to be told. */
  renamesSince(position: number): readonly ShippedRename[] | null;
  /** Renames shipped in set `seq` and later. */
  renamesFromSet(seq: number): readonly ShippedRename[] | null;
  readonly rootCount: number;
  totals(): MirrorTotals;
  /** Of an entry and all below; a file with several names there counts once, as in the whole. */
  totalsBelow(root: RootIndex, path: BytePath): MirrorTotals;
  /** Lists the directory in byte order; null = not there. `isFresh`: what is known of it is brought up to date first (shipping live differences). */
  list(root: RootIndex, directory: BytePath, isFresh: boolean): Promise<readonly MirrorEntry[] | null>;
  /**
   * Sends the entries for comparison, with the next `flush` at the latest. Returns the sequence number whose answer will come; of several
   * comparisons with the same number each is of another directory.
   */
  compare(connectionId: number, request: CompareRequest): number;
  /** Asks for the receiver's block signatures of a file, or of some of its blocks; returns the sequence number. */
  askSums(connectionId: number, root: RootIndex, path: BytePath, range?: BlockRange): number;
  /** Asks what the receiver has of a large file, so that what moved within it is found as well, if the receiver is able to tell that. */
  askContent(connectionId: number, root: RootIndex, path: BytePath): number;
  /** Sends an orphans change; returns the sequence number whose answer will come. */
  sweep(connectionId: number, change: Omit<OrphansChange, "op">): number;
  /** The source was looked at, and has nothing at `path`, in the set or not. */
  isAbsent(root: RootIndex, path: BytePath): boolean;
  /** What is known at `path` is not there, and nobody has told yet what became of it: it is looked for, and the jobs have a turn soon. */
  seek(root: RootIndex, path: BytePath): boolean;
  /** Sends an entry as it is now: new (content and all), or attributes only. */
  ship(connectionId: number, root: RootIndex, path: BytePath, what: "new" | "attr"): MirrorShipment;
  /** What is sent next, in order: it may be read ahead. Whether and how much of it is asked for is up to the tree. */
  fetchAhead(upcoming: Iterable<Upcoming>): void;
  /** Sends a file as what differs from the receiver's copy, which answered a question of `askSums` or `askContent`. */
  shipAgainst(connectionId: number, root: RootIndex, path: BytePath, answer: SumsAnswer | IndexAnswer): MirrorShipment;
  /** Compares a file with the receiver's signatures, which are of these blocks, or of all; null = there is no such file. Nothing is sent. */
  checkAgainst(root: RootIndex, path: BytePath, sums: Buffer, range?: BlockRange): MirrorCheck | null;
  /** Changes with everything that changes the entry; null = nothing is there, or it cannot be looked at. */
  stampOf(root: RootIndex, path: BytePath): EntryStamp | null;
  /** The inode at `path` as every receiver was told of it; null = nothing of the set. */
  inodeAt(root: RootIndex, path: BytePath): InodeKey | null;
  /** The same, and how many names it has within the set. */
  standingAt(root: RootIndex, path: BytePath): Standing | null;
  /** Names of an inode, as far as they belong to the set. */
  namesOf(root: RootIndex, inode: InodeKey): readonly BytePath[];
  /** Another number after each change of the inode that was shipped to all receivers, by whichever of its names. */
  versionOf(root: RootIndex, inode: InodeKey): number;
  /** More may be sent to this connection before what was sent has gone. */
  hasRoom(connectionId: number): boolean;
  /** Every name of the files that have or had several and changed since then (ms, by ctime); null = more than `max`. */
  sharedNamesSince(root: RootIndex, sinceMs: number, max: number): readonly BytePath[] | null;
  shipLink(connectionId: number, root: RootIndex, path: BytePath, to: BytePath): void;
  /** Closes the open set; returns the last sequence number used. */
  flush(): number;
}
