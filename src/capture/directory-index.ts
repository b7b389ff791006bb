// Where the directories of one mounted tree are: inode → { parent, name }. A directory's rename is one update, because a
// node knows its parent and name, never its path. It is a cache: whatever is missing can be asked of the kernel again, so
// anything may be dropped at any time. What it says is a guess where events were merged or lost; nodes whose place was
// only told by an event are `doubtful` until somebody looked.

import { type BytePath, joinPath, ROOT_PATH } from "../model/byte-path.js";
import type { InodeKey } from "./fanotify-event.js";

export class DirectoryNode {
  readonly key: InodeKey;
  /** null: the top, or cut off. */
  parent: DirectoryNode | null;
  name: string;
  /** The state of the index at which this directory was last found to belong to the set. */
  wantedAt = -1;

  constructor(key: InodeKey, parent: DirectoryNode | null, name: string) {
    this.key = key;
    this.parent = parent;
    this.name = name;
  }
}

/** `elsewhere`: known to have moved out of the tree, with all below. `stale`: below something that was dropped. */
export type Standing = "attached" | "elsewhere" | "stale";

/** Directories remembered, at some 200 bytes each; for those beyond, each event asks the kernel where they are. */
const DIRECTORIES_MAX = 1_000_000;

export class DirectoryIndex {
  readonly top: DirectoryNode;
  /** Nodes whose place is to be confirmed. */
  readonly doubtful = new Set<DirectoryNode>();
  readonly #nodes = new Map<InodeKey, DirectoryNode>();
  /** Nodes that were cut off. */
  readonly #away = new Set<DirectoryNode>();
  readonly #directoriesMax: number;
  #moves = 0;

  constructor(topKey: InodeKey, directoriesMax = DIRECTORIES_MAX) {
    this.top = new DirectoryNode(topKey, null, "");
    this.#directoriesMax = directoriesMax;
    this.#nodes.set(topKey, this.top);
  }

  get size(): number {
    return this.#nodes.size;
  }

  get isFull(): boolean {
    return this.#nodes.size >= this.#directoriesMax;
  }

  /** Changes whenever a directory moved, and with it the paths of all below. */
  get state(): number {
    return this.#moves;
  }

  get(key: InodeKey): DirectoryNode | undefined {
    return this.#nodes.get(key);
  }

  /** Says that the directory `key` is `name` in `parent`. The node has a path, but is remembered only while there is room. */
  place(key: InodeKey, parent: DirectoryNode, name: string): DirectoryNode {
    const known = this.#nodes.get(key);
    if (known === this.top || known === parent) return known;
    const isParentKnown = this.#nodes.get(parent.key) === parent;
    if (known === undefined || !isParentKnown) {
      // Below a parent that is not remembered, a later move of that parent would go unnoticed.
      if (known !== undefined) this.remove(known);
      const node = new DirectoryNode(key, parent, name);
      if (isParentKnown && !this.isFull) this.#nodes.set(key, node);
      return node;
    }
    if (known.parent === parent && known.name === name) return known;
    this.#cutLoop(known, parent);
    this.#away.delete(known);
    known.parent = parent;
    known.name = name;
    this.#moves += 1;
    return known;
  }

  /** A directory cannot lie in itself: if `parent` seems to lie in `node`, it is that which is out of date. */
  #cutLoop(node: DirectoryNode, parent: DirectoryNode): void {
    for (let at = parent; at.parent !== null; at = at.parent) {
      if (at.parent !== node) continue;
      at.parent = null;
      this.#away.add(at);
      this.doubtful.add(at);
      return;
    }
  }

  /** Moved to where nothing is known of: it and all below have no path any more, until it comes back. */
  cut(node: DirectoryNode): void {
    if (node.parent === null) return;
    node.parent = null;
    this.#away.add(node);
    this.#moves += 1;
  }

  /** They may have come back below another directory. */
  forgetAway(): void {
    for (const node of this.#away) this.remove(node);
  }

  /** The directory is no more, or not of interest. */
  remove(node: DirectoryNode): void {
    if (node === this.top) return;
    this.cut(node);
    this.#away.delete(node);
    this.doubtful.delete(node);
    if (this.#nodes.get(node.key) === node) this.#nodes.delete(node.key);
  }

  /** Forgets everything but the top. */
  clear(): void {
    for (const node of this.#nodes.values()) node.parent = null;
    this.#nodes.clear();
    this.#away.clear();
    this.doubtful.clear();
    this.#nodes.set(this.top.key, this.top);
    this.#moves += 1;
  }

  standingOf(node: DirectoryNode): Standing {
    let at = node;
    while (at.parent !== null) at = at.parent;
    if (at === this.top) return "attached";
    return this.#nodes.get(at.key) === at ? "elsewhere" : "stale";
  }

  /** Relative to the top; null unless attached. */
  pathOf(node: DirectoryNode): BytePath | null {
    const names: string[] = [];
    let at = node;
    for (; at.parent !== null; at = at.parent) names.push(at.name);
    if (at !== this.top) return null;
    let path: BytePath = ROOT_PATH;
    for (let i = names.length - 1; i >= 0; i--) path = joinPath(path, names[i] as string);
    return path;
  }
}
