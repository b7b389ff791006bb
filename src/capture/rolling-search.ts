// Finds the blocks of an index in one stretch of a file, at whatever offset they are. Behind a block, the one that followed it is looked for
// first, which costs a hash of the block; only where that fails, a window is rolled byte by byte. Where nothing was found for long, it is
// rolled over samples: data that moved is met by one of them, and followed from there to both sides.

import checksum from "@node-rs/crc32";
import type { Extent } from "../model/change.js";
import type { BlockIndex } from "./block-index.js";
import { readFully } from "./content-reader.js";

/** Blocks of the receiver's file from `from` on are `length` bytes at `at` of this one. */
export type OnFound = (at: number, length: number, from: number) => void;

const BUFFER_BYTES = 4 * 1024 * 1024;
const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
/** Rolled without finding anything before samples are enough. */
const PATIENCE_WINDOWS = 256;
/** A sample of as many windows finds whatever moved as a whole; as many are passed over. */
const SAMPLE_WINDOWS = 2;
const PASSED_WINDOWS = 30;
const TAIL_WINDOWS = 64;
/** What was overwritten in place is shorter than so many blocks, and is not looked for elsewhere. */
const SKIPPED_MAX = 3;
/** How far, to both sides, it is looked for the next blocks first. */
const SHIFT_SHARE = 1 / 32;
const UNKNOWN = -1;

export class RollingSearch {
  /** Read by one step at most. */
  static readonly stepBytes = BUFFER_BYTES;
  readonly #index: BlockIndex;
  readonly #onFound: OnFound;
  readonly #end: number;
  #at: number;
  /** Nothing is found yet of what lies from here to `#at`. */
  #openFrom: number;
  /** Where the receiver's file would go on; UNKNOWN = nowhere in particular. */
  #expected = UNKNOWN;
  /** Rolled since something was found, or since the last sample began. */
  #rolled = 0;
  #isSampling = false;
  /** From what was found to its place in the receiver's file. */
  #distance: number;

  /** `expected`: where the receiver's file would go on with what the stretch begins with. */
  constructor(index: BlockIndex, [start, length]: Extent, expected: number, onFound: OnFound) {
    this.#index = index;
    this.#onFound = onFound;
    this.#at = start;
    this.#openFrom = start;
    this.#end = start + length;
    this.#expected = expected;
    this.#distance = expected - start;
  }

