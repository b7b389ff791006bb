// One root of a replication set as the source works on it: the tree on disk, beneath a confined directory that is
// opened for each piece of work (an open one would pin a mount), and what is known of it.

import { SmError } from "../base/errors.js";
import { type ConfinedRoot, listNames } from "../fs/confined-root.js";
import { DirectoryReader } from "../fs/directory-reader.js";
import { EACCES, ELOOP, ENOENT, ENOTDIR, errnoName } from "../fs/errno.js";
import { closeFd, type FileStat, statAt } from "../fs/native.js";
import { isSameRoot, type OpenRoot, openRoot, type RootIdentity } from "../fs/root-identity.js";
import { type BytePath, baseName, displayPath, joinPath, NAME_BYTES_MAX, PATH_BYTES_MAX, parentPath } from "../model/byte-path.js";
import type { RootIndex } from "../model/change.js";
import { EntryShipper } from "./entry-shipper.js";
import { type Inode, isSocket, type Node, NodeTable } from "./node-table.js";
import type { SetWriter } from "./set-writer.js";
import type { SignatureCache } from "./signature-cache.js";

/** Decides what belongs to the set (RepsetMatcher of the model). */
export interface Membership {
  decide(path: BytePath, isDirectory: boolean): boolean;
  mayContain(directory: BytePath): boolean;
  /** True: every entry of the directory belongs to the set, whatever its name. */
  takesAll(directory: BytePath): boolean;
}

/** An entry of a directory: `name` (bytes, `length` of them) and `stat` are valid until the next one is shown. */
export type EntryView = Pick<DirectoryReader, "name" | "length" | "text" | "stat">;

const reader = new DirectoryReader();
/** Names that cannot be looked at: beyond, every name may be one. */
const UNSEEN_MAX = 10_000;

export interface RootTreeOptions {
  readonly index: RootIndex;
  /** Absolute, as text. */
  readonly path: string;
  /** What must be at the path. */
  readonly identity: RootIdentity;
  readonly membership: Membership;
  readonly writer: SetWriter;
  readonly signatures: SignatureCache;
  readonly onProblem: (root: RootIndex, path: BytePath, code: string, message: string) => void;
}

export class RootTree {
  readonly index: RootIndex;
  readonly path: string;
  readonly membership: Membership;
  readonly table: NodeTable;
  readonly shipper: EntryShipper;
  readonly #identity: RootIdentity;
  /** Device and mount as first seen: in another mount nothing is watched, and devices have other numbers. */
  readonly #dev: number;
  readonly #mount: number;
  readonly #onProblem: RootTreeOptions["onProblem"];
  /** What could not be looked at when somebody tried to last, by directory. */
  readonly #unseen = new Map<BytePath, Set<string>>();
  #unseenCount = 0;
  #open: ConfinedRoot | null = null;
  #openedMs = 0;
  /** Of the inode only once it was looked at. */
  #lastDirectory: { readonly path: BytePath; readonly fd: number; inode: Inode | null } | null = null;
  /** Of which record that is the directory, as long as nothing moves; 0 = of none that is known. */
  #lastRecord = { record: 0, moves: 0 };

  private constructor(options: RootTreeOptions, { stat, mount }: OpenRoot) {
    this.index = options.index;
    this.path = options.path;
    this.membership = options.membership;
    this.#identity = options.identity;
    this.#dev = stat.dev;
    this.#mount = mount;
    this.#onProblem = options.onProblem;
    this.table = new NodeTable(stat);
    this.shipper = new EntryShipper({
      root: options.index,
      writer: options.writer,
      table: this.table,
      signatures: options.signatures,
      lookedSinceMs: () => this.#openedMs,
      onProblem: (path, code, message) => options.onProblem(options.index, path, code, message),
    });
  }

  /** A number of the mount that it is in. */
  get mount(): number {
    return this.#mount;
  }

  /** Throws ROOT_MISSING or ROOT_CHANGED when something else is there. */
  static create(options: RootTreeOptions): RootTree {
    const found = openRoot(options.path);
    try {
      requireIdentity(options.path, found, options.identity);
      return new RootTree(options, found);
    } finally {
      found.root.close();
    }
  }

