// From a file handle to a path below the top of one mounted tree, by asking the kernel. The top is opened for each piece
// of work and closed after it: an open directory would keep the administrator from unmounting the file system.

import { procPath } from "../fs/confined-root.js";
import { ENOENT, ENOTDIR } from "../fs/errno.js";
import { handleAt, openHandle } from "../fs/file-handle.js";
import { AT_FDCWD, closeFd, O_CLOEXEC, O_DIRECTORY, O_PATH, O_RDONLY, openAt, readlinkAt, statAt } from "../fs/native.js";
import type { BytePath } from "../model/byte-path.js";
import { handleOfKey, type InodeKey } from "./fanotify-event.js";

/** Where an inode is. `gone`: nowhere. `outside`: not below the top, by the name found. `unknown`: it could not be told now. */
export type Whereabouts =
  | { readonly kind: "found"; readonly path: BytePath }
  | { readonly kind: "gone" }
  | { readonly kind: "outside" }
  | { readonly kind: "unknown" };

const GONE: Whereabouts = { kind: "gone" };
const OUTSIDE: Whereabouts = { kind: "outside" };
const UNKNOWN: Whereabouts = { kind: "unknown" };

const ESTALE = 116;
/** What the kernel says of a file that was opened by its handle and of which it has no name at hand. */
const NO_NAME = "/";
/** Directories on the way may be renamed while it is looked for. */
const ATTEMPTS_MAX = 12;
/** The same answer so many times that does not hold: it is no path below the top at all (covered by a mount, or removed). */
const SAME_ANSWERS = 3;

export interface ResolverOptions {
  /** Absolute, in bytes. */
  readonly path: string;
  readonly mountId: number;
  readonly fsid: string;
  readonly topKey: InodeKey;
}

export class FanotifyResolver {
  readonly #options: ResolverOptions;
  /** Open top of this piece of work; negative = it is not there; null = not tried yet. */
  #top: number | null = null;

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /** True when the directory this tree begins with is where it was. */
  get isPresent(): boolean {
    return this.#open() >= 0;
  }

  #open(): number {
    if (this.#top !== null) return this.#top;
    const { path, topKey, mountId, fsid } = this.#options;
    const fd = openAt(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    this.#top = fd;
    if (fd < 0) return fd;
    const found = handleAt(fd, "");
    if (typeof found !== "number" && found.mountId === mountId && fsid + found.handle === topKey) return fd;
    closeFd(fd);
    this.#top = -ENOENT;
    return this.#top;
  }

  /** Ends the piece of work. */
  rest(): void {
    if (this.#top !== null && this.#top >= 0) closeFd(this.#top);
    this.#top = null;
  }

  /** The inode at a path; "other" = on another mount; null = none, or it cannot be looked at. */
  keyAt(path: BytePath): InodeKey | "other" | null {
    const top = this.#open();
    const found = top < 0 ? top : handleAt(top, path);
    if (typeof found === "number") return null;
    return found.mountId === this.#options.mountId ? this.#options.fsid + found.handle : "other";
  }

  /** Device of what is at `path`, as statx tells it; 0 when it cannot be told. */
  deviceAt(path: BytePath): number {
    const top = this.#open();
    const stat = top < 0 ? top : statAt(top, path);
    return typeof stat === "number" ? 0 : stat.dev;
  }

  /** Looks for an inode by its handle, and believes only what is confirmed by the way back. */
  find(key: InodeKey, what: "directory" | "file"): Whereabouts {
    let last = "";
    let repeats = 0;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const answer = this.#linkOf(key);
      if (typeof answer !== "string") return answer;
      if (answer === NO_NAME && what === "file") return UNKNOWN;
      const path = this.#relative(answer);
      if (path === null) return OUTSIDE;
      const there = this.keyAt(path);
      if (there === key) return { kind: "found", path };
      if (there === "other") return OUTSIDE;
      repeats = answer === last ? repeats + 1 : 1;
      last = answer;
      if (repeats >= SAME_ANSWERS) return OUTSIDE;
    }
    return UNKNOWN;
  }

  #linkOf(key: InodeKey): string | Whereabouts {
    const top = this.#open();
    if (top < 0) return UNKNOWN;
    const fd = openHandle(top, handleOfKey(key), O_PATH | O_CLOEXEC);
    if (fd < 0) return fd === -ESTALE || fd === -ENOENT || fd === -ENOTDIR ? GONE : UNKNOWN;
    const link = readlinkAt(AT_FDCWD, procPath(fd));
    closeFd(fd);
    // A path longer than the kernel can say is longer than sm can replicate.
    return typeof link === "string" ? link : OUTSIDE;
  }

  #relative(path: string): BytePath | null {
    const { path: top } = this.#options;
    if (path === top) return "" as BytePath;
    const prefix = top === "/" ? "/" : `${top}/`;
    return path.startsWith(prefix) ? (path.slice(prefix.length) as BytePath) : null;
  }
}
