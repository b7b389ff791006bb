// One captured file change, as it travels and as it is applied. State-based: a change
// says what the path is now (or which bytes of it are new), not what a process did.

import type { BytePath } from "./byte-path.js";
import type { OrphanSums } from "./orphan-sums.js";
import type { Program, TaskResult } from "./task.js";

/** Extended attributes sorted by name; POSIX ACLs and capabilities are among them (system.posix_acl_*, security.capability). */
export type Xattrs = readonly (readonly [name: string, value: Buffer])[];

/** Attributes of one inode. `mode` holds the permission bits only (07777). */
export interface Meta {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSec: number;
  readonly mtimeNsec: number;
  readonly xattrs: Xattrs;
}

/** The state of a regular file that a content change builds on, as last replicated (invariant I5). */
export interface FileBase {
  readonly size: number;
  readonly mtimeSec: number;
  readonly mtimeNsec: number;
}

export type Extent = readonly [offset: number, length: number];

/** Which of the connection's mapped roots a path lies under: an index into its mapping list. */
export type RootIndex = number;

interface At {
  readonly root: RootIndex;
  readonly path: BytePath;
}

/** Ensures a directory with these attributes. Its mtime is set again by a later `attr` once its children are in place. */
export interface DirChange extends At {
  readonly op: "dir";
  readonly meta: Meta;
}

/**
 * Content of a regular file.
 * `start: "replace"` begins with an empty file (whatever was there), `"patch"` with the file as it is.
 * `base` (patch only): what the file must look like before; null = no check (forced repair). Of a file that is being sent by a job, in
 * pieces, it is not looked at: content and size become part of that transfer, whose last piece brings the attributes (ADR 0053).
 * `extents` are consecutive pieces of `payload`; `holes` are ranges to be made holes.
 * `size` is the final size of the file. `meta` null = more of this file follows in a later change; otherwise the
 * file is cut or extended to `size` and gets these attributes.
 */
export interface FileChange extends At {
  readonly op: "file";
  readonly start: "replace" | "patch";
  readonly base: FileBase | null;
  /**
   * A further piece of a transfer whose earlier piece came before. The target applies it only if it applied that earlier piece
   * itself, in this process; otherwise it answers stale: else the last piece would give a half file the right size and times.
   */
  readonly continues: boolean;
  readonly extents: readonly Extent[];
  readonly holes: readonly Extent[];
  readonly size: number;
  readonly meta: Meta | null;
  /** Exactly as many bytes as the extents sum up to. */
  readonly payload: Buffer;
}

/** `target` in bytes, as latin1 text. */
export interface SymlinkChange extends At {
  readonly op: "symlink";
  readonly target: string;
  readonly meta: Meta;
}

export interface SpecialChange extends At {
  readonly op: "special";
  readonly kind: "fifo" | "char" | "block";
  readonly major: number;
  readonly minor: number;
  readonly meta: Meta;
}

/** `path` becomes another name of the inode at `to`. */
export interface LinkChange extends At {
  readonly op: "link";
  readonly to: BytePath;
}

export type EntryType = "dir" | "file" | "symlink" | "special";

/**
 * Attributes only. `type` is what the entry must be; anything else on the target is answered stale. So is, for a regular file,
 * a size or mtime other than `base`: setting the times would hide a file edited by hand. `base` null = no check (not a file, or forced).
 */
export interface AttrChange extends At {
  readonly op: "attr";
  readonly type: EntryType;
  readonly base: FileBase | null;
  readonly meta: Meta;
}

/** `path` is renamed to `to`, replacing what is there. Subtrees move with their directory. */
export interface RenameChange extends At {
  readonly op: "rename";
  readonly to: BytePath;
  readonly type: EntryType;
}

/** Removes the entry and everything below it. Absent is done. */
export interface RemoveChange extends At {
  readonly op: "remove";
}

/** One entry of a directory as the source sees it, for comparison (difference mirror, recovery). */
export interface EntrySummary {
  readonly name: string;
  readonly type: EntryType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes; regular files only, otherwise 0. */
  readonly size: number;
  readonly mtimeSec: number;
  readonly mtimeNsec: number;
  /** Digest of the extended attributes (see `xattrDigest`); 0 = none. */
  readonly xattrDigest: number;
  /** Symlink: its target. Special: "fifo", "char:MAJOR:MINOR", "block:MAJOR:MINOR". Else "". */
  readonly detail: string;
  /** First seen name of the same inode, when it is a further hard link; else null. */
  readonly linkTo: BytePath | null;
  /** The source cannot vouch that size and mtime tell the truth about the content: compare content. */
  readonly suspect: boolean;
  /** xxh64 of the content of a small file that is to be compared with it (see `WHOLE_FILE_BYTES_MAX`); absent = size and times decide. */
  readonly hash?: bigint;
}

