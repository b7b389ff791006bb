// The only door to libc: what Node lacks, called synchronously (never on the event loop).
// Every function returns a value >= 0, or the negative errno; names and paths are bytes as latin1 text
// (see byte-path.ts). Layouts: statx(2), openat2(2), utimensat(2) of Linux; glibc >= 2.28 or musl.

import koffi from "koffi";
import { type FileStat, StatBuffer } from "./file-stat.js";

export type { FileStat } from "./file-stat.js";

const libc = koffi.load(process.platform === "linux" ? "libc.so.6" : null);

export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
const AT_SYMLINK_FOLLOW = 0x400;
export const AT_EMPTY_PATH = 0x1000;
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_TRUNC = 0o1000;
export const O_NONBLOCK = 0o4000;
export const O_DIRECTORY = 0o200000;
export const O_NOFOLLOW = 0o400000;
export const O_NOATIME = 0o1000000;
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;
/** With O_DIRECTORY, as the kernel wants it. */
export const O_TMPFILE = 0o20200000;
export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;
export const SEEK_SET = 0;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;
export const FALLOC_PUNCH_HOLE_KEEP_SIZE = 3;

const STATX_BASIC_BTIME = 0x7ff | 0x800;
const STATX_MNT_ID = 0x1000;
const STATX_MNT_ID_UNIQUE = 0x4000;
const SYS_OPENAT2 = 437;
const RESOLVE_NO_XDEV = 0x01;
const RESOLVE_CONFINED = 0x08 | 0x04 | 0x02; // BENEATH, NO_SYMLINKS, NO_MAGICLINKS

const c = {
  statx: libc.func("int statx(int, const void*, int, unsigned int, void*)"),
  openat: libc.func("int openat(int, const void*, int, unsigned int)"),
  openat2: libc.func("long syscall(long, long, const void*, void*, size_t)"),
  getdents64: libc.func("long syscall(long, int, void*, size_t)"),
  close: libc.func("int close(int)"),
  pread: libc.func("long pread(int, void*, size_t, int64_t)"),
  pwrite: libc.func("long pwrite(int, const void*, size_t, int64_t)"),
  ftruncate: libc.func("int ftruncate(int, int64_t)"),
  lseek: libc.func("int64_t lseek(int, int64_t, int)"),
  fallocate: libc.func("int fallocate(int, int, int64_t, int64_t)"),
  posix_fadvise: libc.func("int posix_fadvise(int, int64_t, int64_t, int)"),
  mkdirat: libc.func("int mkdirat(int, const void*, unsigned int)"),
  unlinkat: libc.func("int unlinkat(int, const void*, int)"),
  renameat2: libc.func("int renameat2(int, const void*, int, const void*, unsigned int)"),
  linkat: libc.func("int linkat(int, const void*, int, const void*, int)"),
  symlinkat: libc.func("int symlinkat(const void*, int, const void*)"),
  readlinkat: libc.func("long readlinkat(int, const void*, void*, size_t)"),
  mknodat: libc.func("int mknodat(int, const void*, unsigned int, uint64_t)"),
  fchownat: libc.func("int fchownat(int, const void*, unsigned int, unsigned int, int)"),
  fchown: libc.func("int fchown(int, unsigned int, unsigned int)"),
  fchmod: libc.func("int fchmod(int, unsigned int)"),
  fchmodat: libc.func("int fchmodat(int, const void*, unsigned int, int)"),
  utimensat: libc.func("int utimensat(int, const void*, const void*, int)"),
  futimens: libc.func("int futimens(int, const void*)"),
  flistxattr: libc.func("long flistxattr(int, void*, size_t)"),
  fgetxattr: libc.func("long fgetxattr(int, const void*, void*, size_t)"),
  fsetxattr: libc.func("int fsetxattr(int, const void*, const void*, size_t, int)"),
  fremovexattr: libc.func("int fremovexattr(int, const void*)"),
  listxattrat: libc.func("long syscall(long, int, const void*, unsigned int, void*, size_t)"),
  llistxattr: libc.func("long llistxattr(const void*, void*, size_t)"),
  lgetxattr: libc.func("long lgetxattr(const void*, const void*, void*, size_t)"),
  lsetxattr: libc.func("int lsetxattr(const void*, const void*, const void*, size_t, int)"),
  lremovexattr: libc.func("int lremovexattr(const void*, const void*)"),
  syncfs: libc.func("int syncfs(int)"),
  flock: libc.func("int flock(int, int)"),
  fsync: libc.func("int fsync(int)"),
  fdatasync: libc.func("int fdatasync(int)"),
  statfs: libc.func("int statfs(const void*, void*)"),
};

