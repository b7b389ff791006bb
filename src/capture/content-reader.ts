// Reads the content of regular files: whole small ones, and large ones block by block against signatures.

import xxhash from "@node-rs/xxhash";
import { beat } from "../base/pulse.js";
import { ENXIO } from "../fs/errno.js";
import { type FileStat, preadFd, SEEK_DATA, SEEK_HOLE, seekFd } from "../fs/native.js";
import { BLOCK_BYTES, type Extent } from "../model/change.js";

/** Fills `into` from `offset`; fewer bytes only at the end of the file. Negative errno on failure. */
export function readFully(fd: number, into: Buffer, offset: number): number {
  beat();
  let got = 0;
  while (got < into.length) {
    const n = preadFd(fd, got === 0 ? into : into.subarray(got), into.length - got, offset + got);
    if (n < 0) return n;
    if (n === 0) break;
    got += n;
  }
  return got;
}

export function isSparse(stat: FileStat): boolean {
  return stat.blocks * 512 < stat.size;
}

/** The first range with data at or after `offset` and below `size`, or null. The file may be longer than `size` by now. */
export function nextData(fd: number, offset: number, size: number): Extent | null {
  if (offset >= size) return null;
  const start = seekFd(fd, offset, SEEK_DATA);
  if (start === -ENXIO || start >= size) return null;
  if (start < 0) return [offset, size - offset];
  const end = seekFd(fd, start, SEEK_HOLE);
  return [start, (end < 0 ? size : Math.min(end, size)) - start];
}

export function hashOf(bytes: Uint8Array): bigint {
  return xxhash.xxh64(bytes) || 1n;
}

export function blockCount(size: number): number {
  return Math.ceil(size / BLOCK_BYTES);
}

export function sumOf(block: Uint8Array): bigint {
  return xxhash.xxh64(block);
}

/** Signatures as they travel: 8 bytes each, little-endian. */
export function sumsFromBytes(bytes: Uint8Array): BigUint64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new BigUint64Array(Math.floor(bytes.byteLength / 8));
  for (let i = 0; i < out.length; i++) out[i] = view.getBigUint64(i * 8, true);
  return out;
}
