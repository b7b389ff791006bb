// Where orphans are moved to: DIR/SET/TIME, and below it the path that they had. Directories are made when something comes into them, with
// the attributes of those that they stand for; nothing that is there already is written over, and no link is followed.

import { EEXIST, ELOOP, ENOTDIR, errnoName, fsError } from "../fs/errno.js";
import { AT_FDCWD, closeFd, type FileStat, fsyncFd, mkdirAt, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, openAt, statAt } from "../fs/native.js";
import { hasXattrs, readXattrs } from "../fs/xattrs.js";
import { type BytePath, ROOT_PATH } from "../model/byte-path.js";
import type { Meta, OrphanPlaceName, RootIndex } from "../model/change.js";
import type { ApplyContext } from "./apply-context.js";
import { applyMeta } from "./attributes.js";
import { freeName, NAMES_TRIED_MAX } from "./free-name.js";

const PRIVATE_MODE = 0o700;

export class OrphanPlace {
  /** Stands for the directory whose names are swept. */
  readonly top: PlaceDirectory;
  readonly #chain: readonly PlaceDirectory[];
  readonly #fds: readonly number[];

  private constructor(chain: readonly PlaceDirectory[], top: PlaceDirectory, fds: readonly number[]) {
    this.#chain = chain;
    this.top = top;
    this.#fds = fds;
  }

  /** `path`: the directory whose names are swept. Throws an SmError when the place cannot be opened. */
  static open(ctx: ApplyContext, { directory, repset, time }: OrphanPlaceName, root: RootIndex, path: BytePath): OrphanPlace {
    const fd = openAt(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY);
    if (fd < 0) throw fsError(fd, "open the directory", directory);
    const fds: number[] = [];
    let at = new PlaceDirectory(ctx, root, null, directory, directory, fd, null);
    const chain = [at];
    const add = (name: string, meta: Meta | null): void => {
      at = new PlaceDirectory(ctx, root, at, name, `${at.path}/${name}`, -1, meta);
      chain.push(at);
    };
    add(repset, null);
    add(time, null);
    // Trees of one set may have the same names.
    if (ctx.roots.count > 1) add(`${root + 1}`, null);
    const names = path === "" ? [] : path.split("/");
    names.forEach((name, index) => {
      const source = ctx.roots.get(root).openDirectory(names.slice(0, index + 1).join("/") as BytePath);
      const stat = source < 0 ? source : statAt(source, "");
      if (source >= 0) fds.push(source);
      add(name, typeof stat === "number" ? null : metaOf(source, stat));
    });
    return new OrphanPlace(chain, at, fds);
  }

  close(): void {
    for (const directory of [...this.#chain].reverse()) directory.close();
    for (const fd of this.#fds) closeFd(fd);
  }
}

export class PlaceDirectory {
  readonly #ctx: ApplyContext;
  readonly #root: RootIndex;
  readonly #parent: PlaceDirectory | null;
  readonly #wanted: string;
  #name: string;
  #path: string;
  /** Negative = it was not needed yet. */
  #fd: number;
  readonly #meta: Meta | null;

  constructor(ctx: ApplyContext, root: RootIndex, parent: PlaceDirectory | null, name: string, path: string, fd: number, meta: Meta | null) {
    this.#ctx = ctx;
    this.#root = root;
    this.#parent = parent;
    this.#wanted = name;
    this.#name = name;
    this.#path = path;
    this.#fd = fd;
    this.#meta = meta;
  }

  get path(): string {
    return this.#path;
  }

  /** For a directory of the target, which is open. */
  below(name: string, fd: number, stat: FileStat): PlaceDirectory {
    return new PlaceDirectory(this.#ctx, this.#root, this, name, `${this.#path}/${name}`, -1, metaOf(fd, stat));
  }

  /** An open descriptor, or why there is none. */
  open(): number | string {
    if (this.#fd >= 0) return this.#fd;
    if (this.#parent === null) return "its place is closed";
    const above = this.#parent.open();
    if (typeof above === "string") return above;
    for (let attempt = 0; attempt < NAMES_TRIED_MAX; attempt++) {
      const name = freeName(this.#wanted, attempt);
      const made = mkdirAt(above, name, PRIVATE_MODE);
      if (made < 0 && made !== -EEXIST) return `${this.#parent.path}/${name} cannot be made: ${errnoName(made)}`;
      const fd = openAt(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      // Something else has the name: it is left alone.
      if (fd === -ENOTDIR || fd === -ELOOP) continue;
      if (fd < 0) return `${this.#parent.path}/${name} cannot be opened: ${errnoName(fd)}`;
      this.#fd = fd;
      this.#name = name;
      this.#path = `${this.#parent.path}/${name}`;
      if (made === 0) {
        this.#setAttributes();
        fsyncFd(above);
      }
      return fd;
    }
    return `${this.#parent.path}/${this.#wanted} cannot be made: every name is taken`;
  }

  /** All that goes into it is in it. Null, or why it is not there. */
  complete(): string | null {
    const fd = this.open();
    if (typeof fd === "string") return fd;
    return this.#setAttributes();
  }

  close(): void {
    // What is left behind in part keeps its own times here as well.
    if (this.#fd >= 0 && this.#meta !== null) this.#setAttributes();
    if (this.#fd >= 0) closeFd(this.#fd);
    this.#fd = -1;
  }

  /** Null, or why it cannot have them. */
  #setAttributes(): string | null {
    if (this.#meta === null) return null;
    const stat = statAt(this.#fd, "");
    if (typeof stat === "number") return errnoName(stat);
    const place = { root: this.#root, path: ROOT_PATH, fd: this.#fd, dirfd: -1, name: this.#name };
    const verdict = applyMeta(this.#ctx, place, stat, this.#meta);
    if (verdict !== undefined) return verdict.kind === "stale" ? verdict.reason : verdict.message;
    return hasXattrs(this.#fd, this.#meta.xattrs) ? null : "its extended attributes cannot be kept there";
  }
}

function metaOf(fd: number, stat: FileStat): Meta {
  const { uid, gid, mtimeSec, mtimeNsec } = stat;
  const xattrs = readXattrs(fd);
  return { mode: stat.mode & 0o7777, uid, gid, mtimeSec, mtimeNsec, xattrs: typeof xattrs === "number" ? [] : xattrs };
}
