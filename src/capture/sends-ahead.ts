// Files that a mirror is about to send: while they come from the disk, the disk is told of the next ones. Each is small, so nothing else
// would have more than one of them read at a time. In memory they are opened but once.

import { threadDiskBytes } from "../fs/disk-reads.js";
import { fetchFile } from "../fs/read-ahead.js";
import { type RootIndex, WHOLE_FILE_BYTES_MAX } from "../model/change.js";
import type { Upcoming } from "../model/mirror-port.js";
import type { NodeRecords } from "./node-records.js";
import type { RootTree } from "./root-tree.js";

/** Of all files that the disk was told of, and that are not sent yet. */
const TOLD_BYTES_MAX = 16 * 1024 * 1024;
const TOLD_FILES_MAX = 256;
/** Of what comes next so much is gone through at a time: most of it may be empty, or no file. */
const LOOKED_MAX = 4 * TOLD_FILES_MAX;
/** A directory with more children is not put in order, all of it, to tell of a few: it and what follows wait until it is listed. */
const CHILDREN_MAX = 10_000;
/** So often is looked where files come from. */
const LOOK_EVERY_FILES = 32;
/** From the disk, of what was sent: that much and more is worth telling it. */
const SHARE_MIN = 1 / 8;
/** What is read ahead counts when it is told of, up to so many files before it is sent: only so many looks without any say that it is not needed. */
const WARM_LOOKS_MAX = (1.5 * TOLD_FILES_MAX) / LOOK_EVERY_FILES;
/** What was told of and is not sent: the mirror went elsewhere. */
const STRAYS_MAX = 64;
const TWO32 = 4294967296;

export interface SendsAheadOptions {
  readonly trees: readonly RootTree[];
  /** Bytes that this thread had read from disks. */
  readonly diskBytes?: () => number;
  /** Tells the disk of a file; of how many bytes. */
  readonly fetch?: (dirfd: number, name: string) => number;
  /** Of a directory that is put in order; default 10,000. */
  readonly childrenMax?: number;
}

export class SendsAhead {
  readonly #trees: readonly RootTree[];
  readonly #diskBytes: () => number;
  readonly #fetch: (dirfd: number, name: string) => number;
  readonly #childrenMax: number;
  /** By root and record, in the order of sending. A record that is another file's by now is told of once too often. */
  readonly #told = new Map<number, number>();
  #toldBytes = 0;
  #strays = 0;
  #files = 0;
  #bytes = 0;
  #diskBytesBefore = 0;
  #warmLooks = WARM_LOOKS_MAX;

  constructor({ trees, diskBytes = threadDiskBytes, fetch = fetchFile, childrenMax = CHILDREN_MAX }: SendsAheadOptions) {
    this.#trees = trees;
    this.#diskBytes = diskBytes;
    this.#fetch = fetch;
    this.#childrenMax = childrenMax;
  }

  /** Files come from the disk. */
  get #isCold(): boolean {
    return this.#warmLooks < WARM_LOOKS_MAX;
  }

  /** Next to be sent, in order: as many of them are told of as there is room for. The trees must be open. */
  tell(upcoming: Iterable<Upcoming>): void {
    if (!this.#isCold || this.#told.size > TOLD_FILES_MAX / 2 || this.#toldBytes > TOLD_BYTES_MAX / 2) return;
    let looked = 0;
    for (const { root, path, isDirectory } of upcoming) {
      const tree = this.#trees[root];
      const node = tree?.table.records.at(path) ?? 0;
      if (looked++ >= LOOKED_MAX) return;
      if (tree === undefined || node === 0) continue;
      for (const file of isDirectory ? filesBelow(tree.table.records, node, this.#childrenMax) : [node]) {
        if (file === null || looked++ >= LOOKED_MAX || this.#told.size >= TOLD_FILES_MAX || this.#toldBytes >= TOLD_BYTES_MAX) return;
        this.#tellOf(tree, file);
      }
    }
  }

  /** A file of so many bytes was read to be sent: by the record of its name. */
  passed(root: RootIndex, node: number, bytes: number): void {
    this.#files += 1;
    this.#bytes += Math.min(bytes, WHOLE_FILE_BYTES_MAX);
    if (this.#files >= LOOK_EVERY_FILES) this.#look();
    if (this.#told.size > 0) this.#forgetUntil(keyOf(root, node));
  }

  #look(): void {
    const diskBytes = this.#diskBytes();
    const isFromDisk = diskBytes - this.#diskBytesBefore > this.#bytes * SHARE_MIN;
    this.#warmLooks = isFromDisk ? 0 : this.#warmLooks + 1;
    this.#diskBytesBefore = diskBytes;
    this.#files = 0;
    this.#bytes = 0;
  }

  /** Those before it had their turn, and will have none any more. */
  #forgetUntil(key: number): void {
    if (!this.#told.has(key)) {
      this.#strays += 1;
      if (this.#strays > STRAYS_MAX) this.#forgetAll();
      return;
    }
    this.#strays = 0;
    for (const [each, bytes] of this.#told) {
      this.#told.delete(each);
      this.#toldBytes -= bytes;
      if (each === key) return;
    }
  }

  #forgetAll(): void {
    this.#told.clear();
    this.#toldBytes = 0;
    this.#strays = 0;
  }

  #tellOf(tree: RootTree, node: number): void {
    const key = keyOf(tree.index, node);
    if (this.#told.has(key)) return;
    const { records } = tree.table;
    if (records.inodeAt(node).type !== "file" || records.inodeAt(node).size === 0) return;
    const dirfd = tree.directoryOfRecord(records.parentOf(node));
    const bytes = dirfd === undefined ? 0 : this.#fetch(dirfd, records.nameOf(node));
    this.#told.set(key, bytes);
    this.#toldBytes += bytes;
  }
}

/** In the order in which a mirror goes through them, by what is known of the tree; null and no more where that is not known cheaply. */
function* filesBelow(records: NodeRecords, directory: number, childrenMax: number): Generator<number | null, void> {
  const pending = [directory];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    const children: { readonly name: string; readonly node: number }[] = [];
    for (let child = records.firstChild(node); child !== 0; child = records.nextChild(child)) {
      if (children.length === childrenMax) return yield null;
      children.push({ name: records.nameOf(child), node: child });
    }
    children.sort((a, b) => (a.name < b.name ? -1 : 1));
    const below: number[] = [];
    for (const child of children) {
      if (records.inodeAt(child.node).isDirectory) below.push(child.node);
      else yield child.node;
    }
    pending.push(...below.reverse());
  }
}

function keyOf(root: RootIndex, node: number): number {
  return root * TWO32 + node;
}
