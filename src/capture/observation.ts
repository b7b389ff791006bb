// A look at one name: what is there now, beside what is known.

import { ENOENT, ENOTDIR } from "../fs/errno.js";
import { type FileStat, statAt } from "../fs/native.js";
import { type BytePath, baseName, joinPath, parentPath } from "../model/byte-path.js";
import { isRacy } from "./entry-shipper.js";
import type { Node } from "./node-table.js";
import type { RootTree } from "./root-tree.js";

export interface Observation {
  readonly path: BytePath;
  readonly parent: Node;
  readonly name: string;
  /** null = nothing of the set is there. */
  readonly stat: FileStat | null;
}

export function depthOf(path: BytePath): number {
  let depth = path === "" ? 0 : 1;
  for (let i = 0; i < path.length; i++) if (path.charCodeAt(i) === 47) depth += 1;
  return depth;
}

/** A name in a directory that is known, and is not where it was when the name was to be looked at. */
export interface Unplaced {
  readonly parent: Node;
  readonly name: string;
}

/**
 * Looks at the given names. A name whose directory is not known, or is another one by now, is replaced by that
 * directory: finding it (as new or moved) brings along what is in it, but not the knowledge of what is not: `unplaced`
 * takes the names in known directories, to be looked at where these are found.
 */
export function observeNames(tree: RootTree, paths: Iterable<BytePath>, unplaced: Unplaced[] = []): Observation[] {
  const pending = [...paths].sort();
  const seen = new Set<BytePath>(pending);
  const out: Observation[] = [];
  const later = (path: BytePath): void => {
    if (seen.has(path)) return;
    seen.add(path);
    pending.push(path);
  };
  for (let i = 0; i < pending.length; i++) {
    const path = pending[i] as BytePath;
    if (path === "") continue;
    const above = parentPath(path);
    const parent = tree.table.at(above);
    const dirfd = parent?.children ? tree.directoryOf(parent) : undefined;
    const name = baseName(path);
    if (parent === undefined || dirfd === undefined) {
      later(above);
      if (parent?.children) unplaced.push({ parent, name });
      continue;
    }
    const stat = tree.look(dirfd, path, name);
    if (stat !== null || parent.children?.has(name)) out.push({ path, parent, name, stat });
  }
  return out;
}

/** A walk yields (possibly nothing) at least this often, so that changes seen meanwhile need not wait for its end. */
const ENTRIES_PER_YIELD = 5000;

export interface WalkOptions {
  readonly recursive: boolean;
  /** Observations after which the walk hands over what it has. */
  readonly batch: number;
  /** The directory is not where it is known to be, and nothing below it was looked at. */
  readonly onLost?: (directory: Node) => void;
  /** Is shown what is as it is known to be, with the record of its name; `stat` is valid during the call. */
  readonly onSame?: ((record: number, stat: FileStat) => void) | undefined;
}

/**
 * Walks a known directory on disk and yields what differs from what is known, in batches: new names, vanished ones,
 * other inodes, newer ctimes, and entries whose times prove nothing (racy). Costs one stat per entry. The tree must be
 * open (`begin`) whenever the walk goes on.
 */
export function* walkDifferences(tree: RootTree, from: Node, options: WalkOptions): Generator<Observation[]> {
  let out: Observation[] = [];
  let budget = ENTRIES_PER_YIELD;
  const pending: Node[] = [from];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node.children === null || !node.isAttached) continue;
    const dirfd = tree.directoryOf(node);
    if (dirfd === undefined) {
      if (tree.isElsewhere(node)) options.onLost?.(node);
      else tree.sayUnopened(node.path);
      continue;
    }
    const below = options.recursive ? pending : null;
    budget -= 1 + compareDirectory(tree, node, dirfd, { differences: out, below, onSame: options.onSame });
    if (out.length >= options.batch || budget <= 0) {
      budget = ENTRIES_PER_YIELD;
      yield out;
      out = [];
    }
  }
  if (out.length > 0) yield out;
}

interface Comparison {
  readonly differences: Observation[];
  /** Takes the directories found where they were. */
  readonly below: Node[] | null;
  readonly onSame: WalkOptions["onSame"];
}

/** Returns how many entries there were. */
function compareDirectory(tree: RootTree, parent: Node, dirfd: number, { differences, below, onSame }: Comparison): number {
  const { table } = tree;
  const { records } = table;
  const directory = parent.path;
  const seen = records.newMark();
  let entries = 0;
  tree.eachEntry(dirfd, directory, (entry) => {
    const { stat } = entry;
    entries += 1;
    const child = records.child(parent.record, entry.name, entry.length);
    if (child !== 0) records.mark(child, seen);
    const known = child === 0 ? null : records.inodeAt(child);
    const isSame = known?.isSame(stat) === true;
    if (!isSame || known.racy || !known.hasSameCtime(stat)) {
      const name = entry.text;
      differences.push({ path: joinPath(directory, name), parent, name, stat: stat.copy() });
    } else {
      onSame?.(child, stat);
    }
    if (isSame && below !== null && known.isDirectory) below.push(table.node(child));
  });
  for (let child = records.firstChild(parent.record); child !== 0; child = records.nextChild(child)) {
    if (records.hasMark(child, seen)) continue;
    const name = records.nameOf(child);
    differences.push({ path: joinPath(directory, name), parent, name, stat: null });
  }
  return entries;
}

/** False for a node that was removed from the table, with or below another. */
export function isAttached(node: Node): boolean {
  return node.isAttached;
}

/** `unknown`: its directory is not where it is known to be, and may hold it as before. */
export type Presence = "there" | "gone" | "unknown";

/** Whether the node's inode is still found under the node's own name, and belongs to the set there. What cannot be looked at is not gone. */
export function presenceOf(tree: RootTree, node: Node): Presence {
  if (node.parent === null) return "there";
  const dirfd = tree.directoryOf(node.parent);
  if (dirfd === undefined) return "unknown";
  const stat = statAt(dirfd, node.name);
  if (typeof stat === "number") return stat === -ENOENT || stat === -ENOTDIR ? "gone" : "there";
  return node.inode.isSame(stat) && tree.contains(node.path, node.inode.type === "dir") ? "there" : "gone";
}

/** What is known at the path is not there, and was not told to be gone. What cannot be looked at is not away. */
export function isAway(tree: RootTree, path: BytePath): boolean {
  const node = tree.table.at(path);
  const presence = node === undefined ? "there" : presenceOf(tree, node);
  return presence === "gone" || (presence === "unknown" && isAway(tree, parentPath(path)));
}

/** Takes every entry as it is. The tree must be open. */
export function scanTree(tree: RootTree): void {
  const { records } = tree.table;
  const pending: number[] = [records.root];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    const path = records.pathOf(directory);
    const dirfd = tree.directory(path);
    if (dirfd < 0) {
      tree.sayUnopened(path);
      continue;
    }
    const parent = directory;
    tree.eachEntry(dirfd, path, ({ name, length, stat }) => {
      const child = records.add(parent, name, length, stat);
      const inode = records.inodeAt(child);
      inode.racy = isRacy(stat, Date.now());
      if (inode.isDirectory) pending.push(child);
    });
  }
}
