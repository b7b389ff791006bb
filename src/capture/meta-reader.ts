import { procPath } from "../fs/confined-root.js";
import type { FileStat } from "../fs/native.js";
import { NO_XATTRS, readXattrs } from "../fs/xattrs.js";
import type { EntryType, Meta } from "../model/change.js";

/** Attributes of an open file or directory. An unreadable xattr list counts as none only where the kernel says so. */
export function metaOfFd(fd: number, stat: FileStat): Meta | number {
  const xattrs = readXattrs(fd);
  return typeof xattrs === "number" ? xattrs : metaFrom(stat, xattrs);
}

/** Attributes of `name` in an open directory, without opening it (links, special files). */
export function metaOfName(dirfd: number, name: string, stat: FileStat): Meta | number {
  const xattrs = readXattrs(procPath(dirfd, name));
  return typeof xattrs === "number" ? xattrs : metaFrom(stat, xattrs);
}

function metaFrom(stat: FileStat, xattrs: Meta["xattrs"]): Meta {
  return {
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    mtimeSec: stat.mtimeSec,
    mtimeNsec: stat.mtimeNsec,
    xattrs: xattrs.length === 0 ? NO_XATTRS : xattrs,
  };
}

/** The `detail` of an EntrySummary for devices and FIFOs. */
export function specialDetail(stat: FileStat): string {
  const kind = specialKind(stat);
  return kind === "fifo" ? kind : `${kind}:${stat.rdevMajor}:${stat.rdevMinor}`;
}

export function specialKind(stat: FileStat): "fifo" | "char" | "block" {
  switch (stat.mode & 0o170000) {
    case 0o020000:
      return "char";
    case 0o060000:
      return "block";
    default:
      return "fifo";
  }
}

export function isReplicable(type: EntryType, stat: FileStat): boolean {
  return type !== "special" || (stat.mode & 0o170000) !== 0o140000;
}
