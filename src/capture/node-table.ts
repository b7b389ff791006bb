// What the source knows of one root: every entry of the set as last shipped, keyed by name and by inode.
// It is the source's model of the target: changes are the difference between it and the tree. A directory's rename
// is one update, because a node knows its parent and name, never its path.

import type { FileStat } from "../fs/native.js";
import { type BytePath, joinPath } from "../model/byte-path.js";
import type { EntryType, FileBase } from "../model/change.js";

/** One inode. `contentHash` of a small file is what was shipped; 0n = content never read. */
export class Inode {
  readonly dev: number;
  readonly ino: number;
  readonly btimeSec: number;
  readonly btimeNsec: number;
  readonly type: EntryType;
  size = 0;
  mtimeSec = 0;
  mtimeNsec = 0;
  ctimeSec = 0;
  ctimeNsec = 0;
  nlink = 0;
  /** Grows with every change that is shipped to all receivers. */
  version = 0;
  contentHash = 0n;
  /** The last change is so young that a further one could carry the same timestamp: equal times prove nothing. */
  racy = false;
  readonly nodes: Node[] = [];

  constructor(stat: FileStat) {
    this.dev = stat.dev;
    this.ino = stat.ino;
    this.btimeSec = stat.btimeSec;
    this.btimeNsec = stat.btimeNsec;
    this.type = typeOf(stat);
    this.take(stat);
  }

  take(stat: FileStat): void {
    this.size = this.type === "file" ? stat.size : 0;
    this.mtimeSec = stat.mtimeSec;
    this.mtimeNsec = stat.mtimeNsec;
    this.ctimeSec = stat.ctimeSec;
    this.ctimeNsec = stat.ctimeNsec;
    this.nlink = stat.nlink;
    this.version += 1;
  }

  isSame(stat: FileStat): boolean {
    return this.ino === stat.ino && this.dev === stat.dev && this.btimeSec === stat.btimeSec && this.btimeNsec === stat.btimeNsec && this.type === typeOf(stat);
  }

  hasSameCtime(stat: FileStat): boolean {
    return this.ctimeSec === stat.ctimeSec && this.ctimeNsec === stat.ctimeNsec;
  }

  hasSameContentTimes(stat: FileStat): boolean {
    return this.size === stat.size && this.mtimeSec === stat.mtimeSec && this.mtimeNsec === stat.mtimeNsec;
  }

  get base(): FileBase {
    return { size: this.size, mtimeSec: this.mtimeSec, mtimeNsec: this.mtimeNsec };
  }
}

/** One name of an inode. */
export class Node {
  parent: Node | null;
  name: string;
  readonly inode: Inode;
  readonly children: Map<string, Node> | null;

  constructor(parent: Node | null, name: string, inode: Inode) {
    this.parent = parent;
    this.name = name;
    this.inode = inode;
    this.children = inode.type === "dir" ? new Map() : null;
  }

  get path(): BytePath {
    const parent = this.parent;
    return parent === null ? ("" as BytePath) : joinPath(parent.path, this.name);
  }
}

export function typeOf(stat: FileStat): EntryType {
  switch (stat.mode & 0o170000) {
    case 0o100000:
      return "file";
    case 0o040000:
      return "dir";
    case 0o120000:
      return "symlink";
    default:
      return "special";
  }
}

export function isSocket(stat: FileStat): boolean {
  return (stat.mode & 0o170000) === 0o140000;
}

export class NodeTable {
  readonly root: Node;
  files = 0;
  directories = 0;
  bytes = 0;
  readonly #byDevice = new Map<number, Map<number, Inode>>();

  constructor(rootStat: FileStat) {
    this.root = new Node(null, "", this.#intern(rootStat));
    this.root.inode.nodes.push(this.root);
  }

  /** The known inode that `stat` shows, if it is the same one and not a reuse of its number. */
  find(stat: FileStat): Inode | undefined {
    const inode = this.#byDevice.get(stat.dev)?.get(stat.ino);
    return inode?.isSame(stat) ? inode : undefined;
  }

  /** The known inode of that number, whichever it is by now. */
  inodeOf(dev: number, ino: number): Inode | undefined {
    return this.#byDevice.get(dev)?.get(ino);
  }

  #intern(stat: FileStat): Inode {
    const known = this.find(stat);
    if (known !== undefined) return known;
    let device = this.#byDevice.get(stat.dev);
    if (device === undefined) {
      device = new Map();
      this.#byDevice.set(stat.dev, device);
    }
    const inode = new Inode(stat);
    device.set(stat.ino, inode);
    return inode;
  }

  /** The node at `path`, if every component is known. */
  at(path: BytePath): Node | undefined {
    if (path === "") return this.root;
    let node: Node | undefined = this.root;
    for (const name of path.split("/")) {
      node = node.children?.get(name);
      if (node === undefined) return undefined;
    }
    return node;
  }

  add(parent: Node, name: string, stat: FileStat): Node {
    const inode = this.#intern(stat);
    const node = new Node(parent, name, inode);
    if (inode.nodes.length === 0) this.#count(inode, 1);
    inode.nodes.push(node);
    parent.children?.set(name, node);
    return node;
  }

  /** Moves a node (with all below it) to another name; what was there must be gone. */
  move(node: Node, parent: Node, name: string): void {
    node.parent?.children?.delete(node.name);
    node.parent = parent;
    node.name = name;
    parent.children?.set(name, node);
  }

  /** Forgets a node and all below it. */
  remove(node: Node): void {
    if (node.parent?.children?.get(node.name) === node) node.parent.children.delete(node.name);
    const pending = [node];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      this.#unlink(next);
      if (next.children !== null) for (const child of next.children.values()) pending.push(child);
    }
  }

  /** Accounts for a new size of a file. */
  resize(inode: Inode, size: number): void {
    if (inode.type === "file") this.bytes += size - inode.size;
  }

  #unlink(node: Node): void {
    const { inode } = node;
    const index = inode.nodes.indexOf(node);
    if (index >= 0) inode.nodes.splice(index, 1);
    if (inode.nodes.length > 0) return;
    this.#count(inode, -1);
    const device = this.#byDevice.get(inode.dev);
    if (device?.get(inode.ino) === inode) device.delete(inode.ino);
  }

  #count(inode: Inode, sign: 1 | -1): void {
    if (inode.type === "dir") this.directories += sign;
    else this.files += sign;
    this.bytes += sign * inode.size;
  }
}
