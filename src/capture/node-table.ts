// What the source knows of one root: every entry of the set as last shipped, found by name and by inode. It is the source's
// model of the target: changes are the difference between it and the tree. A directory's rename is one update, because a
// node knows its parent and name, never its path. Entries are records (some 150 bytes for a file with its name), and objects
// are made of those that somebody asks for; who goes through all of them uses the records.

import { assert } from "../base/assert.js";
import type { FileStat } from "../fs/native.js";
import type { BytePath } from "../model/byte-path.js";
import { Handles, Inode, type Node } from "./node.js";
import { NodeRecords } from "./node-records.js";

export { isSocket, typeOf } from "./inode-record.js";
export type { Inode, Node } from "./node.js";

export class NodeTable {
  readonly records: NodeRecords;
  readonly root: Node;
  /** Told of each directory that comes to a place, or goes: its node then is about to be given up. */
  onDirectory: (node: number, isGone: boolean) => void = () => undefined;
  readonly #handles: Handles;

  constructor(rootStat: FileStat) {
    this.records = new NodeRecords(rootStat, {
      node: (node) => {
        this.#tellDirectory(node, true);
        this.#handles.releaseNode(node);
      },
      inode: (inode) => this.#handles.releaseInode(inode),
    });
    this.#handles = new Handles(this.records);
    this.root = this.#handles.node(this.records.root);
  }

  get files(): number {
    return this.records.files;
  }

  /** Files that did not lose their content. */
  get kept(): number {
    return this.records.files - this.records.emptied;
  }

  /** But for the root itself. */
  get directories(): number {
    return this.records.directories;
  }

  get bytes(): number {
    return this.records.bytes;
  }

  /** The object of a record. */
  node(record: number): Node {
    return this.#handles.node(record);
  }

  /** The inode of a node record as an object of its own, to be dropped before the table changes: cheaper than that of the node's object. */
  glance(node: number): Inode {
    return new Inode(this.#handles, this.records.inodeOf(node));
  }

  /** The known inode that `stat` shows, if it is the same one and not a reuse of its number. */
  find(stat: FileStat): Inode | undefined {
    const inode = this.records.find(stat);
    return inode === 0 ? undefined : this.#handles.inode(inode);
  }

  /** The known inode of that number, whichever it is by now. */
  inodeOf(dev: number, ino: number): Inode | undefined {
    const inode = this.records.inodeNumbered(dev, ino);
    return inode === 0 ? undefined : this.#handles.inode(inode);
  }

  /** The node at `path`, if every component is known. */
  at(path: BytePath): Node | undefined {
    const node = this.records.at(path);
    return node === 0 ? undefined : this.#handles.node(node);
  }

  /** Adds a name of the inode that `stat` shows; what had the name is forgotten. */
  add(parent: Node, name: string, stat: FileStat): Node {
    assert(parent.isAttached, "a directory that was removed takes nothing in");
    const node = this.records.addNamed(parent.record, name, stat);
    this.#tellDirectory(node, false);
    return this.#handles.node(node);
  }

  /** Moves a node (with all below it) to another name; what had that name is forgotten. */
  move(node: Node, parent: Node, name: string): void {
    assert(node.isAttached && parent.isAttached, "what was removed does not move");
    this.records.move(node.record, parent.record, name);
    this.#tellDirectory(node.record, false);
  }

  #tellDirectory(node: number, isGone: boolean): void {
    if (this.records.inodeAt(node).isDirectory) this.onDirectory(node, isGone);
  }

  /** Forgets a node and all below it. */
  remove(node: Node): void {
    if (node.isAttached) this.records.remove(node.record);
  }

  /** Accounts for a new size of a file. */
  resize(inode: Inode, size: number): void {
    if (inode.type !== "file" || inode.nameCount === 0) return;
    this.records.bytes += size - inode.size;
    const isEmptied = size === 0 && (inode.isEmptied || inode.size > 0);
    this.records.emptied += Number(isEmptied) - Number(inode.isEmptied);
    inode.isEmptied = isEmptied;
  }
}
