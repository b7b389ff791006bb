// A directory tree that can be read and changed only beneath its top (invariant I6): every path is resolved by
// openat2 without following any link, every deed happens on a directory descriptor and one name.

import { readdirSync } from "node:fs";
import { SmError } from "../base/errors.js";
import { beat } from "../base/pulse.js";
import { type BytePath, toBuffer } from "../model/byte-path.js";
import { fsError } from "./errno.js";
import { AT_FDCWD, closeFd, type FileStat, O_DIRECTORY, O_RDONLY, openAt, openBeneath, statAt } from "./native.js";

export class ConfinedRoot {
  readonly fd: number;
  /** Absolute path, bytes as latin1 text. */
  readonly path: string;
  #open = true;

  private constructor(fd: number, path: string) {
    this.fd = fd;
    this.path = path;
  }

  /** `path` absolute, in bytes. The top itself may be reached through links: an administrator named it. */
  static open(path: string): ConfinedRoot {
    const fd = openAt(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) throw fsError(fd, "open the directory", path);
    return new ConfinedRoot(fd, path);
  }

  /** A descriptor of the directory at `path`, or the negative errno. The caller closes it. */
  openDirectory(path: BytePath): number {
    return openBeneath(this.fd, path, O_RDONLY | O_DIRECTORY);
  }

  stat(): FileStat {
    const stat = statAt(this.fd, "");
    if (typeof stat === "number") throw fsError(stat, "stat", this.path);
    return stat;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeFd(this.fd);
  }
}

/** Names in an open directory, as bytes, unsorted. */
export function listNames(dirfd: number): string[] {
  beat();
  try {
    return readdirSync(procPath(dirfd), { encoding: "latin1" });
  } catch (error) {
    throw new SmError("FS_IO", `cannot list a directory: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** A path that leads to `name` below an open descriptor, for calls that take paths only. */
export function procPath(dirfd: number, name = ""): string {
  return name === "" ? `/proc/self/fd/${dirfd}` : `/proc/self/fd/${dirfd}/${name}`;
}

/** The path in the form Node's fs takes for any bytes. */
export function fsPath(bytes: string): Buffer {
  return toBuffer(bytes);
}
