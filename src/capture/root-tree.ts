// One root of a replication set as the source works on it: the tree on disk, beneath a confined directory that is
// opened for each piece of work (an open one would pin a mount), and what is known of it.

import { SmError } from "../base/errors.js";
import { type ConfinedRoot, listNames } from "../fs/confined-root.js";
import { ENOENT, ENOTDIR } from "../fs/errno.js";
import { closeFd, type FileStat, statAt } from "../fs/native.js";
import { isSameRoot, type OpenRoot, openRoot, type RootIdentity } from "../fs/root-identity.js";
import { type BytePath, displayPath, joinPath, NAME_BYTES_MAX, PATH_BYTES_MAX } from "../model/byte-path.js";
import type { RootIndex } from "../model/change.js";
import { EntryShipper } from "./entry-shipper.js";
import { isSocket, type Node, NodeTable } from "./node-table.js";
import type { SetWriter } from "./set-writer.js";
import type { SignatureCache } from "./signature-cache.js";

/** Decides what belongs to the set (RepsetMatcher of the model). */
export interface Membership {
  decide(path: BytePath, isDirectory: boolean): boolean;
  mayContain(directory: BytePath): boolean;
}

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
  #open: ConfinedRoot | null = null;
  #lastDirectory: { readonly path: BytePath; readonly fd: number } | null = null;

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
      onProblem: (path, code, message) => options.onProblem(options.index, path, code, message),
    });
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
    this.end();
    this.begin();
  }

  /** A descriptor of a directory, kept until the next call; negative errno when there is none by that path. */
  directory(path: BytePath): number {
    if (this.#lastDirectory?.path === path) return this.#lastDirectory.fd;
    this.#forgetDirectory();
    const fd = this.#root().openDirectory(path);
    if (fd >= 0) this.#lastDirectory = { path, fd };
    return fd;
  }

  /** The descriptor of `node`'s directory, if the directory on disk is still that very inode; else undefined. */
  directoryOf(node: Node): number | undefined {
    const cached = this.#lastDirectory;
    const path = node.path;
    if (cached?.path === path) return cached.fd;
    const fd = this.directory(path);
    if (fd < 0) return undefined;
    const stat = statAt(fd, "");
    if (typeof stat !== "number" && node.inode.isSame(stat)) return fd;
    this.#forgetDirectory();
    return undefined;
  }

  /** The directory descriptor cache must not outlive a look at the tree. */
  #forgetDirectory(): void {
    if (this.#lastDirectory === null) return;
    closeFd(this.#lastDirectory.fd);
    this.#lastDirectory = null;
  }

  #root(): ConfinedRoot {
    if (this.#open === null) throw new SmError("ASSERTION_FAILED", "the root is used outside begin/end");
    return this.#open;
  }

  /** What is at `name`; null = nothing that belongs to the set. */
  look(dirfd: number, path: BytePath, name: string): FileStat | null {
    const stat = statAt(dirfd, name);
    if (typeof stat === "number") {
      if (stat !== -ENOENT && stat !== -ENOTDIR) this.#onProblem(this.index, path, "FS_IO", `cannot stat: errno ${-stat}`);
      return null;
    }
    if (isSocket(stat)) return null;
    return this.contains(path, (stat.mode & 0o170000) === 0o040000) ? stat : null;
  }

  contains(path: BytePath, isDirectory: boolean): boolean {
    if (path === "") return true;
    return this.membership.decide(path, isDirectory) || (isDirectory && this.membership.mayContain(path));
  }

  /** Names in a directory that sm can carry; the others are reported. */
  names(dirfd: number, directory: BytePath): string[] {
    return listNames(dirfd).filter((name) => {
      if (name.length <= NAME_BYTES_MAX && directory.length + 1 + name.length <= PATH_BYTES_MAX) return true;
      this.#onProblem(
        this.index,
        directory,
        "NAME_TOO_LONG",
        `${displayPath(joinPath(directory, name)).slice(0, 80)}… is longer than ${PATH_BYTES_MAX} bytes: skipped`,
      );
      return false;
    });
  }
}

function requireIdentity(path: string, found: OpenRoot, wanted: RootIdentity): void {
  if (isSameRoot(found.identity, wanted)) return;
  throw new SmError("ROOT_CHANGED", `${path} is another directory than when it was connected (unmounted, replaced or restored?)`, { data: { path } });
}
