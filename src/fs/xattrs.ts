// Extended attributes of one inode: read, compared, made equal. POSIX ACLs and file capabilities are among them.

import xxhash from "@node-rs/xxhash";
import type { Xattrs } from "../model/change.js";
import { procPath } from "./confined-root.js";
import { E2BIG, ENODATA, ENOENT, ENOSYS, ENOTSUP, EPERM, ERANGE } from "./errno.js";
import { getXattr, listXattrs, removeXattr, setXattr, type XattrPlace, xattrBytesAt } from "./native.js";

/** Tried first: the kernel makes a buffer of its own as large as what it is given, for each call, and most files need little. */
const smallBuffer = Buffer.alloc(1024);
/** XATTR_LIST_MAX and XATTR_SIZE_MAX of Linux. */
const largeBuffer = Buffer.alloc(65536);
export const NO_XATTRS: Xattrs = [];
/** All values of one inode together; more would not fit a change set. Beyond what ext4 and btrfs can hold. */
const XATTR_TOTAL_BYTES_MAX = 1024 * 1024;

/** Made and kept by the file system or by one machine alone: wrong on any other. */
const LOCAL_NAMES = new Set(["trusted.SGI_ACL_FILE", "trusted.SGI_ACL_DEFAULT", "security.ima", "security.evm", "system.nfs4_acl"]);
const LOCAL_PREFIX = "trusted.overlay.";

function isCarried(name: string): boolean {
  return !LOCAL_NAMES.has(name) && !name.startsWith(LOCAL_PREFIX);
}

/** What `read` leaves in a buffer, valid until the next call; or the negative errno. */
function readSome(read: (into: Buffer) => number): Buffer | number {
  const length = read(smallBuffer);
  if (length >= 0) return smallBuffer.subarray(0, length);
  if (length !== -ERANGE) return length;
  const whole = read(largeBuffer);
  return whole < 0 ? whole : largeBuffer.subarray(0, whole);
}

/** All attributes sorted by name; or the negative errno. A file system without attributes has none. */
export function readXattrs(place: XattrPlace): Xattrs | number {
  const length = listXattrs(place, smallBuffer);
  if (length === 0 || length === -ENOTSUP) return NO_XATTRS;
  const list = readSome((into) => (into === smallBuffer ? length : listXattrs(place, into)));
  if (typeof list === "number") return list;
  const names = list
    .toString("latin1", 0, list.length - 1)
    .split("\0")
    .filter(isCarried)
    .sort();
  const out: [string, Buffer][] = [];
  let total = 0;
  for (const name of names) {
    const value = readSome((into) => getXattr(place, name, into));
    if (value === -ENODATA) continue;
    if (typeof value === "number") return value;
    total += value.length;
    if (total > XATTR_TOTAL_BYTES_MAX) return -E2BIG;
    out.push([name, Buffer.from(value)]);
  }
  return out;
}

export function sameXattrs(a: Xattrs, b: Xattrs): boolean {
  if (a.length !== b.length) return false;
  return a.every(([name, value], i) => {
    const other = b[i];
    return other !== undefined && other[0] === name && other[1].equals(value);
  });
}

/** All of `wanted` is there; labels are those of the place. */
export function hasXattrs(place: XattrPlace, wanted: Xattrs): boolean {
  const carried = wanted.filter(([name]) => name !== "security.selinux");
  if (carried.length === 0) return true;
  const current = readXattrs(place);
  if (typeof current === "number") return false;
  const have = new Map(current);
  return carried.every(([name, value]) => have.get(name)?.equals(value) === true);
}

/** The digest of attributes that cannot be read: it is that of no others. */
export const UNREADABLE_DIGEST = 1;

/** 52 bits over all names and values; 0 = no attributes. */
export function xattrDigest(xattrs: Xattrs): number {
  if (xattrs.length === 0) return 0;
  const hash = new xxhash.Xxh64(0n);
  for (const [name, value] of xattrs) hash.update(`${name}\0${value.length}\0`).update(value);
  return Math.max(Number(hash.digest() & 0xfffffffffffffn), UNREADABLE_DIGEST + 1);
}

/** Whether the kernel tells of attributes below a descriptor. A filter of system calls that does not know the call says EPERM, which it never does. */
let asksBelow = true;

/** The digest of what `name` in an open directory has, a link not followed; negative errno on failure. Most files have none. */
export function xattrDigestAt(dirfd: number, name: string): number {
  if (asksBelow) {
    const bytes = xattrBytesAt(dirfd, name);
    if (bytes === 0) return 0;
    asksBelow = bytes !== -ENOSYS && bytes !== -EPERM;
  }
  const xattrs = readXattrs(procPath(dirfd, name));
  return typeof xattrs === "number" ? xattrs : xattrDigest(xattrs);
}

export interface XattrFailure {
  readonly name: string;
  readonly errno: number;
}

/** Makes the attributes at `place` exactly `wanted`. Returns what could not be set or removed. */
export function writeXattrs(place: XattrPlace, wanted: Xattrs): readonly XattrFailure[] {
  const current = readXattrs(place);
  if (typeof current === "number") return wanted.length === 0 && (current === -ENOENT || current === -ERANGE) ? [] : [{ name: "*", errno: -current }];
  if (sameXattrs(current, wanted)) return [];
  const failures: XattrFailure[] = [];
  const note = (name: string, result: number): void => {
    if (result < 0 && result !== -ENODATA) failures.push({ name, errno: -result });
  };
  const keep = new Map(wanted);
  for (const [name] of current) if (!keep.has(name)) note(name, removeXattr(place, name));
  const have = new Map(current);
  for (const [name, value] of wanted) if (!have.get(name)?.equals(value)) note(name, setXattr(place, name, value));
  return failures;
}
