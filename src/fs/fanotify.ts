// fanotify(7) and the calls that go with it. As in native.ts each returns a value >= 0 or the negative errno, at once:
// descriptors are non-blocking, and only `pollFds` waits. What a file system must offer is found out by trying it.

import { readFileSync } from "node:fs";
import koffi from "koffi";

const libc = koffi.load(process.platform === "linux" ? "libc.so.6" : null);

const FAN_CLOEXEC = 0x1;
const FAN_NONBLOCK = 0x2;
const FAN_UNLIMITED_QUEUE = 0x10;
const FAN_REPORT_FID = 0x200;
const FAN_REPORT_DIR_FID = 0x400;
const FAN_REPORT_NAME = 0x800;
const FAN_REPORT_TARGET_FID = 0x1000;

export const FAN_MODIFY = 0x2;
export const FAN_ATTRIB = 0x4;
export const FAN_CLOSE_WRITE = 0x8;
export const FAN_CREATE = 0x100;
export const FAN_DELETE = 0x200;
export const FAN_Q_OVERFLOW = 0x4000;
export const FAN_RENAME = 0x10000000;
export const FAN_ONDIR = 0x40000000;

const FAN_MARK_ADD = 0x1;
const FAN_MARK_FILESYSTEM = 0x100;
const O_LARGEFILE = 0o100000;
const O_CLOEXEC = 0o2000000;
const EFD_CLOEXEC_NONBLOCK = 0o2004000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 0x1;
const MFD_CLOEXEC = 0x1;
const FIONREAD = 0x541b;
/** What FIONREAD counts per waiting event, whatever it reports besides. */
const COUNTED_BYTES_PER_EVENT = 24;

export const POLL_IN = 0x1;
export const POLL_CHANGED = 0x2 | 0x8; // POLLPRI | POLLERR, how /proc/self/mountinfo says that it changed

const c = {
  fanotify_init: libc.func("int fanotify_init(unsigned int, unsigned int)"),
  fanotify_mark: libc.func("int fanotify_mark(int, unsigned int, uint64_t, int, const void*)"),
  read: libc.func("long read(int, void*, size_t)"),
  write: libc.func("long write(int, const void*, size_t)"),
  poll: libc.func("int poll(void*, unsigned long, int)"),
  eventfd: libc.func("int eventfd(unsigned int, int)"),
  ioctl: libc.func("int ioctl(int, unsigned long, void*)"),
  epoll_create1: libc.func("int epoll_create1(int)"),
  epoll_ctl: libc.func("int epoll_ctl(int, int, int, const void*)"),
  memfd_create: libc.func("int memfd_create(const char*, unsigned int)"),
};

function checked(result: number): number {
  return result < 0 ? -koffi.errno() : result;
}

export interface FanotifyGroupOptions {
  /** False: the kernel drops what exceeds fs.fanotify.max_queued_events, and says so with one overflow event. */
  readonly isUnlimited: boolean;
}

/** A group that reports directory handle, name and target of each event (Linux 5.17). */
export function openFanotifyGroup({ isUnlimited }: FanotifyGroupOptions): number {
  const report = FAN_REPORT_FID | FAN_REPORT_DIR_FID | FAN_REPORT_NAME | FAN_REPORT_TARGET_FID;
  const flags = FAN_CLOEXEC | FAN_NONBLOCK | report | (isUnlimited ? FAN_UNLIMITED_QUEUE : 0);
  return checked(c.fanotify_init(flags, O_LARGEFILE | O_CLOEXEC) as number);
}

const HERE = Buffer.from(".\0");

/** Marks the whole file system of an open directory. The mark stays when the directory is closed, and goes with the last mount. */
export function markFileSystem(group: number, mask: number, dirfd: number): number {
  return checked(c.fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, mask, dirfd, HERE) as number);
}

/** Bytes read, 0 at an end, or the negative errno (EAGAIN: nothing there). */
export function readFd(fd: number, into: Buffer): number {
  return checked(Number(c.read(fd, into, into.length)));
}

/** Devices ("major:minor") of the file systems that a group marks: a mark goes with its file system, without a word. */
export function markedDevices(group: number): Set<string> {
  const found = readFileSync(`/proc/self/fdinfo/${group}`, "latin1").matchAll(/^fanotify sdev:([0-9a-f]+)/gm);
  return new Set([...found].map(([, hex = "0"]) => Number.parseInt(hex, 16)).map((device) => `${device >>> 20}:${device & 0xfffff}`));
}

const countBuffer = Buffer.alloc(8);

/** Events waiting in a group. The kernel walks its queue for the answer: not for the hot path. */
export function countQueuedEvents(group: number): number {
  const result = checked(c.ioctl(group, FIONREAD, countBuffer) as number);
  return result < 0 ? result : countBuffer.readInt32LE(0) / COUNTED_BYTES_PER_EVENT;
}

/** A descriptor that becomes readable by `signalEventFd`. */
export function openEventFd(): number {
  return checked(c.eventfd(0, EFD_CLOEXEC_NONBLOCK) as number);
}

const ONE = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);

export function signalEventFd(fd: number): number {
  return checked(Number(c.write(fd, ONE, ONE.length)));
}

const eventCounter = Buffer.alloc(8);

/** It is not readable any more, until the next signal. */
export function clearEventFd(fd: number): number {
  return readFd(fd, eventCounter);
}

/** A descriptor that is readable when one of those in it is. */
export function openPollSet(): number {
  return checked(c.epoll_create1(O_CLOEXEC) as number);
}

/** struct epoll_event: what is waited for comes first, whatever the machine puts behind it. */
const READABLE = Buffer.alloc(16);
READABLE.writeUInt32LE(EPOLLIN, 0);

export function addToPollSet(set: number, fd: number): number {
  return checked(c.epoll_ctl(set, EPOLL_CTL_ADD, fd, READABLE) as number);
}

export function removeFromPollSet(set: number, fd: number): number {
  return checked(c.epoll_ctl(set, EPOLL_CTL_DEL, fd, READABLE) as number);
}

/** A file in memory, at no path; it is gone with its last descriptor. */
export function openMemoryFile(name: string): number {
  return checked(c.memfd_create(name, MFD_CLOEXEC) as number);
}

export interface PollTarget {
  readonly fd: number;
  readonly events: number;
}

const POLLFD_BYTES = 8;

/** Waits until one of the descriptors is ready; what happened to each, in order, or the negative errno. */
export function pollFds(targets: readonly PollTarget[], timeoutMs: number): number[] | number {
  const buffer = Buffer.alloc(targets.length * POLLFD_BYTES);
  targets.forEach(({ fd, events }, index) => {
    buffer.writeInt32LE(fd, index * POLLFD_BYTES);
    buffer.writeInt16LE(events, index * POLLFD_BYTES + 4);
  });
  const result = checked(c.poll(buffer, targets.length, timeoutMs) as number);
  return result < 0 ? result : targets.map((_, index) => buffer.readInt16LE(index * POLLFD_BYTES + 6));
}
