// One mounted file system as far as it belongs to one root of the set: the root itself, or what is mounted below it.
// Knows which directories events are about, and which of them belong to the set.

import { SmError } from "../base/errors.js";
import { DirectoryReader } from "../fs/directory-reader.js";
import { identityOfHandle } from "../fs/file-handle.js";
import { AT_FDCWD, closeFd, O_DIRECTORY, O_RDONLY, openAt } from "../fs/native.js";
import { type BytePath, baseName, joinPath, parentPath, ROOT_PATH } from "../model/byte-path.js";
import type { NodeIdentity } from "../model/capture-port.js";
import type { RootIndex } from "../model/change.js";
import { DirectoryIndex, type DirectoryNode } from "./directory-index.js";
import { handleOfKey, type InodeKey } from "./fanotify-event.js";
import { FanotifyResolver } from "./fanotify-resolver.js";
import { KeyMemory } from "./key-memory.js";

export interface MountedTreeOptions {
  readonly root: RootIndex;
  /** Where in the root it is mounted; "" for the root itself. */
  readonly prefix: BytePath;
  /** Absolute, in bytes. */
  readonly path: string;
  readonly mountId: number;
  readonly fsid: string;
  readonly topKey: InodeKey;
  readonly device: number;
  readonly fsType: string;
  readonly mayContain: (root: RootIndex, directory: BytePath) => boolean;
}

/** Directories listed before a scan lets others have a turn. */
const DIRECTORIES_PER_STEP = 200;
const reader = new DirectoryReader();

export class MountedTree {
  readonly options: MountedTreeOptions;
  readonly index: DirectoryIndex;
  readonly #resolver: FanotifyResolver;
  readonly #outside = new KeyMemory();
  /** Of those: no more at all. */
  readonly #gone = new KeyMemory();
  /** Known to be excluded as long as no directory of the set moves. */
  readonly #excluded = new KeyMemory();
  #excludedState = 0;
  readonly #devices: Map<number, number>;

  constructor(options: MountedTreeOptions) {
    this.options = options;
    this.index = new DirectoryIndex(options.topKey);
    this.#resolver = new FanotifyResolver(options);
    this.#devices = new Map([[spaceOf(options.topKey), options.device]]);
  }

  /** Path relative to the root of the set; null when the directory is not in it. */
  pathOf(node: DirectoryNode): BytePath | null {
    const path = this.index.pathOf(node);
    return path === null ? null : this.#inRoot(path);
  }

  /** As `pathOf`, for a node that may have been dropped since: the kernel is asked where it is. */
  currentPathOf(node: DirectoryNode): BytePath | null {
    if (this.index.standingOf(node) !== "stale") return this.pathOf(node);
    const found = this.find(node.key);
    this.rest();
    return found === null || found === "unknown" ? null : this.pathOf(found);
  }

