// Where each directory of the set is, in a file that outlives the agent: after a restart it tells the directories that may have
// moved since a mark from those that only got other names in them.
// Invariant: a place that a set tells of is in the file before the set can leave the worker. Nothing is synced: after another
// boot of the machine nobody asks the book.

import { randomBytes } from "node:crypto";
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { xxh64 } from "@node-rs/xxhash";
import { type DirectoryEntry, decodeBook, encodeBookFrames, encodeBookHeader } from "./directory-format.js";
import type { InodeRecord } from "./inode-record.js";
import type { NodeRecords } from "./node-records.js";
import type { NodeTable } from "./node-table.js";

/** A file that grew by so much, and to twice its size, is written anew. */
const GROWTH_BYTES = 1024 * 1024;
const NOWHERE = 0n;
const scratch = Buffer.alloc(32);

/** One name of a directory, as the book knows it. */
function placeOf(parentId: bigint, name: string): bigint {
  return xxh64(Buffer.from(name, "latin1"), parentId) || 1n;
}

export function idOf({ dev, ino, btimeSec, btimeNsec }: Pick<InodeRecord, "dev" | "ino" | "btimeSec" | "btimeNsec">): bigint {
  scratch.writeUInt32LE(dev, 0);
  scratch.writeUInt32LE(btimeNsec, 4);
  scratch.writeDoubleLE(ino, 8);
  scratch.writeDoubleLE(btimeSec, 16);
  return xxh64(scratch.subarray(0, 24));
}

interface OpenBook {
  readonly id: string;
  readonly fd: number;
  readonly header: Buffer;
  bytes: number;
  readonly freshBytes: number;
}

export class DirectoryBook {
  readonly #path: string;
  #file: OpenBook | null = null;
  #lastSeq = 0;
  #pending = new Map<bigint, bigint>();

  private constructor(path: string) {
    this.#path = path;
  }

  /** Of what is there now: whatever the file says otherwise is entered. A file that is damaged is begun anew. */
  static open(path: string, tables: readonly NodeRecords[]): DirectoryBook {
    const book = new DirectoryBook(path);
    book.#guarded(() => book.#begin(tables));
    return book;
  }

  /** Null: it cannot be written. */
  get mark(): { readonly id: string; readonly seq: number } | null {
    return this.#file === null ? null : { id: this.#file.id, seq: this.#lastSeq };
  }

  /** Follows the directories of a table from now on. */
  follow(table: Pick<NodeTable, "records" | "onDirectory">): void {
    const { records } = table;
    table.onDirectory = (node, isGone) => {
      const id = idOf(records.inodeAt(node));
      this.#note(id, isGone ? NOWHERE : placeOf(idOf(records.inodeAt(records.parentOf(node))), records.nameOf(node)));
    };
  }

  /** The directory is at this place from now on. */
  #note(id: bigint, place: bigint): void {
    this.#pending.set(id, place);
  }

  /** What was noted is in the file when it returns. */
  flush(): void {
    if (this.#pending.size === 0) return;
    const entries = [...this.#pending].map(([id, place]): DirectoryEntry => ({ id, place, seq: ++this.#lastSeq }));
    this.#pending = new Map();
    this.#guarded(() => {
      if (this.#file === null) return;
      append(this.#file, entries);
      if (this.#file.bytes > Math.max(GROWTH_BYTES, 2 * this.#file.freshBytes)) this.#compact();
    });
  }

  /** Those that moved, came or went behind entry `seq` of the book `id`; null = it cannot tell. */
  movedSince({ id, seq }: { readonly id: string; readonly seq: number }): ReadonlySet<bigint> | null {
    this.flush();
    if (this.#file === null || this.#file.id !== id || seq > this.#lastSeq) return null;
    const content = decodeBook(readFileSync(this.#path));
    if (content === null) return null;
    return new Set(content.entries.filter((entry) => entry.seq > seq).map((entry) => entry.id));
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file.fd);
    this.#file = null;
  }

  #begin(tables: readonly NodeRecords[]): void {
    const known = this.#load();
    const there = new Set<bigint>();
    for (const records of tables) {
      for (const [id, place] of directoriesOf(records)) {
        there.add(id);
        if (known.get(id) !== place) this.#note(id, place);
      }
    }
    for (const [id, place] of known) if (place !== NOWHERE && !there.has(id)) this.#note(id, NOWHERE);
    this.flush();
  }

  /** The last place of each. */
  #load(): ReadonlyMap<bigint, bigint> {
    const content = readBook(this.#path);
    if (content === null) {
      this.#create([]);
      return new Map();
    }
    const { id, header, entries, soundBytes } = content;
    const fd = openSync(this.#path, "r+");
    ftruncateSync(fd, soundBytes);
    this.#file = { id, fd, header, bytes: soundBytes, freshBytes: soundBytes };
    const last = lastOfEach(entries);
    for (const { seq } of entries) this.#lastSeq = Math.max(this.#lastSeq, seq);
    return new Map([...last].map(([key, { place }]) => [key, place]));
  }

  /** Of what went nobody asks: should it come back it is noted again. */
  #compact(): void {
    const content = decodeBook(readFileSync(this.#path));
    if (content === null || this.#file === null) throw new Error("the directory book is damaged");
    const kept = [...lastOfEach(content.entries).values()].filter(({ place }) => place !== NOWHERE);
    this.#create(kept, Buffer.from(this.#file.id, "hex"));
  }

  #create(entries: readonly DirectoryEntry[], id: Buffer = randomBytes(8)): void {
    const header = encodeBookHeader(id);
    const bytes = Buffer.concat([header, encodeBookFrames(entries, header, header.length)]);
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    const fresh = `${this.#path}.new`;
    const fd = openSync(fresh, "w+", 0o600);
    try {
      writeAll(fd, bytes, 0);
      renameSync(fresh, this.#path);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    this.close();
    this.#file = { id: id.toString("hex"), fd, header, bytes: bytes.length, freshBytes: bytes.length };
  }

  /** A book that cannot be written is none: sets leave without it, and a restart compares everything. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch {
      this.close();
      removeQuietly(this.#path);
    }
  }
}

/** Every directory of a table but its root, with its place. */
function* directoriesOf(records: NodeRecords): Generator<readonly [bigint, bigint]> {
  const pending: { readonly node: number; readonly id: bigint }[] = [{ node: records.root, id: idOf(records.inodeAt(records.root)) }];
  for (let above = pending.pop(); above !== undefined; above = pending.pop()) {
    for (let child = records.firstChild(above.node); child !== 0; child = records.nextChild(child)) {
      const inode = records.inodeAt(child);
      if (!inode.isDirectory) continue;
      const id = idOf(inode);
      pending.push({ node: child, id });
      yield [id, placeOf(above.id, records.nameOf(child))];
    }
  }
}

function lastOfEach(entries: readonly DirectoryEntry[]): ReadonlyMap<bigint, DirectoryEntry> {
  return new Map(entries.map((entry) => [entry.id, entry]));
}

function readBook(path: string): ReturnType<typeof decodeBook> {
  try {
    return decodeBook(readFileSync(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function append(file: OpenBook, entries: readonly DirectoryEntry[]): void {
  const frames = encodeBookFrames(entries, file.header, file.bytes);
  writeAll(file.fd, frames, file.bytes);
  file.bytes += frames.length;
}

function writeAll(fd: number, bytes: Buffer, offset: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, offset + at);
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // A book that is neither written nor removed is out of date by its last entry, which is asked for by its number.
  }
}
