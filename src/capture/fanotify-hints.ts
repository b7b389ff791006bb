// What events told, waiting to be taken as facts: merged by directory and name. Kept by directory, not by path, so that a
// fact names the place where the directory is when it is taken. Bounded: too many names in a directory become "list it",
// too many directories become "compare all below the root". No place is dropped.

import { type BytePath, joinPath, ROOT_PATH } from "../model/byte-path.js";
import type { CaptureFact } from "../model/capture-port.js";
import type { RootIndex } from "../model/change.js";
import type { DirectoryNode } from "./directory-index.js";
import type { InodeKey } from "./fanotify-event.js";
import type { MountedTree } from "./mounted-tree.js";

/** What happened to a name, as bits. */
export const TOUCHED_NAME = 1;
export const TOUCHED_CONTENT = 2;
export const TOUCHED_ATTR = 4;
/** A writer closed it. */
export const TOUCHED_CLOSE = 8;

interface Touch {
  bits: number;
  target: InodeKey | null;
}

interface Touched {
  readonly tree: MountedTree;
  names: Map<string, Touch>;
  /** Of the directory itself: `times`, which its entries changed by coming and going, or any of its attributes. */
  self: "no" | "times" | "attributes";
  /** `entries`: there were too many names. `all`: it is new here. */
  list: "no" | "entries" | "all";
  /** Names were given up that had been written to, or closed. */
  isUntold: boolean;
}

/** An inode to be followed to whatever names it has: the one it was touched under is gone, or was never told. */
interface Inode {
  readonly tree: MountedTree;
  /** Where it was; "" = not known. */
  readonly path: BytePath;
  bits: number;
}

interface Walk {
  readonly root: RootIndex;
  readonly path: BytePath;
  /** That its name is to be looked at was told. */
  isNamed: boolean;
}

interface Rename {
  readonly tree: MountedTree;
  readonly from: DirectoryNode;
  readonly fromName: string;
  readonly to: DirectoryNode;
  readonly toName: string;
  readonly target: InodeKey;
}

const NAMES_MAX = 100_000;
const TOO_MANY = "more events than memory for them";
/** With so many names waiting, a directory is rather listed once than looked at name by name. */
const NAMES_WORTH_A_LIST = 32;

export class FanotifyHints {
  readonly #namesMax: number;
  readonly #directories = new Map<DirectoryNode, Touched>();
  readonly #inodes = new Map<InodeKey, Inode>();
  readonly #lost = new Map<RootIndex, string>();
  /** Places to be walked whose directories no event named. */
  readonly #walks = new Map<string, Walk>();
  #renames: Rename[] = [];
  #names = 0;

  constructor(namesMax = NAMES_MAX) {
    this.#namesMax = namesMax;
  }

  get isEmpty(): boolean {
    return this.#directories.size + this.#inodes.size === 0 && this.#renames.length === 0 && this.#lost.size === 0 && this.#walks.size === 0;
  }