  #inRoot(path: BytePath): BytePath {
    const { prefix } = this.options;
    return path === ROOT_PATH ? prefix : joinPath(prefix, path);
  }

  isWanted(path: BytePath): boolean {
    return path === ROOT_PATH || this.options.mayContain(this.options.root, path);
  }

  /** The directory an event is about, if it belongs to the set. "unknown" = it may, but could not be found now. */
  find(key: InodeKey): DirectoryNode | "unknown" | null {
    if (!key.startsWith(this.options.fsid)) return null;
    const known = this.index.get(key);
    if (known !== undefined) return this.#confirmWanted(known);
    if (this.#excludedState !== this.index.state) {
      this.#excluded.clear();
      this.#excludedState = this.index.state;
    }
    if (this.#outside.has(key) || this.#excluded.has(key)) return null;
    return this.#resolve(key);
  }

  #confirmWanted(node: DirectoryNode): DirectoryNode | "unknown" | null {
    if (node.wantedAt === this.index.state) return node;
    if (this.index.doubtful.has(node) && this.index.standingOf(node) !== "attached") this.confirm(node);
    const standing = this.index.standingOf(node);
    if (standing === "elsewhere") return null;
    if (standing === "stale") {
      this.index.remove(node);
      return this.#resolve(node.key);
    }
    if (!this.isWanted(this.pathOf(node) ?? ROOT_PATH)) {
      this.index.remove(node);
      this.exclude(node.key);
      return null;
    }
    node.wantedAt = this.index.state;
    return node;
  }

  /** It was looked for, and is no more; whether it was in the set is not known. */
  isGone(key: InodeKey): boolean {
    return this.#gone.has(key);
  }

  /** Notes that this directory and all below are not in the set. */
  exclude(key: InodeKey): void {
    this.#excluded.add(key);
  }

  /** A directory came in from where nothing was known of: what is below it may have been taken for outside, or have left the set before. */
  forgetOutside(): void {
    this.index.forgetAway();
    this.#gone.clear();
    this.#outside.clear();
    this.#excluded.clear();
  }

  #resolve(key: InodeKey): DirectoryNode | "unknown" | null {
    const whereabouts = this.#resolver.find(key, "directory");
    switch (whereabouts.kind) {
      case "found":
        if (!this.isWanted(this.#inRoot(whereabouts.path))) {
          this.exclude(key);
          return null;
        }
        return this.#adopt(whereabouts.path, key) ?? "unknown";
      case "gone":
        this.#gone.add(key);
        this.#outside.add(key);
        return null;
      case "outside":
        this.#outside.add(key);
        return null;
      case "unknown":
        return this.#resolver.isPresent ? "unknown" : null;
    }
  }

  /** Takes a directory in with those above it, as far as they are not known there. */
  #adopt(path: BytePath, key: InodeKey): DirectoryNode | null {
    const known = this.index.get(key);
    if (known !== undefined && this.index.pathOf(known) === path) return known;
    if (path === ROOT_PATH) return null;
    const above = parentPath(path);
    let parent: DirectoryNode | null = this.index.top;
    if (above !== ROOT_PATH) {
      const parentKey = this.#resolver.keyAt(above);
      parent = parentKey === null || parentKey === "other" ? null : this.#adopt(above, parentKey);
    }
    if (parent === null) return null;
    const node = this.index.place(key, parent, baseName(path));
    this.index.doubtful.add(node);
    return node;
  }

  /** A name of a file that was reported without one, if it lies in the set. "unknown" = none can be told. */
  findName(key: InodeKey): { readonly directory: DirectoryNode; readonly name: string } | "unknown" | null {
    if (!key.startsWith(this.options.fsid)) return null;
    const whereabouts = this.#resolver.find(key, "file");
    if (whereabouts.kind === "unknown") return "unknown";
    if (whereabouts.kind !== "found" || whereabouts.path === ROOT_PATH) return null;
    const above = parentPath(whereabouts.path);
    const directoryKey = this.#resolver.keyAt(above);
    if (directoryKey === null || directoryKey === "other") return "unknown";
    const directory = this.find(directoryKey);
    return directory === null || directory === "unknown" ? directory : { directory, name: baseName(whereabouts.path) };
  }

  /** Confirms the doubtful nodes against the tree. Returns those that were found elsewhere in the set. */
  settle(): DirectoryNode[] {
    const { doubtful } = this.index;
    if (doubtful.size === 0) return [];
    if (!this.#resolver.isPresent) {
      // The root is away; what happens meanwhile is not followed. All is compared when it is back.
      this.index.clear();
      this.forgetOutside();
      return [];
    }
    const moved: DirectoryNode[] = [];
    for (const node of doubtful) if (this.confirm(node)) moved.push(node);
    return moved;
  }

  /** True when the node had to be put elsewhere. */
  confirm(node: DirectoryNode): boolean {
    this.index.doubtful.delete(node);
    const path = this.index.pathOf(node);
    if (path !== null && this.#resolver.keyAt(path) === node.key) return false;
    const whereabouts = this.#resolver.find(node.key, "directory");
    switch (whereabouts.kind) {
      case "found":
        if (whereabouts.path === path) return false;
        if (this.#adopt(whereabouts.path, node.key) !== node) this.index.remove(node);
        this.index.doubtful.delete(node);
        return this.index.pathOf(node) !== null;
      case "outside":
        this.index.cut(node);
        return false;
      case "gone":
      case "unknown":
        this.index.remove(node);
        return false;
    }
  }

  /** Reads the directories below `from` into the index, some at a time. Others may work in between: end with `rest`. */
  *scan(from: DirectoryNode): Generator<void> {
    const pending = [from];
    let budget = DIRECTORIES_PER_STEP;
    for (let node = pending.pop(); node !== undefined && !this.index.isFull; node = pending.pop()) {
      const path = this.index.pathOf(node);
      if (path === null) continue;
      for (const name of this.#subdirectories(path)) {
        const below = joinPath(path, name);
        if (!this.isWanted(this.#inRoot(below))) continue;
        const key = this.#resolver.keyAt(below);
        if (key === null || key === "other") continue;
        const known = this.index.get(key);
        pending.push(known !== undefined && this.index.pathOf(known) === below ? known : this.index.place(key, node, name));
      }
      budget -= 1;
      if (budget > 0) continue;
      budget = DIRECTORIES_PER_STEP;
      yield;
    }
  }

  #subdirectories(path: BytePath): string[] {
    const top = this.options.path;
    const fd = openAt(AT_FDCWD, path === ROOT_PATH ? top : `${top === "/" ? "" : top}/${path}`, O_RDONLY | O_DIRECTORY);
    // Gone, or not to be listed: the engine says so. What is not in the index is found when an event comes from it.
    if (fd < 0) return [];
    const names: string[] = [];
    try {
      reader.begin(fd);
      while (reader.next()) if (reader.isDirectory) names.push(reader.text);
      return names;
    } catch (error) {
      if (error instanceof SmError && error.code === "FS_IO") return names;
      throw error;
    } finally {
      closeFd(fd);
    }
  }

  /** The inode of a key as the node table knows it; null for handles that do not tell. `directory`: one in the same space, if any. */
  identityOf(key: InodeKey, directory: DirectoryNode): NodeIdentity | null {
    const identity = identityOfHandle(handleOfKey(key));
    if (identity === null) return null;
    const dev = this.#devices.get(identity.space) ?? this.#deviceOf(identity.space, directory);
    return dev === 0 ? null : { dev, ino: identity.ino, generation: BigInt(identity.generation) };
  }

  #deviceOf(space: number, directory: DirectoryNode): number {
    const path = spaceOf(directory.key) === space ? this.index.pathOf(directory) : null;
    if (path === null) return 0;
    const dev = this.#resolver.deviceAt(path);
    this.#resolver.rest();
    if (dev !== 0) this.#devices.set(space, dev);
    return dev;
  }

  /** Ends a piece of work: no descriptor stays open. */
  rest(): void {
    this.#resolver.rest();
  }
}

function spaceOf(key: InodeKey): number {
  return identityOfHandle(handleOfKey(key))?.space ?? 0;
}