// Scratch space for names: filling it costs less than a Buffer per call. Two, for calls with two names.
const scratchA = Buffer.alloc(8192);
const scratchB = Buffer.alloc(8192);
const scratchC = Buffer.alloc(8192);

function cstring(text: string, scratch: Buffer): Buffer {
  if (text.length >= scratch.length) return Buffer.from(`${text}\0`, "latin1");
  scratch[scratch.write(text, 0, "latin1")] = 0;
  return scratch;
}

function checked(result: number): number {
  return result < 0 ? -koffi.errno() : result;
}

const statBuffer = new StatBuffer();

/** lstat of `name` below the directory `dirfd`; "" = the descriptor itself. Negative errno on failure. */
export function statAt(dirfd: number, name: string): FileStat | number {
  const flags = name === "" ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
  const result = c.statx(dirfd, cstring(name, scratchA), flags, STATX_BASIC_BTIME, statBuffer.bytes) as number;
  return result < 0 ? -koffi.errno() : statBuffer.copy();
}

/** As `statAt`, for a name of bytes that ends with a NUL; nothing is allocated. */
export function statInto(dirfd: number, name: Uint8Array, into: StatBuffer): number {
  return checked(c.statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_BTIME, into.bytes) as number);
}

const SYS_GETDENTS64 = { x64: 217, arm: 217, ia32: 220, s390x: 220, ppc64: 202 }[process.arch as string] ?? 61;

/** The next entries of an open directory as linux_dirent64 records; their length, 0 at the end. */
export function readEntries(fd: number, into: Uint8Array): number {
  return checked(Number(c.getdents64(SYS_GETDENTS64, fd, into, into.length)));
}

/**
 * A number of the mount that an open descriptor lies in, another one after each mounting (before Linux 6.8 a number may be used again);
 * 0 where the kernel does not tell. Negative errno on failure.
 */
export function mountOf(fd: number): number {
  const result = c.statx(fd, cstring("", scratchA), AT_EMPTY_PATH, STATX_MNT_ID | STATX_MNT_ID_UNIQUE, statBuffer.bytes) as number;
  if (result < 0) return -koffi.errno();
  return (statBuffer.mask & (STATX_MNT_ID | STATX_MNT_ID_UNIQUE)) === 0 ? 0 : statBuffer.mount;
}

export function openAt(dirfd: number, name: string, flags: number, mode = 0): number {
  return checked(c.openat(dirfd, cstring(name, scratchA), flags | O_CLOEXEC, mode) as number);
}

const openHow = Buffer.alloc(24);

/** openat2: resolves the whole path beneath `dirfd`, following no link of any kind (invariant I6). "" = the directory itself. */
export function openBeneath(dirfd: number, path: string, flags: number, mode = 0): number {
  openHow.writeUInt32LE((flags | O_CLOEXEC) >>> 0, 0);
  openHow.writeUInt32LE(mode, 8);
  openHow.writeUInt32LE(RESOLVE_CONFINED, 16);
  const result = checked(Number(c.openat2(SYS_OPENAT2, dirfd, cstring(path === "" ? "." : path, scratchA), openHow, 24)));
  return result === -38 ? openByWalk(dirfd, path, flags, mode) : result;
}

/** The directory `name` of `dirfd`, unless it is a link or a mount point of any kind, bind mounts included (-EXDEV). */
export function openDirectoryOfSameMount(dirfd: number, name: string): number {
  openHow.writeUInt32LE((O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) >>> 0, 0);
  openHow.writeUInt32LE(0, 8);
  openHow.writeUInt32LE(RESOLVE_CONFINED | RESOLVE_NO_XDEV, 16);
  const result = checked(Number(c.openat2(SYS_OPENAT2, dirfd, cstring(name, scratchA), openHow, 24)));
  return result === -38 ? openAt(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) : result;
}

