// Files that a mirror is about to send: while they come from the disk, the disk is told of the next ones. Each is small, so nothing else
// would have more than one of them read at a time. In memory they are opened but once.

import { threadDiskBytes } from "../fs/disk-reads.js";
import { fetchFile } from "../fs/read-ahead.js";
import { type BytePath, joinPath } from "../model/byte-path.js";
import { type RootIndex, WHOLE_FILE_BYTES_MAX } from "../model/change.js";
import type { Upcoming } from "../model/mirror-port.js";
import type { RootTree } from "./root-tree.js";

/** Of all files that the disk was told of, and that are not sent yet. */
const TOLD_BYTES_MAX = 16 * 1024 * 1024;
const TOLD_FILES_MAX = 256;
/** Of what comes next so much is gone through at a time: most of it may be empty, or no file. */
const LOOKED_MAX = 4 * TOLD_FILES_MAX;
/** So often is looked where files come from. */
const LOOK_EVERY_FILES = 32;
/** From the disk, of what was sent: that much and more is worth telling it. */
const SHARE_MIN = 1 / 8;
/** While what was told of is sent, nothing else is read from the disk: only so many looks without any say that it is not needed. */
const WARM_LOOKS_MAX = (2 * TOLD_FILES_MAX) / LOOK_EVERY_FILES;
/** What was told of and is not sent: the mirror went elsewhere. */
const STRAYS_MAX = 64;

export interface SendsAheadOptions {
  readonly trees: readonly RootTree[];
  /** Bytes that this thread had read from disks. */
  readonly diskBytes?: () => number;
  /** Tells the disk of a file; of how many bytes. */
  readonly fetch?: (dirfd: number, name: string) => number;
}

export class SendsAhead {
  readonly #trees: readonly RootTree[];
  readonly #diskBytes: () => number;
  readonly #fetch: (dirfd: number, name: string) => number;
  /** In the order of sending. */
  readonly #told = new Map<string, number>();
  #toldBytes = 0;
  #strays = 0;
  #files = 0;
  #bytes = 0;
  #diskBytesBefore = 0;
  #warmLooks = WARM_LOOKS_MAX;

  constructor({ trees, diskBytes = threadDiskBytes, fetch = fetchFile }: SendsAheadOptions) {
    this.#trees = trees;
    this.#diskBytes = diskBytes;
    this.#fetch = fetch;
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
      if (looked++ >= LOOKED_MAX) return;
      for (const file of isDirectory ? this.#filesBelow(root, path) : [path]) {
        if (looked++ >= LOOKED_MAX || this.#told.size >= TOLD_FILES_MAX || this.#toldBytes >= TOLD_BYTES_MAX) return;
        this.#tellOf(root, file);
      }
    }
  }

  /** A file of so many bytes was read to be sent. */
  passed(root: RootIndex, path: BytePath, bytes: number): void {
    this.#files += 1;
    this.#bytes += Math.min(bytes, WHOLE_FILE_BYTES_MAX);
    if (this.#files >= LOOK_EVERY_FILES) this.#look();
    if (this.#told.size > 0) this.#forgetUntil(keyOf(root, path));
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
  #forgetUntil(key: string): void {
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

  #tellOf(root: RootIndex, path: BytePath): void {
    const key = keyOf(root, path);
    const tree = this.#trees[root];
    if (tree === undefined || this.#told.has(key)) return;
    const { records } = tree.table;
    const node = records.at(path);
    if (node === 0 || records.inodeAt(node).type !== "file" || records.inodeAt(node).size === 0) return;
    const dirfd = tree.directoryOf(tree.table.node(records.parentOf(node)));
    const bytes = dirfd === undefined ? 0 : this.#fetch(dirfd, records.nameOf(node));
    this.#told.set(key, bytes);
    this.#toldBytes += bytes;
  }

  /** In the order in which a mirror goes through them, by what is known of the tree. */
  *#filesBelow(root: RootIndex, directory: BytePath): Generator<BytePath> {
    const records = this.#trees[root]?.table.records;
    const pending = [directory];
    for (let path = pending.pop(); path !== undefined && records !== undefined; path = pending.pop()) {
      const node = records.at(path);
      const names: string[] = [];
      for (let child = node === 0 ? 0 : records.firstChild(node); child !== 0; child = records.nextChild(child)) names.push(records.nameOf(child));
      names.sort((a, b) => (a < b ? -1 : 1));
      const below: BytePath[] = [];
      for (const name of names) {
        const child = joinPath(path, name);
        if (records.inodeAt(records.childNamed(node, name)).type === "dir") below.push(child);
        else yield child;
      }
      pending.push(...below.reverse());
    }
  }
}

function keyOf(root: RootIndex, path: BytePath): string {
  return `${root}:${path}`;
}