  /** Searches a few megabytes. Negative errno on failure. */
  step(fd: number): "more" | "done" | number {
    const { blockBytes } = this.#index;
    if (this.#at + blockBytes > this.#end) return this.#searchTail(fd);
    const wanted = Math.min(this.#isSampling ? (SAMPLE_WINDOWS + 2) * blockBytes : BUFFER_BYTES, this.#end - this.#at);
    const bytes = buffer.subarray(0, wanted);
    const got = readFully(fd, bytes, this.#at);
    if (got < 0) return got;
    if (got < blockBytes) return "done";
    this.#searchIn(fd, bytes.subarray(0, got));
    return "more";
  }

  /** What is left is shorter than a block, as the last one of the receiver's file may be. */
  #searchTail(fd: number): "done" | number {
    const block = this.#expected === UNKNOWN ? UNKNOWN : this.#index.at(this.#expected);
    const left = this.#end - this.#at;
    if (block === UNKNOWN || left === 0 || this.#index.lengthOf(block) !== left) return "done";
    const bytes = buffer.subarray(0, left);
    const got = readFully(fd, bytes, this.#at);
    if (got < 0) return got;
    if (got === left && this.#index.isAlike(block, bytes)) this.#onFound(this.#at, left, this.#expected);
    return "done";
  }

  #searchIn(fd: number, bytes: Buffer): void {
    const { blockBytes } = this.#index;
    const start = this.#at;
    let at = 0;
    while (at + blockBytes <= bytes.length) {
      const skipped = this.#skipToExpected(bytes, at);
      if (skipped >= 0) {
        at += skipped * blockBytes;
        this.#found(start + at, this.#index.at(this.#expected + skipped * blockBytes));
        at += blockBytes;
        continue;
      }
      // More must be read to tell what follows.
      if (this.#expected !== UNKNOWN && start + bytes.length < this.#end && at > 0 && at + (SKIPPED_MAX + 1) * blockBytes > bytes.length) break;
      const shifted = this.#expected === UNKNOWN ? null : this.#rollNear(bytes, at);
      this.#expected = UNKNOWN;
      const rolled = shifted ?? this.#roll(bytes, at, this.#allowance);
      this.#rolled += rolled.at - at;
      at = rolled.at;
      if (rolled.block !== UNKNOWN) {
        this.#followBack(fd, start + at, rolled.block);
        this.#found(start + at, rolled.block);
        at += blockBytes;
      } else if (this.#rolled >= this.#patience) {
        this.#rolled = 0;
        this.#passOver(start + at);
        return;
      }
    }
    this.#at = start + at;
  }

  /** After how many blocks that were overwritten in place the receiver's file goes on as expected; -1 = it does not. */
  #skipToExpected(bytes: Buffer, at: number): number {
    const { blockBytes } = this.#index;
    if (this.#expected === UNKNOWN) return -1;
    for (let skipped = 0; skipped <= SKIPPED_MAX; skipped++) {
      const start = at + skipped * blockBytes;
      const block = this.#index.at(this.#expected + skipped * blockBytes);
      if (block === UNKNOWN || start + blockBytes > bytes.length) return -1;
      if (this.#index.isAlike(block, bytes.subarray(start, start + blockBytes))) return skipped;
    }
    return -1;
  }

  /** The end of the stretch lies in front of what was found before: it is rolled without gaps. */
  #passOver(at: number): void {
    const { blockBytes } = this.#index;
    const tailFrom = this.#end - TAIL_WINDOWS * blockBytes;
    this.#isSampling = at < tailFrom;
    this.#at = this.#isSampling ? Math.min(at + PASSED_WINDOWS * blockBytes, tailFrom) : at;
  }

  get #patience(): number {
    return (this.#isSampling ? SAMPLE_WINDOWS : PATIENCE_WINDOWS) * this.#index.blockBytes;
  }

  get #allowance(): number {
    return this.#patience - this.#rolled;
  }

  #found(at: number, block: number): void {
    const { blockBytes } = this.#index;
    const from = this.#index.offsetOf(block);
    this.#onFound(at, blockBytes, from);
    this.#expected = from + blockBytes;
    this.#distance = from - at;
    this.#openFrom = at + blockBytes;
    this.#isSampling = false;
    this.#rolled = 0;
  }

  /** What was passed over in front of the block is the block's neighbour, most likely. Told from the last to the first. */
  #followBack(fd: number, at: number, block: number): void {
    const { blockBytes } = this.#index;
    if (at - blockBytes < this.#openFrom || !this.#isSampling) return;
    const room = Buffer.allocUnsafe(blockBytes);
    let from = this.#index.offsetOf(block) - blockBytes;
    for (let back = at - blockBytes; back >= this.#openFrom; back -= blockBytes, from -= blockBytes) {
      const before = this.#index.at(from);
      if (before === UNKNOWN || readFully(fd, room, back) !== blockBytes || !this.#index.isAlike(before, room)) return;
      this.#onFound(back, blockBytes, from);
    }
  }

  /** Where a few bytes were inserted or are gone, one of the next blocks lies near the place that it had. */
  #rollNear(bytes: Buffer, at: number): { readonly at: number; readonly block: number } | null {
    const { blockBytes } = this.#index;
    const reach = blockBytes * SHIFT_SHARE;
    for (let skipped = 1; skipped <= SKIPPED_MAX; skipped++) {
      const around = at + skipped * blockBytes;
      if (around + reach + blockBytes > bytes.length) return null;
      const rolled = this.#roll(bytes, around - reach, 2 * reach);
      if (rolled.block !== UNKNOWN) return rolled;
    }
    return null;
  }

  /** Of blocks that are alike, the one that is as far away as what was found last. */
  #find(crc: number, bytes: Buffer, at: number): number {
    const block = this.#index.find(crc, bytes);
    if (block === UNKNOWN) return UNKNOWN;
    const near = this.#index.at(at + this.#distance);
    return near !== UNKNOWN && this.#index.isAlike(near, bytes) ? near : block;
  }

  /** The first position from `at` on where a block lies, or where the allowance or the bytes end. */
  #roll(bytes: Buffer, at: number, allowance: number): { readonly at: number; readonly block: number } {
    const index = this.#index;
    const { blockBytes } = index;
    const last = Math.min(bytes.length - blockBytes, at + Math.max(0, allowance));
    let crc = index.roll.plain(checksum.crc32(bytes.subarray(at, at + blockBytes)));
    for (let position = at; ; ) {
      position = rollOn(bytes, position, last, crc, index);
      crc = rolledCrc;
      const block = this.#find(crc, bytes.subarray(position, position + blockBytes), this.#at + position);
      if (block !== UNKNOWN) return { at: position, block };
      if (position === last) return { at: last + 1, block: UNKNOWN };
      crc = slide(bytes, position, crc, index);
      position += 1;
    }
  }
}

/** The crc at the position that `rollOn` returned. */
let rolledCrc = 0;

function slide(bytes: Buffer, at: number, crc: number, { blockBytes, roll: { enter, leave } }: BlockIndex): number {
  const entering = bytes[at + blockBytes] as number;
  return (crc >>> 8) ^ (enter[(crc ^ entering) & 255] as number) ^ (leave[bytes[at] as number] as number);
}

/** Rolls the window from `at`, whose crc is given, to the first position up to `last` that may be a block; above `last` = none. */
function rollOn(bytes: Buffer, at: number, last: number, startCrc: number, { blockBytes, filter, filterMask, roll: { enter, leave } }: BlockIndex): number {
  let crc = startCrc;
  let position = at;
  for (;;) {
    const bit = crc & filterMask;
    if ((((filter[bit >>> 5] as number) >>> (bit & 31)) & 1) !== 0 || position >= last) break;
    crc = (crc >>> 8) ^ (enter[(crc ^ (bytes[position + blockBytes] as number)) & 255] as number) ^ (leave[bytes[position] as number] as number);
    position += 1;
  }
  rolledCrc = crc;
  return position;
}