/** The equivalent for kernels before 5.6: one component at a time, none of them a link. */
function openByWalk(dirfd: number, path: string, flags: number, mode: number): number {
  const names = path === "" ? ["."] : path.split("/");
  let fd = dirfd;
  for (let i = 0; i < names.length; i++) {
    const last = i === names.length - 1;
    const next = openAt(fd, names[i] as string, last ? flags | O_NOFOLLOW : O_PATH | O_DIRECTORY | O_NOFOLLOW, last ? mode : 0);
    if (fd !== dirfd) closeFd(fd);
    if (next < 0) return next;
    fd = next;
  }
  return fd;
}

export function closeFd(fd: number): number {
  return checked(c.close(fd) as number);
}

export function preadFd(fd: number, into: Uint8Array, length: number, offset: number): number {
  return checked(Number(c.pread(fd, into, length, offset)));
}

export function pwriteFd(fd: number, from: Uint8Array, length: number, offset: number): number {
  return checked(Number(c.pwrite(fd, from, length, offset)));
}

export function truncateFd(fd: number, size: number): number {
  return checked(c.ftruncate(fd, size) as number);
}

export function seekFd(fd: number, offset: number, whence: number): number {
  return checked(Number(c.lseek(fd, offset, whence)));
}

export function allocateFd(fd: number, mode: number, offset: number, length: number): number {
  return checked(c.fallocate(fd, mode, offset, length) as number);
}

const POSIX_FADV_WILLNEED = 3;
const POSIX_FADV_DONTNEED = 4;