/**
 * Compare one directory (or a slice of it) at this point of the stream. The target answers with the names that differ.
 * `from`/`until` bound the slice by name in byte order ("" = open end): names of the target inside it that the
 * source does not list are extras. `extras: "remove"` removes those that replication put there.
 */
export interface CompareChange extends At {
  readonly op: "compare";
  readonly entries: readonly EntrySummary[];
  readonly from: string;
  readonly until: string;
  readonly extras: "report" | "remove" | "keep";
  /** Attributes of the directory itself. */
  readonly meta: Meta | null;
  /** The answer is to tell which entries share their inodes: a source of version 0.1.0 would not understand it. */
  readonly asksShared: boolean;
  /** The answer is to tell what was found in place of each entry that differs. */
  readonly asksFound?: boolean;
  /** Of one that asks what was found: extras are dealt with as without that. Else nothing is noted or removed, and those are told that would be. */
  readonly settlesExtras?: boolean;
}

/** Some blocks of a file, by number; it may have fewer. */
export interface BlockRange {
  readonly first: number;
  readonly count: number;
}

/** Asks for the block signatures of the target's copy of a file: xxh64 of each 64 KiB block. */
export interface SumsChange extends At {
  readonly op: "sums";
  /** Of these blocks only; absent = of all. A target that does not know ranges answers with all. */
  readonly range?: BlockRange;
}

/**
 * Asks for the index of parts of the target's copy of a file: crc32 and xxh64 of each block of `blockBytes` (a power of two, at most
 * BLOCK_BYTES) in them. `ranges` alternate between the first of some blocks of BLOCK_BYTES and their count, in order.
 */
export interface IndexChange extends At {
  readonly op: "index";
  readonly blockBytes: number;
  readonly ranges: readonly number[];
}

/**
 * Makes a regular file anew out of what the target has of it, and puts it in its place when it is whole and what it should be: until
 * then the file stays as it is. Any trouble is answered stale.
 * `parts` follow one another from where the change before ended: where in the target's file one begins (or FROM_PAYLOAD, ZEROS), and its
 * length. `base`: what the file must look like; told at the start. `continues` as in a FileChange.
 */
export interface RebuildChange extends At {
  readonly op: "rebuild";
  readonly base: FileBase | null;
  readonly continues: boolean;
  readonly parts: readonly number[];
  readonly size: number;
  /** Of the hash of all (`model/parts-hash`), which tells whether the whole is what the source read. */
  readonly seed: bigint;
  /** Null = more of this file follows. */
  readonly end: { readonly meta: Meta; readonly hash: bigint } | null;
  /** Exactly as many bytes as the parts FROM_PAYLOAD sum up to. */
  readonly payload: Buffer;
}

export const FROM_PAYLOAD = -1;
export const ZEROS = -2;

/**
 * Looks for names of one directory that the source does not have at this point of the stream, or removes them. `way` "others": the source
 * has `names`, and every other one in the slice (see CompareChange) is meant; "these": `names` are meant themselves.
 * "look" tells which of them are there, "count" what is below them as well; "delete" and "move" remove it. "end" is the last word of a job.
 */
export interface OrphansChange extends At {
  readonly op: "orphans";
  readonly deed: "look" | "count" | "delete" | "move" | "end";
  readonly way: "others" | "these";
  readonly names: readonly string[];
  readonly from: string;
  readonly until: string;
  /** Files modified at or after this time (ms) stay; null = of any age. */
  readonly beforeMs: number | null;
  readonly includesExcluded: boolean;
  /** Where they are moved to, also told when it is only to be checked; null = nowhere. */
  readonly place: OrphanPlaceName | null;
  /** Of the whole job; told at its end. */
  readonly sums: OrphanSums;
}

/** `directory` absolute, in bytes; below it, `repset`/`time` are made. */
export interface OrphanPlaceName {
  readonly directory: string;
  readonly repset: string;
  readonly time: string;
}

/**
 * Not a change of a file: programs that the target runs at this place of the stream, alone in its set. "close": those of this number are not
 * to run any more; tells what became of them. Numbers of a connection grow; none runs twice.
 */