  /** Opens the root for a piece of work; ROOT_MISSING or ROOT_CHANGED when it is not the directory it was. */
  begin(): void {
    if (this.#open !== null) return;
    this.#openedMs = Date.now();
    const found = openRoot(this.path);
    try {
      requireIdentity(this.path, found, this.#identity);
      if (found.mount !== this.#mount || found.stat.dev !== this.#dev) {
        throw new SmError("ROOT_CHANGED", `${this.path} was mounted anew`, { data: { path: this.path } });
      }
    } catch (error) {
      found.root.close();
      throw error;
    }
    this.#open = found.root;
  }

  end(): void {
    this.#forgetDirectory();
    this.#open?.close();
    this.#open = null;
  }

  /** Checks at the end of a piece of work that nobody replaced the root meanwhile: what was seen missing may then be a lie. */
  confirm(): void {
    const openedMs = this.#openedMs;
    this.end();
    this.begin();
    this.#openedMs = openedMs;
  }

  /** A descriptor of a directory, kept until the next call; negative errno when there is none by that path. */
  directory(path: BytePath): number {
    if (this.#lastDirectory?.path === path) return this.#lastDirectory.fd;
    this.#forgetDirectory();
    const fd = this.#root().openDirectory(path);
    if (fd >= 0) this.#lastDirectory = { path, fd, inode: null };
    return fd;
  }

  /** The descriptor of `node`'s directory, if the directory on disk is still that very inode; else undefined. */
  directoryOf(node: Node): number | undefined {
    const fd = this.#openDirectoryOf(node);
    if (fd !== undefined) this.#lastRecord = { record: node.record, moves: this.table.records.moves };
    return fd;
  }

  /** As `directoryOf`, by the record. */
  directoryOfRecord(record: number): number | undefined {
    const { table } = this;
    const isLast = this.#lastDirectory !== null && this.#lastRecord.record === record && this.#lastRecord.moves === table.records.moves;
    return isLast ? this.#lastDirectory?.fd : this.directoryOf(table.node(record));
  }

  #openDirectoryOf(node: Node): number | undefined {
    const path = node.path;
    const { inode } = node;
    const cached = this.#lastDirectory;
    // By that path another directory may have been opened, which was renamed since.
    if (cached?.path === path && cached.inode === inode) return cached.fd;
    if (cached?.path === path && cached.inode !== null) this.#forgetDirectory();
    const fd = this.directory(path);
    if (fd < 0) return undefined;
    const stat = statAt(fd, "");
    if (typeof stat !== "number" && inode.isSame(stat)) {
      if (this.#lastDirectory !== null) this.#lastDirectory.inode = inode;
      return fd;
    }
    this.#forgetDirectory();
    return undefined;
  }

  /** Something else is where the directory is known to be, or nothing: not merely that it may not be read. */
  isElsewhere(node: Node): boolean {
    const fd = this.directory(node.path);
    if (fd < 0) return fd === -ENOENT || fd === -ENOTDIR || fd === -ELOOP;
    const stat = statAt(fd, "");
    this.#forgetDirectory();
    return typeof stat !== "number" && !node.inode.isSame(stat);
  }

  /** The directory descriptor cache must not outlive a look at the tree. */
  #forgetDirectory(): void {
    if (this.#lastDirectory === null) return;
    closeFd(this.#lastDirectory.fd);
    this.#lastDirectory = null;
    this.#lastRecord.record = 0;
  }

  #root(): ConfinedRoot {
    if (this.#open === null) throw new SmError("ASSERTION_FAILED", "the root is used outside begin/end");
    return this.#open;
  }

  /** What is at `name`; null = nothing that belongs to the set. */
  look(dirfd: number, path: BytePath, name: string): FileStat | null {
    if (path.length > PATH_BYTES_MAX) {
      this.sayTooLong(path);
      return null;
    }
    const stat = statAt(dirfd, name);
    if (typeof stat === "number") {
      this.#sayUnseen(path, stat);
      return null;
    }
    if (isSocket(stat)) return null;
    return this.contains(path, isDirectory(stat)) ? stat : null;
  }

  contains(path: BytePath, isDirectory: boolean): boolean {
    if (path === "") return true;
    return this.membership.decide(path, isDirectory) || (isDirectory && this.membership.mayContain(path));
  }

  /** Shows every entry of an open directory that belongs to the set, one after the other. */
  eachEntry(dirfd: number, directory: BytePath, show: (entry: EntryView) => void): void {
    const takesAll = this.membership.takesAll(directory);
    reader.begin(dirfd);
    while (reader.next()) {
      if (!this.#canCarry(directory, reader.length)) {
        this.sayTooLong(joinPath(directory, reader.text));
        continue;
      }
      const failed = reader.look();
      if (failed < 0) this.#sayUnseen(joinPath(directory, reader.text), failed);
      else if (!isSocket(reader.stat) && (takesAll || this.contains(joinPath(directory, reader.text), isDirectory(reader.stat)))) show(reader);
    }
  }

  #canCarry(directory: BytePath, nameLength: number): boolean {
    return nameLength <= NAME_BYTES_MAX && directory.length + 1 + nameLength <= PATH_BYTES_MAX;
  }

  sayTooLong(path: BytePath): void {
    const shown = displayPath(path).slice(0, 80);
    this.#onProblem(this.index, parentPath(path), "NAME_TOO_LONG", `${shown}… is longer than ${PATH_BYTES_MAX} bytes: skipped`);
  }

  #sayUnseen(path: BytePath, failed: number): void {
    if (failed === -ENOENT || failed === -ENOTDIR) return;
    this.#onProblem(this.index, path, "FS_IO", `cannot stat: errno ${-failed}`);
    if (this.#unseenCount >= UNSEEN_MAX) return;
    const names = this.#unseen.get(parentPath(path)) ?? new Set<string>();
    this.#unseen.set(parentPath(path), names);
    if (names.has(baseName(path))) return;
    names.add(baseName(path));
    this.#unseenCount += 1;
  }

  /** The names of an open directory that cannot be looked at, as far as that was found out; null = there are too many to say. */
  unseenIn(dirfd: number, directory: BytePath): readonly string[] | null {
    if (this.#unseenCount >= UNSEEN_MAX) return null;
    const names = this.#unseen.get(directory);
    for (const name of names ?? []) {
      if (isUnseen(dirfd, name)) continue;
      names?.delete(name);
      this.#unseenCount -= 1;
    }
    if (names?.size === 0) this.#unseen.delete(directory);
    return [...(names ?? [])];
  }

  /** Says so, if the directory is there and cannot be opened. */
  sayUnopened(path: BytePath): void {
    const fd = this.directory(path);
    if (fd >= 0 || fd === -ENOENT || fd === -ENOTDIR || fd === -ELOOP) return;
    this.#onProblem(this.index, path, fd === -EACCES ? "FS_DENIED" : "FS_IO", `cannot open the directory: ${errnoName(fd)}`);
  }

  /** Names in a directory that sm can carry; the others are reported. */
  names(dirfd: number, directory: BytePath): string[] {
    return listNames(dirfd).filter((name) => {
      const canCarry = this.#canCarry(directory, name.length);
      if (!canCarry) this.sayTooLong(joinPath(directory, name));
      return canCarry;
    });
  }
}

/** There is something by that name, or may be: it cannot be looked at. */
export function isUnseen(dirfd: number, name: string): boolean {
  const stat = statAt(dirfd, name);
  return typeof stat === "number" && stat !== -ENOENT && stat !== -ENOTDIR;
}

function isDirectory(stat: FileStat): boolean {
  return (stat.mode & 0o170000) === 0o040000;
}

function requireIdentity(path: string, found: OpenRoot, wanted: RootIdentity): void {
  if (isSameRoot(found.identity, wanted)) return;
  throw new SmError("ROOT_CHANGED", `${path} is another directory than when it was connected (unmounted, replaced or restored?)`, { data: { path } });
}