  touch(tree: MountedTree, directory: DirectoryNode, name: string, bits: number, target: InodeKey | null): void {
    const touched = this.#of(tree, directory);
    if ((bits & TOUCHED_NAME) !== 0 && touched.self === "no") touched.self = "times";
    const known = touched.names.get(name);
    if (known !== undefined) {
      const other = known.target;
      // Another inode has the name now; what happened to the first may be seen by its other names.
      if (other !== null && target !== null && other !== target && (known.bits & ~TOUCHED_NAME) !== 0) this.touchInode(tree, other, known.bits);
      known.bits |= bits;
      known.target = target ?? other;
      return;
    }
    if (touched.list === "entries") {
      touched.isUntold ||= isContent(bits);
      return;
    }
    touched.names.set(name, { bits, target });
    this.#names += 1;
    if (this.#names > this.#namesMax) this.#coarsen();
  }

  /** Attributes of the directory itself. */
  touchDirectory(tree: MountedTree, directory: DirectoryNode): void {
    this.#of(tree, directory).self = "attributes";
  }

  /** What happened to an inode of which no name is known. */
  touchInode(tree: MountedTree, target: InodeKey, bits: number, path: BytePath = ROOT_PATH): void {
    const known = this.#inodes.get(target);
    if (known !== undefined) known.bits |= bits;
    else this.#inodes.set(target, { tree, path, bits });
    if (this.#inodes.size > this.#namesMax) this.lose(tree.options.root, TOO_MANY);
  }

  /** A directory that is new here, with whatever is in it. */
  list(tree: MountedTree, directory: DirectoryNode): void {
    this.#of(tree, directory).list = "all";
  }

  /** A directory to be compared with all below, whether or not an event came from there. */
  walk(root: RootIndex, path: BytePath): void {
    this.#walks.set(`${root}:${path}`, { root, path, isNamed: path === ROOT_PATH });
  }

  rename(rename: Rename): void {
    if (this.#renames.length + this.#names >= this.#namesMax) {
      this.touch(rename.tree, rename.from, rename.fromName, TOUCHED_NAME, null);
      this.touch(rename.tree, rename.to, rename.toName, TOUCHED_NAME, null);
      return;
    }
    this.#renames.push(rename);
    for (const directory of [rename.from, rename.to]) {
      const touched = this.#of(rename.tree, directory);
      if (touched.self === "no") touched.self = "times";
    }
  }

  /** Whatever is known of the root is not enough: compare all of it. */
  lose(root: RootIndex, reason: string): void {
    this.#lost.set(root, reason);
    for (const [directory, { tree }] of this.#directories) if (tree.options.root === root) this.#drop(directory);
    this.#renames = this.#renames.filter(({ tree }) => tree.options.root !== root);
    for (const [key, { tree }] of this.#inodes) if (tree.options.root === root) this.#inodes.delete(key);
  }

  #of(tree: MountedTree, directory: DirectoryNode): Touched {
    let touched = this.#directories.get(directory);
    if (touched === undefined) {
      touched = { tree, names: new Map(), self: "no", list: "no", isUntold: false };
      this.#directories.set(directory, touched);
      if (this.#directories.size > this.#namesMax) this.#coarsen();
    }
    return touched;
  }

  #drop(directory: DirectoryNode): void {
    this.#names -= this.#directories.get(directory)?.names.size ?? 0;
    this.#directories.delete(directory);
  }

  #coarsen(): void {
    const roots = new Set<RootIndex>();
    for (const touched of this.#directories.values()) {
      roots.add(touched.tree.options.root);
      if (touched.names.size < NAMES_WORTH_A_LIST) continue;
      this.#names -= touched.names.size;
      touched.isUntold ||= [...touched.names.values()].some(({ bits }) => isContent(bits));
      touched.names = new Map();
      if (touched.list === "no") touched.list = "entries";
    }
    if (Math.max(this.#names, this.#directories.size) > this.#namesMax / 2) for (const root of roots) this.lose(root, TOO_MANY);
  }

  /**
   * The directory is no more, or will have no path. Its entries went with it, which its own name says; but an inode that was
   * touched in it may have other names.
   */
  forget(directory: DirectoryNode): void {
    const touched = this.#directories.get(directory);
    if (touched === undefined) return;
    this.#drop(directory);
    const { tree, names } = touched;
    const path = tree.pathOf(directory);
    for (const [name, { bits, target }] of names) {
      if (target === null || (bits & ~TOUCHED_NAME) === 0) continue;
      this.touchInode(tree, target, bits, path === null ? ROOT_PATH : joinPath(path, name));
    }
  }

  /** At most `max` facts; the rest stays. */
  take(max: number): CaptureFact[] {
    const facts: CaptureFact[] = [];
    for (const [root, reason] of this.#lost) {
      if (facts.length >= max) return facts;
      facts.push({ kind: "lost", root, path: ROOT_PATH, reason });
      this.#lost.delete(root);
    }
    this.#takeWalks(facts, max);
    this.#takeRenames(facts, max);
    const listed = new Set<DirectoryNode>();
    for (const [directory, touched] of this.#directories) {
      if (facts.length >= max) return facts;
      if (this.#takeDirectory(directory, touched, facts, max, listed)) this.#drop(directory);
    }
    for (const [target, { tree, path, bits }] of this.#inodes) {
      if (facts.length >= max) return facts;
      facts.push(factOf(tree, tree.index.top, path, bits, target));
      this.#inodes.delete(target);
    }
    return facts;
  }

  #takeWalks(facts: CaptureFact[], max: number): void {
    for (const [key, walk] of this.#walks) {
      const { root, path } = walk;
      if (facts.length >= max) return;
      // Mounted over, or no more: another directory has its name, which is found by looking at that.
      if (!walk.isNamed) facts.push({ kind: "name", root, path });
      walk.isNamed = true;
      if (facts.length >= max) return;
      facts.push({ kind: "directory", root, path, recursive: true });
      this.#walks.delete(key);
    }
  }

  #takeRenames(facts: CaptureFact[], max: number): void {
    let taken = 0;
    for (; taken < this.#renames.length && facts.length < max; taken++) {
      const { tree, from, fromName, to, toName, target } = this.#renames[taken] as Rename;
      const [path, toPath] = [placeOf(tree, from, fromName), placeOf(tree, to, toName)];
      const node = tree.identityOf(target, to);
      if (path !== null && toPath !== null && node !== null) {
        const [directory, toDirectory] = [tree.identityOf(from.key, from), tree.identityOf(to.key, to)];
        facts.push({ kind: "rename", root: tree.options.root, path, to: toPath, node, directory, toDirectory });
        continue;
      }
      this.touch(tree, from, fromName, TOUCHED_NAME, null);
      this.touch(tree, to, toName, TOUCHED_NAME, null);
    }
    this.#renames.splice(0, taken);
  }

  /** True when nothing of it is left. */
  #takeDirectory(directory: DirectoryNode, touched: Touched, facts: CaptureFact[], max: number, listed: Set<DirectoryNode>): boolean {
    const { tree, names } = touched;
    const { root } = tree.options;
    const path = tree.currentPathOf(directory);
    if (path === null) {
      // Gone, or on its way to another place: whoever knows it finds it by its identity.
      const node = tree.identityOf(directory.key, directory);
      if (node !== null) facts.push({ kind: "directory", root, path: ROOT_PATH, recursive: touched.list === "all", node, ...untold(touched) });
      this.forget(directory);
      return true;
    }
    for (const [name, { bits, target }] of names) {
      if (facts.length >= max) return false;
      facts.push(factOf(tree, directory, joinPath(path, name), bits, target));
      names.delete(name);
      this.#names -= 1;
    }
    if (touched.list !== "no" && (touched.isUntold || !isBelowAny(directory, listed))) {
      if (facts.length >= max) return false;
      const recursive = touched.list === "all";
      facts.push({ kind: "directory", root, path, recursive, node: tree.identityOf(directory.key, directory), ...untold(touched) });
      if (recursive) listed.add(directory);
    }
    touched.list = "no";
    touched.isUntold = false;
    if (touched.self === "no") return true;
    if (facts.length >= max) return false;
    // The root has no name to look at; to list it only because an entry came would cost too much.
    if (path === ROOT_PATH && touched.self === "attributes") facts.push({ kind: "directory", root, path, recursive: false });
    else facts.push({ kind: "attr", root, path, node: tree.identityOf(directory.key, directory) });
    return true;
  }
}

function isContent(bits: number): boolean {
  return (bits & (TOUCHED_CONTENT | TOUCHED_CLOSE)) !== 0;
}

function untold({ isUntold }: Touched): { readonly isUntold?: true } {
  return isUntold ? { isUntold } : {};
}

function isBelowAny(directory: DirectoryNode, listed: ReadonlySet<DirectoryNode>): boolean {
  if (listed.size === 0) return false;
  for (let at = directory.parent; at !== null; at = at.parent) if (listed.has(at)) return true;
  return false;
}

function placeOf(tree: MountedTree, directory: DirectoryNode, name: string): BytePath | null {
  const path = tree.pathOf(directory);
  return path === null ? null : joinPath(path, name);
}

/**
 * What says most: a fact with the inode can be followed to its other names when this one is gone, and whoever takes a fact
 * looks at its name in any case.
 */
function factOf(tree: MountedTree, from: DirectoryNode, path: BytePath, bits: number, target: InodeKey | null): CaptureFact {
  const { root } = tree.options;
  const node = target === null || bits === TOUCHED_NAME ? null : tree.identityOf(target, from);
  const directory = path === ROOT_PATH ? null : tree.identityOf(from.key, from);
  const isModified = (bits & TOUCHED_CONTENT) !== 0;
  const isNamed = (bits & TOUCHED_NAME) !== 0;
  const isClosed = (bits & TOUCHED_CLOSE) !== 0;
  if (isModified || isClosed) return { kind: "content", root, path, node, isModified, isClosed, isNamed, directory };
  if ((bits & TOUCHED_ATTR) !== 0) return { kind: "attr", root, path, node, isNamed, directory };
  return { kind: "name", root, path, directory };
}
