// What is known of one inode, as it lies in a record store. An InodeRecord is a window that can be put over one record
// after the other.

import type { FileStat } from "../fs/native.js";
import type { EntryType, FileBase } from "../model/change.js";
import type { RecordStore } from "./record-store.js";

/** Of 32 bits. The first ten are five numbers of 64. */
export const INODE_WORDS = 20;
const INO = 0;
const BTIME_SEC = 1;
const MTIME_SEC = 2;
const CTIME_SEC = 3;
const SIZE = 4;
const HASH_LOW = 10;
const HASH_HIGH = 11;
const DEV = 12;
const BTIME_NSEC = 13;
const MTIME_NSEC = 14;
const CTIME_NSEC = 15;
const VERSION = 16;
const FLAGS = 17;
const FIRST_NAME = 18;
const NAME_COUNT = 19;

const TYPE_MASK = 3;
const RACY = 4;
const EMPTIED = 8;
const SHARED = 16;
const PLAIN = 32;
const TYPES: readonly EntryType[] = ["file", "dir", "symlink", "special"];
const DIRECTORY = 1;

const hash = new BigUint64Array(1);
const hashWords = new Uint32Array(hash.buffer);

export function typeOf(stat: FileStat): EntryType {
  return TYPES[typeNumber(stat)] as EntryType;
}

function typeNumber(stat: FileStat): number {
  switch (stat.mode & 0o170000) {
    case 0o100000:
      return 0;
    case 0o040000:
      return DIRECTORY;
    case 0o120000:
      return 2;
    default:
      return 3;
  }
}

export function isSocket(stat: FileStat): boolean {
  return (stat.mode & 0o170000) === 0o140000;
}

export class InodeRecord {
  #words: Uint32Array;
  #doubles: Float64Array;
  #word: number;
  #double: number;

  constructor(store: RecordStore, record: number) {
    this.#words = store.wordsOf(record);
    this.#doubles = store.doublesOf(record);
    this.#word = store.placeOf(record);
    this.#double = this.#word / 2;
  }

  /** Puts the window over another record. */
  show(store: RecordStore, record: number): void {
    this.#words = store.wordsOf(record);
    this.#doubles = store.doublesOf(record);
    this.#word = store.placeOf(record);
    this.#double = this.#word / 2;
  }

  /** Goes on with a copy of its own: the record will be another inode's. */
  detach(): void {
    this.#words = this.#words.slice(this.#word, this.#word + INODE_WORDS);
    this.#doubles = new Float64Array(this.#words.buffer);
    this.#word = 0;
    this.#double = 0;
  }

