// What the kernel calls the file system that a path lies in. Events name it by device number, by bdi (the thing that
// writes back) or, on btrfs, by identity; none of them is what stat(2) tells of a file there.

import { closeSync, openSync, readFileSync, readlinkSync, statfsSync } from "node:fs";
import { basename } from "node:path";
import { toSmError } from "../base/errors.js";
import { btrfsIdOf } from "../fs/btrfs.js";
import { MOUNT_TABLE_PATH, type Mount, readMountTable } from "../fs/mount-table.js";

export type TraceFileSystem = "ext4" | "xfs" | "btrfs";

export interface TraceVolume {
  readonly kind: TraceFileSystem;
  /** Of the file system itself: major * 2^20 + minor. On btrfs stat(2) tells another one for each subvolume. */
  readonly device: number;
  readonly blockBytes: number;
  /** btrfs only: identity in 32 hexadecimal digits; "" elsewhere. */
  readonly id: string;
  /** Name in the events of writeback; "" when it could not be found, and stores through mappings are not seen then. */
  readonly bdi: string;
  /** Its disk can be mapped itself, past the cache. */
  readonly isDax: boolean;
}

/** One sentence why no write ranges can be had of a file system. */
export interface NoTraceVolume {
  readonly reason: string;
}

// Not ext2: a kernel may serve it by another driver, which has no events.
const KINDS: Readonly<Record<string, TraceFileSystem>> = { ext3: "ext4", ext4: "ext4", xfs: "xfs", btrfs: "btrfs" };

/** `path`: any directory of the file system, as text. */
export function findTraceVolume(path: string): TraceVolume | NoTraceVolume {
  let fd = -1;
  try {
    fd = openSync(path, "r");
    const mount = mountOfDescriptor(fd);
    if (mount === undefined) return { reason: `the mount that ${path} lies in is not in ${MOUNT_TABLE_PATH}` };
    const kind = KINDS[mount.type];
    if (kind === undefined) return { reason: `the kernel has no events that tell which bytes were written on ${mount.type}` };
    const id = kind === "btrfs" ? btrfsIdOf(fd) : "";
    if (typeof id === "number") return { reason: `the identity of the btrfs file system at ${path} cannot be read` };
    const [major = 0, minor = 0] = mount.device.split(":").map(Number);
    const bdi = kind === "btrfs" ? btrfsBdi(id) : diskBdi(mount.device);
    return { kind, device: major * 1_048_576 + minor, blockBytes: statfsSync(path).bsize, id, bdi, isDax: isDaxDisk(mount.device) };
  } catch (error) {
    return { reason: toSmError(error).message };
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}

function mountOfDescriptor(fd: number): Mount | undefined {
  const id = Number(/^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1]);
  return readMountTable().find((mount) => mount.id === id);
}

function isDaxDisk(own: string): boolean {
  return ["queue/dax", "../queue/dax"].some((file) => {
    try {
      return readFileSync(`/sys/dev/block/${own}/${file}`, "latin1").trim() === "1";
    } catch {
      return false;
    }
  });
}

/** A partition is written back by its disk. */
function diskBdi(own: string): string {
  try {
    readFileSync(`/sys/dev/block/${own}/partition`);
  } catch {
    return own;
  }
  try {
    return readFileSync(`/sys/dev/block/${own}/../dev`, "latin1").trim();
  } catch {
    return "";
  }
}

function btrfsBdi(id: string): string {
  const uuid = id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  try {
    return basename(readlinkSync(`/sys/fs/btrfs/${uuid}/bdi`));
  } catch {
    return "";
  }
}
