// Which directory of which file system a source root is, so that it is known again after a restart or a new mount, and
// nothing else is taken for it. Device numbers are not part of it: they follow the order of mounting.

import { SmError } from "../base/errors.js";
import { bytesFromText } from "../model/byte-path.js";
import { ConfinedRoot, procPath } from "./confined-root.js";
import { fsError } from "./errno.js";
import { type FileStat, fileSystemOf, mountOf } from "./native.js";

export interface RootIdentity {
  /** Of the file system; "" where the kernel makes it of the device number and the birth time tells more. */
  readonly fsid: string;
  readonly ino: number;
  /** Seconds and nanoseconds; "0.0" where the file system keeps none; "" = not on record. */
  readonly btime: string;
}

export interface OpenRoot {
  readonly root: ConfinedRoot;
  readonly stat: FileStat;
  readonly identity: RootIdentity;
  /** Another one after each mounting. */
  readonly mount: number;
}

const XFS_MAGIC = 0x58465342;

export function isSameRoot(known: RootIdentity, found: RootIdentity): boolean {
  if (known.ino !== found.ino) return false;
  if (known.btime === "") return known.fsid === found.fsid || found.fsid === "";
  return known.fsid === found.fsid && known.btime === found.btime;
}

/** `path` absolute, as text. Throws ROOT_MISSING when there is no directory to be opened. The caller closes `root`. */
export function openRoot(path: string): OpenRoot {
  let root: ConfinedRoot | null = null;
  try {
    root = ConfinedRoot.open(bytesFromText(path));
    const stat = root.stat();
    return { root, stat, identity: identityOf(root, stat), mount: mountOf(root.fd) };
  } catch (error) {
    root?.close();
    throw new SmError("ROOT_MISSING", `the source directory ${path} cannot be opened: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
      data: { path },
    });
  }
}

export function identityAt(path: string): RootIdentity {
  const { root, identity } = openRoot(path);
  root.close();
  return identity;
}

function identityOf(root: ConfinedRoot, stat: FileStat): RootIdentity {
  const fileSystem = fileSystemOf(procPath(root.fd));
  if (typeof fileSystem === "number") throw fsError(fileSystem, "look at the file system of", root.path);
  const isOfDevice = fileSystem.magic === XFS_MAGIC && stat.btimeSec !== 0;
  return { fsid: isOfDevice ? "" : fileSystem.fsid, ino: stat.ino, btime: `${stat.btimeSec}.${stat.btimeNsec}` };
}
