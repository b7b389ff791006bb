// What btrfs alone tells of an open file, by ioctl(2). As in native.ts: the negative errno on failure.

import koffi from "koffi";

const libc = koffi.load(process.platform === "linux" ? "libc.so.6" : null);

const BTRFS_IOC_INO_LOOKUP = 0xd0009412;
const BTRFS_IOC_FS_INFO = 0x8400941f;
const BTRFS_FIRST_FREE_OBJECTID = 256n;

const c = { ioctl: libc.func("int ioctl(int, unsigned long, void*)") };

function checked(result: unknown): number {
  return (result as number) < 0 ? -koffi.errno() : (result as number);
}

const lookup = Buffer.alloc(4096);

/** The id of the btrfs subvolume that an open file lies in: with it an inode number is unique. */
export function btrfsSubvolumeOf(fd: number): number {
  lookup.fill(0, 0, 16);
  lookup.writeBigUInt64LE(BTRFS_FIRST_FREE_OBJECTID, 8);
  const result = checked(c.ioctl(fd, BTRFS_IOC_INO_LOOKUP, lookup));
  return result < 0 ? result : Number(lookup.readBigUInt64LE(0));
}

/** The identity of a btrfs file system as 32 hexadecimal digits (that of statfs differs by subvolume), or the negative errno. */
export function btrfsIdOf(fd: number): string | number {
  const info = Buffer.alloc(1024);
  const result = checked(c.ioctl(fd, BTRFS_IOC_FS_INFO, info));
  return result < 0 ? result : info.toString("hex", 16, 32);
}
