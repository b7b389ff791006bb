// Blocks of a receiver's file, found by their crc32 and told apart by their xxh64. The crc is what can be rolled along a file byte by byte,
// and computed by the machine for whole blocks.

import checksum from "@node-rs/crc32";
import { INDEX_ENTRY_BYTES } from "../model/change.js";
import { sumOf } from "./content-reader.js";

const NONE = -1;

export class BlockIndex {
  readonly blockBytes: number;
  /** Bit h is set if a block may have a crc whose lower bits are h. */
  readonly filter: Uint32Array;
  readonly filterMask: number;
  readonly roll: CrcRoll;
  readonly #size: number;
  readonly #offsets: Float64Array;
  readonly #crcs: Int32Array;
  readonly #sums: BigUint64Array;
  /** Open addressing by crc; of blocks that are alike, the first. */
  readonly #slots: Int32Array;

  /** Of a file of `size` bytes. `offsets` ascend; `entries` as an IndexAnswer has them, as many. */
  constructor(blockBytes: number, offsets: Float64Array, size: number, entries: Buffer) {
    const count = offsets.length;
    this.#size = size;
    this.blockBytes = blockBytes;
    this.roll = new CrcRoll(blockBytes);
    this.#offsets = offsets;
    this.#crcs = new Int32Array(count);
    this.#sums = new BigUint64Array(count);
    this.#slots = new Int32Array(powerOfTwo(Math.max(16, count * 2))).fill(NONE);
    const bits = Math.min(2 ** 25, powerOfTwo(Math.max(1024, count * 32)));
    this.filterMask = bits - 1;
    this.filter = new Uint32Array(bits / 32);
    const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
    for (let i = 0; i < count; i++) {
      const crc = this.roll.plain(view.getUint32(i * INDEX_ENTRY_BYTES, true));
      this.#crcs[i] = crc;
      this.#sums[i] = view.getBigUint64(i * INDEX_ENTRY_BYTES + 4, true);
      if (this.lengthOf(i) < blockBytes) continue;
      const bit = crc & this.filterMask;
      this.filter[bit >>> 5] = (this.filter[bit >>> 5] as number) | (1 << (bit & 31));
      this.#insert(i);
    }
  }

  get count(): number {
    return this.#offsets.length;
  }

  offsetOf(block: number): number {
    return this.#offsets[block] as number;
  }

  /** Less than a block at the end of the file only: such a one is not found by its content. */
  lengthOf(block: number): number {
    return Math.min(this.blockBytes, this.#size - this.offsetOf(block));
  }

  /** xxh64 of each block. */
  get sums(): BigUint64Array {
    return this.#sums;
  }

  /** The block that begins at `offset` of the receiver's file, or -1. */
  at(offset: number): number {
    let low = 0;
    let high = this.#offsets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#offsets[middle] as number) < offset) low = middle + 1;
      else high = middle;
    }
    return this.#offsets[low] === offset ? low : NONE;
  }

  isAlike(block: number, bytes: Uint8Array): boolean {
    return this.#sums[block] === sumOf(bytes);
  }

  /** A block of this content, or -1. `crc` is the plain one of `bytes`. */
  find(crc: number, bytes: Uint8Array): number {
    let sum: bigint | undefined;
    for (let slot = crc & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const block = this.#slots[slot] as number;
      if (block === NONE) return NONE;
      if (this.#crcs[block] !== crc) continue;
      sum ??= sumOf(bytes);
      if (this.#sums[block] === sum) return block;
    }
  }

  get #mask(): number {
    return this.#slots.length - 1;
  }

  #insert(block: number): void {
    const crc = this.#crcs[block] as number;
    let slot = crc & this.#mask;
    for (let other = this.#slots[slot] as number; other !== NONE; other = this.#slots[slot] as number) {
      if (this.#crcs[other] === crc && this.#sums[other] === this.#sums[block]) return;
      slot = (slot + 1) & this.#mask;
    }
    this.#slots[slot] = block;
  }
}

function powerOfTwo(least: number): number {
  return 2 ** Math.ceil(Math.log2(least));
}

/** What a byte does to a crc as it enters a window, and what it has done when it leaves. "Plain": without the inversions of crc32 (ISO 3309). */
export class CrcRoll {
  readonly enter: Int32Array = ENTER;
  readonly leave = new Int32Array(256);
  readonly #inversions: number;

  constructor(windowBytes: number) {
    const window = Buffer.alloc(windowBytes + 1);
    this.#inversions = checksum.crc32(window.subarray(1)) | 0;
    const zeros = checksum.crc32(window);
    for (let byte = 0; byte < 256; byte++) {
      window[0] = byte;
      this.leave[byte] = checksum.crc32(window) ^ zeros;
    }
  }

  /** The plain crc of a whole window. */
  plain(crc: number): number {
    return crc ^ this.#inversions;
  }
}

const ENTER = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0xedb88320;
  return crc;
});