export interface TaskChange extends At {
  readonly op: "task";
  readonly deed: "run" | "close";
  readonly number: number;
  readonly name: string;
  /** Runs as soon as it came. */
  readonly onReceive: Program | null;
  /** Runs when all before it is applied, and nothing behind it; only where all of that did fit. */
  readonly onExecute: Program | null;
  /** How long what is behind it waits; 0 = it does not; null = without limit. */
  readonly timeoutMs: number | null;
}

export type Change =
  | DirChange
  | FileChange
  | SymlinkChange
  | SpecialChange
  | LinkChange
  | AttrChange
  | RenameChange
  | RemoveChange
  | CompareChange
  | SumsChange
  | OrphansChange
  | IndexChange
  | RebuildChange
  | TaskChange;

/** Content above this size travels as changed blocks only. */
export const WHOLE_FILE_BYTES_MAX = 256 * 1024;
export const BLOCK_BYTES = 64 * 1024;

/** What the target says to a compare. */
export interface CompareAnswer {
  readonly kind: "compare";
  readonly seq: number;
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly differs: readonly Difference[];
  /** Extras found here (not removed), and how many were removed. */
  readonly extras: readonly string[];
  readonly removed: number;
  /** Entries whose inode has several names on the target; a further name that is linked as it should be is not among them. Absent = none. */
  readonly shared?: readonly SharedName[];
}

export interface SharedName {
  readonly name: string;
  /** Equal for names of one inode of the target, otherwise without a meaning. */
  readonly inode: string;
  /** How many names that inode has there, in the set or not. */
  readonly links: number;
}

export interface Difference {
  /** "" = the directory itself. */
  readonly name: string;
  readonly why: "missing" | "type" | "content" | "attr" | "link";
  /** What is there instead, when that was asked; absent = nothing, or not asked. */
  readonly found?: FoundEntry;
}

export interface FoundEntry {
  readonly size: number;
  readonly mtimeSec: number;
  readonly mtimeNsec: number;
  /** Permission bits. */
  readonly mode: number;
}

export interface SumsAnswer {
  readonly kind: "sums";
  readonly seq: number;
  readonly root: RootIndex;
  readonly path: BytePath;
  /** null: there is no regular file at the path. */
  readonly base: FileBase | null;
  /** 8 bytes per block, little-endian xxh64 (seed 0); the last block may be short. */
  readonly sums: Buffer;
}

/** What the target says to an index change. */
export interface IndexAnswer {
  readonly kind: "index";
  readonly seq: number;
  readonly root: RootIndex;
  readonly path: BytePath;
  /** null: there is no regular file at the path that can be read. */
  readonly base: FileBase | null;
  /** A rebuild of the file would be tried here. */
  readonly canRebuild: boolean;
  /** INDEX_ENTRY_BYTES per block, little-endian: crc32, xxh64 (seed 0). */
  readonly entries: Buffer;
}

export const INDEX_ENTRY_BYTES = 12;

/** What the target says to an orphans change. */
export interface OrphansAnswer {
  readonly kind: "orphans";
  readonly seq: number;
  readonly root: RootIndex;
  readonly path: BytePath;
  /** Names in the slice that the rules concern. */
  readonly total: number;
  readonly found: readonly OrphanFound[];
  /** The slice was too much for one answer: what begins with this name was not looked at. */
  readonly next: string | null;
  /** Nothing was done, and nothing can be moved to the place named. */
  readonly refused: string | null;
}

/** The sums: of what is to go, or went, the name itself included. */
export interface OrphanFound extends OrphanSums {
  readonly name: string;
  readonly isDirectory: boolean;
  /** Entries that stay on purpose, and those that could not be removed. */
  readonly kept: number;
  readonly failed: number;
  /** Why the first of them could not. */
  readonly why: string | null;
}

/** A change did not fit what the target has (base check, missing parent, other type): the source must compare and re-send. */
export interface StaleAnswer {
  readonly kind: "stale";
  readonly seq: number;
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly reason: string;
}

/** One file that could not be carried over; the rest goes on. */
export interface ProblemAnswer {
  readonly kind: "problem";
  readonly seq: number;
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly code: string;
  readonly message: string;
}

/** What the target says to a task: what became of it. */
export interface TaskAnswer {
  readonly kind: "task";
  readonly seq: number;
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly result: TaskResult;
}

export type Answer = CompareAnswer | SumsAnswer | StaleAnswer | ProblemAnswer | OrphansAnswer | IndexAnswer | TaskAnswer;