/** Takes what is on the disk already out of the cache: what is read next comes from there. */
export function forgetCachedFd(fd: number): void {
  c.posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

/** Begins to read a range into the cache, and does not wait for it. */
export function fetchFd(fd: number, offset: number, length: number): void {
  c.posix_fadvise(fd, offset, length, POSIX_FADV_WILLNEED);
}

export function mkdirAt(dirfd: number, name: string, mode: number): number {
  return checked(c.mkdirat(dirfd, cstring(name, scratchA), mode) as number);
}

export function unlinkAt(dirfd: number, name: string, isDirectory: boolean): number {
  return checked(c.unlinkat(dirfd, cstring(name, scratchA), isDirectory ? AT_REMOVEDIR : 0) as number);
}

export function renameAt(fromFd: number, from: string, toFd: number, to: string, flags = 0): number {
  return checked(c.renameat2(fromFd, cstring(from, scratchA), toFd, cstring(to, scratchB), flags) as number);
}

export function linkAt(fromFd: number, from: string, toFd: number, to: string): number {
  return checked(c.linkat(fromFd, cstring(from, scratchA), toFd, cstring(to, scratchB), 0) as number);
}

/** Gives an open file that has no name one. */
export function linkFd(fd: number, toFd: number, to: string): number {
  return checked(c.linkat(AT_FDCWD, cstring(`/proc/self/fd/${fd}`, scratchA), toFd, cstring(to, scratchB), AT_SYMLINK_FOLLOW) as number);
}

export function symlinkAt(target: string, dirfd: number, name: string): number {
  return checked(c.symlinkat(cstring(target, scratchA), dirfd, cstring(name, scratchB)) as number);
}

const linkBuffer = Buffer.alloc(65536);

/** The target of a symbolic link in bytes, or the negative errno. */
export function readlinkAt(dirfd: number, name: string): string | number {
  const length = checked(Number(c.readlinkat(dirfd, cstring(name, scratchA), linkBuffer, linkBuffer.length)));
  return length < 0 ? length : linkBuffer.toString("latin1", 0, length);
}

/** `mode` with its type bits; major and minor for devices. */
export function mknodAt(dirfd: number, name: string, mode: number, major: number, minor: number): number {
  const dev = (BigInt((major & ~0xfff) >>> 0) << 32n) | BigInt((major & 0xfff) << 8) | BigInt(minor & 0xff) | (BigInt((minor & ~0xff) >>> 0) << 12n);
  return checked(c.mknodat(dirfd, cstring(name, scratchA), mode, dev) as number);
}

export function chownAt(dirfd: number, name: string, uid: number, gid: number): number {
  return checked(c.fchownat(dirfd, cstring(name, scratchA), uid, gid, AT_SYMLINK_NOFOLLOW) as number);
}

export function chownFd(fd: number, uid: number, gid: number): number {
  return checked(c.fchown(fd, uid, gid) as number);
}

export function chmodFd(fd: number, mode: number): number {
  return checked(c.fchmod(fd, mode) as number);
}

/** Follows links: only for names known not to be one. */
export function chmodAt(dirfd: number, name: string, mode: number): number {
  return checked(c.fchmodat(dirfd, cstring(name, scratchA), mode, 0) as number);
}

const timesBuffer = Buffer.alloc(32);
const UTIME_OMIT = 0x3ffffffe;

function fillTimes(sec: number, nsec: number): Buffer {
  timesBuffer.writeUInt32LE(UTIME_OMIT, 8);
  timesBuffer.writeBigInt64LE(BigInt(sec), 16);
  timesBuffer.writeUInt32LE(nsec, 24);
  return timesBuffer;
}

/** Sets mtime to the nanosecond, of the link itself for links; atime stays. */
export function setMtimeAt(dirfd: number, name: string, sec: number, nsec: number): number {
  return checked(c.utimensat(dirfd, cstring(name, scratchA), fillTimes(sec, nsec), AT_SYMLINK_NOFOLLOW) as number);
}

export function setMtimeFd(fd: number, sec: number, nsec: number): number {
  return checked(c.futimens(fd, fillTimes(sec, nsec)) as number);
}

/** Where extended attributes are read or written: an open descriptor, or a path that is not followed at its end. */
export type XattrPlace = number | string;

export function listXattrs(place: XattrPlace, into: Buffer): number {
  return checked(Number(typeof place === "number" ? c.flistxattr(place, into, into.length) : c.llistxattr(cstring(place, scratchA), into, into.length)));
}

const LOCK_EX = 2;
const LOCK_NB = 4;

/** Locks an open file or directory until it is closed, or says -EWOULDBLOCK: another process has it (flock(2)). */
export function lockFd(fd: number): number {
  return checked(c.flock(fd, LOCK_EX | LOCK_NB) as number);
}

const SYS_LISTXATTRAT = 465;

/** Bytes that the names of the extended attributes of `name` below `dirfd` take; a link is not followed. -ENOSYS before Linux 6.13. */
export function xattrBytesAt(dirfd: number, name: string): number {
  return checked(Number(c.listxattrat(SYS_LISTXATTRAT, dirfd, cstring(name, scratchA), AT_SYMLINK_NOFOLLOW, null, 0)));
}

export function getXattr(place: XattrPlace, name: string, into: Buffer): number {
  const key = cstring(name, scratchB);
  return checked(
    Number(typeof place === "number" ? c.fgetxattr(place, key, into, into.length) : c.lgetxattr(cstring(place, scratchA), key, into, into.length)),
  );
}

export function setXattr(place: XattrPlace, name: string, value: Buffer): number {
  const key = cstring(name, scratchB);
  const result =
    typeof place === "number" ? c.fsetxattr(place, key, value, value.length, 0) : c.lsetxattr(cstring(place, scratchC), key, value, value.length, 0);
  return checked(result as number);
}

export function removeXattr(place: XattrPlace, name: string): number {
  const key = cstring(name, scratchB);
  return checked((typeof place === "number" ? c.fremovexattr(place, key) : c.lremovexattr(cstring(place, scratchA), key)) as number);
}

export function syncfsFd(fd: number): number {
  return checked(c.syncfs(fd) as number);
}

export function fsyncFd(fd: number): number {
  return checked(c.fsync(fd) as number);
}

export function fdatasyncFd(fd: number): number {
  return checked(c.fdatasync(fd) as number);
}

const statfsBuffer = Buffer.alloc(256);

/** Type (magic) and identity of the file system that holds `path`, or the negative errno. */
export function fileSystemOf(path: string): { readonly magic: number; readonly fsid: string } | number {
  const result = checked(c.statfs(cstring(path, scratchA), statfsBuffer) as number);
  if (result < 0) return result;
  return { magic: statfsBuffer.readUInt32LE(0), fsid: statfsBuffer.toString("hex", 56, 64) };
}
