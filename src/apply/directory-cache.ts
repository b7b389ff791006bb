// Descriptors of the directories last worked in: a set names many files of few directories. Bounded; flushed whenever a
// directory moves or goes, because a descriptor follows its inode and not its path.

import type { ConfinedRoot } from "../fs/confined-root.js";
import { closeFd, statAt } from "../fs/native.js";
import { type BytePath, joinPath } from "../model/byte-path.js";
import type { RootIndex } from "../model/change.js";
import { WrittenDisks } from "./written-disks.js";

const DIRECTORIES_MAX = 64;

/** What the kernel gives a file made in this directory: learnt from the first one (set-gid directory, default ACL, squashed root). */
export interface CreatedAs {
  readonly uid: number;
  readonly gid: number;
  /** The mode came out other than asked for, or attributes were inherited: set everything explicitly. */
  readonly altered: boolean;
}

export interface Directory {
  readonly fd: number;
  readonly dev: number;
  created: CreatedAs | null;
}

export class DirectoryCache {
  readonly #rootOf: (root: RootIndex) => ConfinedRoot;
  readonly #entries = new Map<string, Directory>();
  /** Told of a directory when it is opened: none stays open behind the set that it was opened for (`flush`), nor does a round begin within one. */
  readonly written = new WrittenDisks();
  #lastKey = "";
  #last: Directory | undefined;

  constructor(rootOf: (root: RootIndex) => ConfinedRoot) {
    this.#rootOf = rootOf;
  }

  /** The directory at `path`, or the negative errno. Valid until 64 others were asked for, or the next flush. */
  get(root: RootIndex, path: BytePath): Directory | number {
    const key = `${root}:${path}`;
    if (key === this.#lastKey && this.#last !== undefined) return this.#last;
    const found = this.#entries.get(key);
    if (found !== undefined) {
      this.#entries.delete(key);
      return this.#remember(key, found);
    }
    const confined = this.#rootOf(root);
    const fd = confined.openDirectory(path);
    if (fd < 0) return fd;
    const stat = statAt(fd, "");
    if (typeof stat === "number") {
      closeFd(fd);
      return stat;
    }
    const used = this.written.use(stat.dev, fd, joinPath(confined.path as BytePath, path));
    if (used < 0) {
      closeFd(fd);
      return used;
    }
    return this.#remember(key, { fd, dev: stat.dev, created: null });
  }

  flush(): void {
    for (const { fd } of this.#entries.values()) closeFd(fd);
    this.#entries.clear();
    this.#last = undefined;
    this.#lastKey = "";
  }

  close(): void {
    this.flush();
    this.written.close();
  }

  #remember(key: string, directory: Directory): Directory {
    if (this.#entries.size >= DIRECTORIES_MAX) {
      for (const [oldest, { fd }] of this.#entries) {
        this.#entries.delete(oldest);
        closeFd(fd);
        break;
      }
    }
    this.#entries.set(key, directory);
    this.#last = directory;
    this.#lastKey = key;
    return directory;
  }
}
