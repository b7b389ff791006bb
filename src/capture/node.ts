// Names and inodes as objects. There is one for each record at a time, as long as anybody holds it: they can be compared
// and be keys. What was removed from the table stays readable as it last was, and is never confused with what came after.

import { type BytePath, joinPath } from "../model/byte-path.js";
import { HandleCache } from "./handle-cache.js";
import { InodeRecord } from "./inode-record.js";
import type { NodeRecords } from "./node-records.js";

/** One inode. */
export class Inode extends InodeRecord {
  readonly #handles: Handles;

  constructor(handles: Handles, inode: number) {
    super(handles.records.inodes, inode);
    this.#handles = handles;
  }

  /** Its names, the oldest first. */
  get nodes(): readonly Node[] {
    const { records } = this.#handles;
    const nodes: Node[] = [];
    for (let node = this.firstName; node !== 0; node = records.nextName(node)) nodes.push(this.#handles.node(node));
    return nodes.reverse();
  }
}

/** One name of an inode. */
export class Node {
  readonly #handles: Handles;
  #record: number;
  #inode: Inode | null = null;
  /** Where it was when it was removed. */
  #last: { readonly parent: Node | null; readonly name: string } | null = null;

  constructor(handles: Handles, record: number) {
    this.#handles = handles;
    this.#record = record;
  }

  /** Its number in the records; 0 when it was removed. */
  get record(): number {
    return this.#record;
  }

  /** False when it was removed from the table, with or below another. */
  get isAttached(): boolean {
    return this.#last === null;
  }

  detach(): void {
    this.#inode = this.inode;
    this.#last = { parent: this.parent, name: this.name };
    this.#record = 0;
  }

  get parent(): Node | null {
    if (this.#last !== null) return this.#last.parent;
    const parent = this.#handles.records.parentOf(this.#record);
    return parent === 0 ? null : this.#handles.node(parent);
  }

  get name(): string {
    return this.#last === null ? this.#handles.records.nameOf(this.#record) : this.#last.name;
  }

  get inode(): Inode {
    this.#inode ??= this.#handles.inode(this.#handles.records.inodeOf(this.#record));
    return this.#inode;
  }

  /** null for all but directories. */
  get children(): Children | null {
    return this.inode.isDirectory ? new Children(this.#handles, this.#record) : null;
  }

  get path(): BytePath {
    if (this.#last === null) return this.#handles.records.pathOf(this.#record);
    const { parent, name } = this.#last;
    return parent === null ? ("" as BytePath) : joinPath(parent.path, name);
  }
}

/** The names in a directory, as they are when they are asked for. */
export class Children {
  readonly #handles: Handles;
  readonly #directory: number;

  constructor(handles: Handles, directory: number) {
    this.#handles = handles;
    this.#directory = directory;
  }

  get(name: string): Node | undefined {
    const child = this.#handles.records.childNamed(this.#directory, name);
    return child === 0 ? undefined : this.#handles.node(child);
  }

  has(name: string): boolean {
    return this.#handles.records.childNamed(this.#directory, name) !== 0;
  }

  values(): readonly Node[] {
    const { records } = this.#handles;
    const nodes: Node[] = [];
    for (let child = records.firstChild(this.#directory); child !== 0; child = records.nextChild(child)) nodes.push(this.#handles.node(child));
    return nodes;
  }

  *[Symbol.iterator](): Generator<[string, Node]> {
    for (const node of this.values()) yield [node.name, node];
  }
}

/** The objects of one table. */
export class Handles {
  readonly records: NodeRecords;
  readonly #nodes = new HandleCache((record) => new Node(this, record));
  readonly #inodes = new HandleCache((record) => new Inode(this, record));

  constructor(records: NodeRecords) {
    this.records = records;
  }

  node(record: number): Node {
    return this.#nodes.of(record);
  }

  inode(record: number): Inode {
    return this.#inodes.of(record);
  }

  releaseNode(record: number): void {
    this.#nodes.release(record)?.detach();
  }

  releaseInode(record: number): void {
    this.#inodes.release(record)?.detach();
  }
}