  #get(field: number): number {
    return this.#words[this.#word + field] as number;
  }

  #set(field: number, value: number): void {
    this.#words[this.#word + field] = value;
  }

  #getDouble(field: number): number {
    return this.#doubles[this.#double + field] as number;
  }

  #setDouble(field: number, value: number): void {
    this.#doubles[this.#double + field] = value;
  }

  /** Makes an empty record that of the inode `stat` shows. */
  begin(stat: FileStat): void {
    this.#set(DEV, stat.dev);
    this.#setDouble(INO, stat.ino);
    this.#setDouble(BTIME_SEC, stat.btimeSec);
    this.#set(BTIME_NSEC, stat.btimeNsec);
    this.#set(FLAGS, typeNumber(stat));
    this.take(stat);
  }

  take(stat: FileStat): void {
    this.#setDouble(SIZE, (this.#get(FLAGS) & TYPE_MASK) === 0 ? stat.size : 0);
    this.#setDouble(MTIME_SEC, stat.mtimeSec);
    this.#set(MTIME_NSEC, stat.mtimeNsec);
    this.#setDouble(CTIME_SEC, stat.ctimeSec);
    this.#set(CTIME_NSEC, stat.ctimeNsec);
    this.#set(VERSION, this.version + 1);
    this.isPlain = false;
  }

  get dev(): number {
    return this.#get(DEV);
  }

  get ino(): number {
    return this.#getDouble(INO);
  }

  get btimeSec(): number {
    return this.#getDouble(BTIME_SEC);
  }

  get btimeNsec(): number {
    return this.#get(BTIME_NSEC);
  }

  get type(): EntryType {
    return TYPES[this.#get(FLAGS) & TYPE_MASK] as EntryType;
  }

  get isDirectory(): boolean {
    return (this.#get(FLAGS) & TYPE_MASK) === DIRECTORY;
  }

  /** Bytes; 0 for all but regular files. */
  get size(): number {
    return this.#getDouble(SIZE);
  }

  get mtimeSec(): number {
    return this.#getDouble(MTIME_SEC);
  }

  get mtimeNsec(): number {
    return this.#get(MTIME_NSEC);
  }

  get ctimeSec(): number {
    return this.#getDouble(CTIME_SEC);
  }

  get ctimeNsec(): number {
    return this.#get(CTIME_NSEC);
  }

  /** Another number after every change that is shipped to all receivers. */
  get version(): number {
    return this.#get(VERSION);
  }

  /** Of a small file: what was shipped; 0n = content never read. */
  get contentHash(): bigint {
    hashWords[0] = this.#get(HASH_LOW);
    hashWords[1] = this.#get(HASH_HIGH);
    return hash[0] as bigint;
  }

  set contentHash(value: bigint) {
    hash[0] = value;
    this.#set(HASH_LOW, hashWords[0] as number);
    this.#set(HASH_HIGH, hashWords[1] as number);
  }

  /** The last change is so young that a further one could carry the same timestamp: equal times prove nothing. */
  get racy(): boolean {
    return (this.#get(FLAGS) & RACY) !== 0;
  }

  set racy(value: boolean) {
    this.#set(FLAGS, value ? this.#get(FLAGS) | RACY : this.#get(FLAGS) & ~RACY);
  }

  /** At the time of change that is known, and no less than a racy moment behind it, it had no extended attributes. */
  get isPlain(): boolean {
    return (this.#get(FLAGS) & PLAIN) !== 0;
  }

  set isPlain(value: boolean) {
    this.#set(FLAGS, value ? this.#get(FLAGS) | PLAIN : this.#get(FLAGS) & ~PLAIN);
  }

  /** It had content that was shipped, and has none any more. */
  get isEmptied(): boolean {
    return (this.#get(FLAGS) & EMPTIED) !== 0;
  }

  set isEmptied(value: boolean) {
    this.#set(FLAGS, value ? this.#get(FLAGS) | EMPTIED : this.#get(FLAGS) & ~EMPTIED);
  }

  /** The node record of one of its names, which leads to the others. */
  get firstName(): number {
    return this.#get(FIRST_NAME);
  }

  set firstName(node: number) {
    this.#set(FIRST_NAME, node);
  }

  get nameCount(): number {
    return this.#get(NAME_COUNT);
  }

  /** Has several names, or had. */
  get wasShared(): boolean {
    return (this.#get(FLAGS) & SHARED) !== 0;
  }

  set nameCount(count: number) {
    if (count > 1) this.#set(FLAGS, this.#get(FLAGS) | SHARED);
    this.#set(NAME_COUNT, count);
  }

  isSame(stat: FileStat): boolean {
    return (
      this.ino === stat.ino &&
      this.dev === stat.dev &&
      this.btimeSec === stat.btimeSec &&
      this.btimeNsec === stat.btimeNsec &&
      (this.#get(FLAGS) & TYPE_MASK) === typeNumber(stat)
    );
  }

  /** A file must have the same size, too: a write sets the times before its first byte, and the size behind each. */
  hasSameCtime(stat: FileStat): boolean {
    return this.ctimeSec === stat.ctimeSec && this.ctimeNsec === stat.ctimeNsec && (this.size === stat.size || this.type !== "file");
  }

  hasSameContentTimes(stat: FileStat): boolean {
    return this.size === stat.size && this.mtimeSec === stat.mtimeSec && this.mtimeNsec === stat.mtimeNsec;
  }

  get base(): FileBase {
    return { size: this.size, mtimeSec: this.mtimeSec, mtimeNsec: this.mtimeNsec };
  }
}
