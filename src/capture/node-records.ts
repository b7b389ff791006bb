// The names and inodes of one root as records, by number: the tree of names, and the inodes that they are names of.

import { assert } from "../base/assert.js";
import type { FileStat } from "../fs/native.js";
import { type BytePath, NAME_BYTES_MAX } from "../model/byte-path.js";
import { INODE_WORDS, InodeRecord } from "./inode-record.js";
import { hashOfBytes, mixed, NameArena } from "./name-arena.js";
import { RecordIndex } from "./record-index.js";
import { RecordStore } from "./record-store.js";

/** Of 32 bits. */
const NODE_WORDS = 8;
const INODE = 0;
const PARENT = 1;
const NAME = 2;
const FIRST_CHILD = 3;
const NEXT = 4;
const PREVIOUS = 5;
const NEXT_OF_INODE = 6;
const MARK = 7;

export interface ReleaseListener {
  /** Called before the record is given up; those below it were already. */
  node(node: number): void;
  inode(inode: number): void;
}

const TWO32 = 4294967296;
const SLASH = 47;
const scratch = Buffer.alloc(NAME_BYTES_MAX);
const tidyScratch = Buffer.alloc(NAME_BYTES_MAX);

function bytesOf(text: string, from: number, until: number): Uint8Array {
  for (let i = from; i < until; i++) scratch[i - from] = text.charCodeAt(i);
  return scratch;
}

export class NodeRecords {
  readonly root: number;
  readonly inodes = new RecordStore(INODE_WORDS);
  files = 0;
  /** Of the files, those that had content and have none any more. */
  emptied = 0;
  directories = 0;
  bytes = 0;
  /** Counts what moved or was removed: as long as it stays, each record is what it was, at the path that it had. */
  moves = 0;
  readonly #listener: ReleaseListener;
  readonly #nodes = new RecordStore(NODE_WORDS);
  readonly #byName = new RecordIndex();
  readonly #byNumber = new RecordIndex();
  readonly #window = new InodeRecord(this.inodes, 0);
  #names = new NameArena();
  #lastMark = 0;
  /** The directory that was looked up last: most paths are of the same one as the path before. */
  #lastDirectory = { path: "", node: 0, moves: 0 };

  constructor(rootStat: FileStat, listener: ReleaseListener) {
    this.#listener = listener;
    this.root = this.#nodes.allocate();
    this.#nodes.setWord(this.root, NAME, this.#names.add(scratch, 0));
    this.#name(this.root, this.#intern(rootStat));
  }

  /** The inode of that number that is known, whichever it is by now; 0 = none. */
  inodeNumbered(dev: number, ino: number): number {
    return this.#inodeHashed(hashOfNumber(dev, ino), dev, ino);
  }

