// What makes a file that others are writing fit to be read: waiting for writes that are under way, and making stores
// through mappings visible again. As in native.ts: a value >= 0, or the negative errno.

import koffi from "koffi";
import { SEEK_DATA, seekFd } from "./native.js";

const libc = koffi.load(process.platform === "linux" ? "libc.so.6" : null);

const FS_IOC_FIEMAP = 0xc020660b;
const SYNC_FILE_RANGE_WRITE = 2;
const SYNC_WAIT_WRITE_WAIT = 7; // SYNC_FILE_RANGE_WAIT_BEFORE | WRITE | WAIT_AFTER
/** Beyond the end of every file, and not negative as an off_t. */
const BEYOND_EVERY_FILE = 2 ** 62;

const c = {
  ioctl: libc.func("int ioctl(int, unsigned long, void*)"),
  sync_file_range: libc.func("int sync_file_range(int, int64_t, int64_t, unsigned int)"),
};

/**
 * Writes the dirty pages of a range to the disk and waits for it. Pages that were mapped writable are write-protected by
 * that: a later store into them is seen by the kernel again. Works on a descriptor opened for reading. Length 0 = to the end.
 */
export function syncFileRange(fd: number, offset: number, length: number): number {
  const result = c.sync_file_range(fd, offset, length, SYNC_WAIT_WRITE_WAIT) as number;
  return result < 0 ? -koffi.errno() : result;
}

/** The disk begins to write the dirty pages of a range; nothing is waited for but a place in its queue. Where it cannot, they are written later. */
export function beginWriting(fd: number, offset: number, length: number): void {
  c.sync_file_range(fd, offset, length, SYNC_FILE_RANGE_WRITE);
}

const fiemap = Buffer.alloc(32);

/**
 * Returns when every write, truncation and allocation of this inode that had begun before the call is over: each holds the
 * lock of the inode for as long as it lasts, and this call takes that lock once. Which call does depends on the file system:
 * "seek" on ext4 and btrfs, "fiemap" on xfs. Direct writes into allocated space and stores into mapped pages hold no lock
 * and are not waited for.
 */
export function waitForWriters(fd: number, lockedBy: "seek" | "fiemap"): void {
  if (lockedBy === "seek") {
    seekFd(fd, BEYOND_EVERY_FILE, SEEK_DATA);
    return;
  }
  fiemap.fill(0);
  fiemap.writeBigUInt64LE(1n, 8);
  c.ioctl(fd, FS_IOC_FIEMAP, fiemap);
}
