// Puts file systems under a fanotify group, and says in words why one cannot be. Shared by the probe and the source.

import { readFileSync } from "node:fs";
import { release } from "node:os";
import { procPath } from "../fs/confined-root.js";
import { openDetachedMount } from "../fs/detached-mount.js";
import { EINVAL, ENOTSUP, EPERM, EXDEV, errnoName } from "../fs/errno.js";
import {
  FAN_ATTRIB,
  FAN_CLOSE_WRITE,
  FAN_CREATE,
  FAN_DELETE,
  FAN_MODIFY,
  FAN_ONDIR,
  FAN_RENAME,
  type FanotifyGroupOptions,
  markFileSystem,
  openFanotifyGroup,
} from "../fs/fanotify.js";
import { handleAt, openHandle } from "../fs/file-handle.js";
import type { Mount } from "../fs/mount-table.js";
import { AT_FDCWD, closeFd, fileSystemOf, O_CLOEXEC, O_DIRECTORY, O_PATH, O_RDONLY, openAt, statAt } from "../fs/native.js";
import { displayPath } from "../model/byte-path.js";
import type { InodeKey } from "./fanotify-event.js";

const MASK = FAN_MODIFY | FAN_ATTRIB | FAN_CLOSE_WRITE | FAN_CREATE | FAN_DELETE | FAN_RENAME | FAN_ONDIR;

const EMFILE = 24;
const ENOSYS = 38;
const ENOSPC = 28;
const ENODEV = 19;
const CAP_SYS_ADMIN = 21n;
const BTRFS_TOP_SUBVOLUME = "5";

/** Changes that other machines make to these raise no events here. */
const SHARED_TYPES = new Set(["nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "9p", "virtiofs", "afs", "lustre", "beegfs", "glusterfs", "gfs2", "ocfs2"]);

export interface Refusal {
  readonly kind: "refused";
  /** A clause in words, without a full stop. */
  readonly reason: string;
}

export interface MarkedMount {
  readonly kind: "marked";
  readonly fsid: string;
  readonly topKey: InodeKey;
  readonly mountId: number;
  readonly device: number;
}

export interface LookedMount {
  readonly kind: "looked";
  readonly fd: number;
  readonly mount: Mount;
  readonly handle: string;
  readonly mountId: number;
  readonly device: number;
}

export const NO_MOUNT = "its mount is not in /proc/self/mountinfo";

const refused = (reason: string): Refusal => ({ kind: "refused", reason });

function hasSysAdmin(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1] ?? "0";
  return ((BigInt(`0x${effective}`) >> CAP_SYS_ADMIN) & 1n) === 1n;
}

function groupRefusal(errno: number): Refusal {
  switch (errno) {
    case -EPERM:
      return refused(hasSysAdmin() ? "a seccomp filter or security module forbids fanotify" : "fanotify needs root (CAP_SYS_ADMIN)");
    case -EINVAL:
      return refused(`Linux ${release()} is too old: fanotify names directory and target of each event from Linux 5.17 on`);
    case -ENOSYS:
      return refused("the kernel has no fanotify, or a seccomp filter hides it");
    case -EMFILE:
      return refused("all fanotify groups of this user are in use (fs.fanotify.max_user_groups), or all file descriptors");
    default:
      return refused(`fanotify cannot be opened: ${errnoName(errno)}`);
  }
}

/** The descriptor of a new group, or why there is none. */
export function openGroup(options: FanotifyGroupOptions): number | Refusal {
  if (process.platform !== "linux") return refused("fanotify is a Linux interface");
  const group = openFanotifyGroup(options);
  return group < 0 ? groupRefusal(group) : group;
}

function markRefusal(errno: number, { type }: Mount): Refusal {
  switch (errno) {
    case -ENOTSUP:
      return refused(
        type === "overlay"
          ? "overlay gives out no file handles (it does when mounted with index=on,nfs_export=on)"
          : `${type} gives out no file handles that could be followed`,
      );
    case -ENODEV:
      return refused(`${type} has no identity that events could name`);
    case -EXDEV:
      return refused(`it is one of several subvolumes of ${type}, and the whole cannot be mounted to be marked`);
    case -EPERM:
      return refused("fanotify needs CAP_SYS_ADMIN in the first user namespace");
    case -ENOSPC:
      return refused("all fanotify marks of this user are in use (fs.fanotify.max_user_marks)");
    default:
      return refused(`fanotify cannot mark ${type}: ${errnoName(errno)}`);
  }
}

/** Marks the file system of a directory; the fsid its events will bear, or the negative errno. */
function markDirectory(group: number, fd: number): string | number {
  const result = markFileSystem(group, MASK, fd);
  if (result < 0) return result;
  const system = fileSystemOf(procPath(fd));
  return typeof system === "number" ? system : Buffer.from(system.fsid, "hex").toString("latin1");
}

/**
 * btrfs lets its events be watched for all subvolumes together only, through the top one. That is mounted for the moment of
 * marking, where nobody sees it: the mark is on the file system and stays.
 */
function markBtrfs(group: number, { type, source, isReadOnly }: Mount): string | number {
  const top = openDetachedMount({ type, source, isReadOnly, options: { subvolid: BTRFS_TOP_SUBVOLUME } });
  if (top < 0) return -EXDEV;
  try {
    return markDirectory(group, top);
  } finally {
    closeFd(top);
  }
}

/** Looks at the directory `path` (absolute, in bytes), which `mount` shows. Its file system stays while `fd` is open, which the caller closes. */
export function lookAtMount(path: string, mount: Mount): LookedMount | Refusal {
  if (SHARED_TYPES.has(mount.type) || mount.type.startsWith("fuse.") || mount.type === "fuse") {
    return refused(`${mount.type} may be changed by other machines or programs, of which no event tells`);
  }
  const fd = openAt(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return refused(`${displayPath(path)} cannot be opened: ${errnoName(fd)}`);
  const looked = lookAt(fd, path, mount);
  if (looked.kind === "refused") closeFd(fd);
  return looked;
}

function lookAt(fd: number, path: string, mount: Mount): LookedMount | Refusal {
  const found = handleAt(fd, "");
  const stat = statAt(fd, "");
  if (typeof found === "number") return markRefusal(found, mount);
  if (typeof stat === "number") return refused(`${displayPath(path)} cannot be looked at: ${errnoName(stat)}`);
  const again = openHandle(fd, found.handle, O_PATH | O_CLOEXEC);
  if (again === -EPERM) return refused("following events to their files needs CAP_DAC_READ_SEARCH");
  if (again < 0) return markRefusal(again, mount);
  closeFd(again);
  return { kind: "looked", fd, mount, handle: found.handle, mountId: found.mountId, device: stat.dev };
}

/** Marks the file system that was looked at; again is as good as once. */
export function markLooked(group: number, { fd, mount, handle, mountId, device }: LookedMount): MarkedMount | Refusal {
  const direct = markDirectory(group, fd);
  const fsid = direct === -EXDEV && mount.type === "btrfs" ? markBtrfs(group, mount) : direct;
  if (typeof fsid === "number") return markRefusal(fsid, mount);
  return { kind: "marked", fsid, topKey: fsid + handle, mountId, device };
}

/** Marks the file system under the directory `path` (absolute, in bytes), which `mount` shows. */
export function markMount(group: number, path: string, mount: Mount): MarkedMount | Refusal {
  const looked = lookAtMount(path, mount);
  if (looked.kind === "refused") return looked;
  try {
    return markLooked(group, looked);
  } finally {
    closeFd(looked.fd);
  }
}
