// File handles: what the kernel calls an inode where it has no path for it. A handle is kept as latin1 text of the
// struct file_handle as it stands in memory (length, type, data), so that it can be a Map key; it holds the inode's
// generation, so it never comes to mean another inode.

import koffi from "koffi";
import { AT_EMPTY_PATH } from "./native.js";

const libc = koffi.load(process.platform === "linux" ? "libc.so.6" : null);

const c = {
  name_to_handle_at: libc.func("int name_to_handle_at(int, const void*, void*, void*, int)"),
  open_by_handle_at: libc.func("int open_by_handle_at(int, void*, int)"),
};

export const HANDLE_BYTES_MAX = 128;
/** handle_bytes and handle_type, before the data. */
export const HANDLE_HEAD_BYTES = 8;

const PATH_SCRATCH_BYTES = 8192;
const pathScratch = Buffer.alloc(PATH_SCRATCH_BYTES);
const handleBuffer = Buffer.alloc(HANDLE_HEAD_BYTES + HANDLE_BYTES_MAX);
const mountIdBuffer = Buffer.alloc(8);

function checked(result: number): number {
  return result < 0 ? -koffi.errno() : result;
}

function cstring(path: string): Buffer {
  if (path.length >= PATH_SCRATCH_BYTES) return Buffer.from(`${path}\0`, "latin1");
  pathScratch[pathScratch.write(path, 0, "latin1")] = 0;
  return pathScratch;
}

export interface PathHandle {
  readonly handle: string;
  /** The mount on which the path ends, as in mountinfo. */
  readonly mountId: number;
}

/** The handle of `path` below the directory `dirfd`, not following a link at its end; "" = the directory itself. */
export function handleAt(dirfd: number, path: string): PathHandle | number {
  handleBuffer.writeUInt32LE(HANDLE_BYTES_MAX, 0);
  const result = checked(c.name_to_handle_at(dirfd, cstring(path), handleBuffer, mountIdBuffer, path === "" ? AT_EMPTY_PATH : 0) as number);
  if (result < 0) return result;
  return { handle: handleBuffer.toString("latin1", 0, HANDLE_HEAD_BYTES + handleBuffer.readUInt32LE(0)), mountId: mountIdBuffer.readInt32LE(0) };
}

/** Opens what a handle means on the mount that `dirfd` is on. Needs CAP_DAC_READ_SEARCH; ESTALE = it is no more. */
export function openHandle(dirfd: number, handle: string, flags: number): number {
  handleBuffer.write(handle, 0, "latin1");
  return checked(c.open_by_handle_at(dirfd, handleBuffer, flags) as number);
}

/** What a handle tells of its inode. */
export interface HandleIdentity {
  readonly ino: number;
  readonly generation: number;
  /** Of several inode spaces in one file system (btrfs: the subvolume); 0 where there is one. */
  readonly space: number;
}

const TYPE_INO32 = 0x01;
const TYPE_XFS_INO64 = 0x81;
const TYPE_BTRFS = 0x4d;
const TWO32 = 4294967296;

function u32(handle: string, at: number): number {
  const i = HANDLE_HEAD_BYTES + at;
  return handle.charCodeAt(i) + handle.charCodeAt(i + 1) * 0x100 + handle.charCodeAt(i + 2) * 0x10000 + handle.charCodeAt(i + 3) * 0x1000000;
}

const u64 = (handle: string, at: number): number => u32(handle, at) + u32(handle, at + 4) * TWO32;

/** null for handles whose make-up is not known. */
export function identityOfHandle(handle: string): HandleIdentity | null {
  const bytes = handle.length - HANDLE_HEAD_BYTES;
  const type = handle.charCodeAt(4) + handle.charCodeAt(5) * 0x100;
  if (type === TYPE_INO32 && bytes === 8) return { ino: u32(handle, 0), generation: u32(handle, 4), space: 0 };
  // tmpfs puts the generation first.
  if (type === TYPE_INO32 && bytes === 12) return { ino: u64(handle, 4), generation: u32(handle, 0), space: 0 };
  if (type === TYPE_XFS_INO64 && bytes === 12) return { ino: u64(handle, 0), generation: u32(handle, 8), space: 0 };
  if (type === TYPE_BTRFS && bytes === 20) return { ino: u64(handle, 0), generation: u32(handle, 16), space: u64(handle, 8) };
  return null;
}