  #inodeHashed(hash: number, dev: number, ino: number): number {
    const index = this.#byNumber;
    for (let slot = index.first(hash); slot >= 0; slot = index.next(slot, hash)) {
      const inode = index.recordAt(slot);
      const known = this.#show(inode);
      if (known.ino === ino && known.dev === dev) return inode;
    }
    return 0;
  }

  /** The known inode that `stat` shows, if it is the same one and not a reuse of its number; 0 = none. */
  find(stat: FileStat): number {
    const inode = this.inodeNumbered(stat.dev, stat.ino);
    return inode !== 0 && this.#show(inode).isSame(stat) ? inode : 0;
  }

  #show(inode: number): InodeRecord {
    this.#window.show(this.inodes, inode);
    return this.#window;
  }

  #intern(stat: FileStat): number {
    const hash = hashOfNumber(stat.dev, stat.ino);
    const other = this.#inodeHashed(hash, stat.dev, stat.ino);
    if (other !== 0 && this.#show(other).isSame(stat)) return other;
    // From now on the number means the new one; the other goes with its last name.
    if (other !== 0) this.#byNumber.remove(other, hash);
    const inode = this.inodes.allocate();
    this.#show(inode).begin(stat);
    this.#byNumber.add(inode, hash);
    return inode;
  }

  /** Gives the inode a further name. */
  #name(node: number, inode: number): void {
    const record = this.#show(inode);
    this.#nodes.setWord(node, INODE, inode);
    this.#nodes.setWord(node, NEXT_OF_INODE, record.firstName);
    record.firstName = node;
    record.nameCount += 1;
  }

  /** The child of that name; 0 = none. */
  child(parent: number, name: Uint8Array, length: number): number {
    return this.#childHashed(hashOfBytes(name, 0, length, parent), parent, name, length);
  }

  #childHashed(hash: number, parent: number, name: Uint8Array, length: number): number {
    const index = this.#byName;
    for (let slot = index.first(hash); slot >= 0; slot = index.next(slot, hash)) {
      const node = index.recordAt(slot);
      if (this.#nodes.word(node, PARENT) === parent && this.#names.equals(this.#nodes.word(node, NAME), name, length)) return node;
    }
    return 0;
  }

  childNamed(parent: number, text: string, from = 0, until = text.length): number {
    return until - from > NAME_BYTES_MAX ? 0 : this.child(parent, bytesOf(text, from, until), until - from);
  }

  /** The node at `path`; 0 unless every component is known. */
  at(path: BytePath): number {
    const last = this.#lastDirectory;
    const start = last.path.length + 1;
    const isSameDirectory = last.moves === this.moves && last.node !== 0 && path.charCodeAt(start - 1) === SLASH && path.indexOf("/", start) < 0;
    if (isSameDirectory && path.startsWith(last.path)) return this.childNamed(last.node, path, start);
    let node = this.root;
    let from = 0;
    for (let slash = path.indexOf("/"); slash >= 0 && node !== 0; slash = path.indexOf("/", from)) {
      node = this.childNamed(node, path, from, slash);
      from = slash + 1;
    }
    if (from > 0 && node !== 0) this.#lastDirectory = { path: path.slice(0, from - 1), node, moves: this.moves };
    return node === 0 || from >= path.length ? node : this.childNamed(node, path, from);
  }

  /** Adds a name of the inode that `stat` shows. What had the name is forgotten. */
  add(parent: number, name: Uint8Array, length: number, stat: FileStat): number {
    const hash = hashOfBytes(name, 0, length, parent);
    const before = this.#childHashed(hash, parent, name, length);
    if (before !== 0) this.remove(before);
    const inode = this.#intern(stat);
    const node = this.#nodes.allocate();
    this.#name(node, inode);
    if (this.#show(inode).nameCount === 1) this.#count(1);
    this.#attach(node, parent, name, length, hash);
    return node;
  }

  addNamed(parent: number, text: string, stat: FileStat): number {
    assert(text.length <= NAME_BYTES_MAX, "a name is too long");
    return this.add(parent, bytesOf(text, 0, text.length), text.length, stat);
  }

  #attach(node: number, parent: number, name: Uint8Array, length: number, hash: number): void {
    const nodes = this.#nodes;
    const first = nodes.word(parent, FIRST_CHILD);
    nodes.setWord(node, PARENT, parent);
    nodes.setWord(node, NAME, this.#names.add(name, length));
    nodes.setWord(node, NEXT, first);
    nodes.setWord(node, PREVIOUS, 0);
    if (first !== 0) nodes.setWord(first, PREVIOUS, node);
    nodes.setWord(parent, FIRST_CHILD, node);
    this.#byName.add(node, hash);
  }

  #unattach(node: number): void {
    const nodes = this.#nodes;
    const name = nodes.word(node, NAME);
    this.#byName.remove(node, this.#names.hashOf(name, nodes.word(node, PARENT)));
    this.#names.drop(name);
    const [next, previous] = [nodes.word(node, NEXT), nodes.word(node, PREVIOUS)];
    if (next !== 0) nodes.setWord(next, PREVIOUS, previous);
    if (previous !== 0) nodes.setWord(previous, NEXT, next);
    else nodes.setWord(nodes.word(node, PARENT), FIRST_CHILD, next);
  }

  /** Moves a node, with all below it, to another name. What had the name is forgotten. */
  move(node: number, parent: number, text: string): void {
    assert(text.length <= NAME_BYTES_MAX, "a name is too long");
    for (let above = parent; above !== 0; above = this.parentOf(above)) assert(above !== node, "a directory cannot lie in itself");
    const before = this.childNamed(parent, text);
    if (before === node) return;
    for (let above = node; before !== 0 && above !== 0; above = this.parentOf(above)) assert(above !== before, "what takes a name does not lie below it");
    if (before !== 0) this.remove(before);
    this.#unattach(node);
    const name = bytesOf(text, 0, text.length);
    this.#attach(node, parent, name, text.length, hashOfBytes(name, 0, text.length, parent));
    this.moves += 1;
    this.#tidy();
  }

  /** Forgets a node and all below it. */
  remove(node: number): void {
    const gone = [node];
    for (let i = 0; i < gone.length; i++) {
      for (let child = this.firstChild(gone[i] as number); child !== 0; child = this.nextChild(child)) gone.push(child);
    }
    for (let next = gone.pop(); next !== undefined; next = gone.pop()) {
      this.#listener.node(next);
      this.#unattach(next);
      this.#unname(next);
      this.#nodes.release(next);
      // After each: whoever is told of one may look up others.
      this.moves += 1;
    }
    this.#tidy();
  }

  #unname(node: number): void {
    const nodes = this.#nodes;
    const inode = this.inodeOf(node);
    const record = this.#show(inode);
    const next = nodes.word(node, NEXT_OF_INODE);
    if (record.firstName === node) {
      record.firstName = next;
    } else {
      let before = record.firstName;
      while (nodes.word(before, NEXT_OF_INODE) !== node) before = nodes.word(before, NEXT_OF_INODE);
      nodes.setWord(before, NEXT_OF_INODE, next);
    }
    record.nameCount -= 1;
    if (record.nameCount > 0) return;
    this.#count(-1);
    if (record.isEmptied) this.emptied -= 1;
    this.#listener.inode(inode);
    this.#byNumber.remove(inode, hashOfNumber(record.dev, record.ino));
    this.inodes.release(inode);
  }

  /** Accounts for the inode that the window shows. */
  #count(sign: 1 | -1): void {
    const record = this.#window;
    if (record.isDirectory) this.directories += sign;
    else this.files += sign;
    this.bytes += sign * record.size;
  }

  /** Writes the names anew when most of their bytes are of dropped ones. */
  #tidy(): void {
    if (!this.#names.isMostlyWaste) return;
    const before = this.#names;
    this.#names = new NameArena();
    const pending = [this.root];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      const name = this.#nodes.word(node, NAME);
      before.copyTo(name, tidyScratch, 0);
      this.#nodes.setWord(node, NAME, this.#names.add(tidyScratch, before.lengthOf(name)));
      for (let child = this.firstChild(node); child !== 0; child = this.nextChild(child)) pending.push(child);
    }
  }

  /** 0 for the root. */
  parentOf(node: number): number {
    return this.#nodes.word(node, PARENT);
  }

  inodeOf(node: number): number {
    return this.#nodes.word(node, INODE);
  }

  nameOf(node: number): string {
    return this.#names.text(this.#nodes.word(node, NAME));
  }

  firstChild(node: number): number {
    return this.#nodes.word(node, FIRST_CHILD);
  }

  nextChild(node: number): number {
    return this.#nodes.word(node, NEXT);
  }

  /** The next name of the same inode. */
  nextName(node: number): number {
    return this.#nodes.word(node, NEXT_OF_INODE);
  }

  /** What is known of an inode, until the next call of anything. */
  inode(inode: number): InodeRecord {
    return this.#show(inode);
  }

  /** What is known of the inode of a node, until the next call of anything. */
  inodeAt(node: number): InodeRecord {
    return this.#show(this.inodeOf(node));
  }

  pathOf(node: number): BytePath {
    let length = -1;
    for (let at = node; at !== this.root; at = this.parentOf(at)) length += 1 + this.#names.lengthOf(this.#nodes.word(at, NAME));
    if (length < 0) return "" as BytePath;
    const path = Buffer.allocUnsafe(length);
    for (let at = node, end = length; at !== this.root; at = this.parentOf(at)) {
      const name = this.#nodes.word(at, NAME);
      const start = end - this.#names.lengthOf(name);
      this.#names.copyTo(name, path, start);
      end = start - 1;
      if (end >= 0) path[end] = 47;
    }
    return path.toString("latin1") as BytePath;
  }

  /** A mark that no node has. */
  newMark(): number {
    this.#lastMark = (this.#lastMark + 1) >>> 0;
    return this.#lastMark;
  }

  mark(node: number, mark: number): void {
    this.#nodes.setWord(node, MARK, mark);
  }

  hasMark(node: number, mark: number): boolean {
    return this.#nodes.word(node, MARK) === mark;
  }
}

function hashOfNumber(dev: number, ino: number): number {
  return mixed(Math.imul(ino >>> 0, 0x9e3779b1) ^ Math.imul(Math.floor(ino / TWO32), 0x85ebca6b) ^ dev);
}
