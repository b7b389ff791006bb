// One orphan with all that is below it: counted, deleted or moved, from below. Never through a link, never into another mount or another
// mapped tree. A directory that still holds something stays.

import { beat } from "../base/pulse.js";
import { EACCES, ENOENT, errnoName } from "../fs/errno.js";
import { chmodFd, closeFd, type FileStat, openDirectoryOfSameMount, statAt, unlinkAt } from "../fs/native.js";
import { type BytePath, displayPath, joinPath } from "../model/byte-path.js";
import type { OrphansChange } from "../model/change.js";
import type { ApplyContext } from "./apply-context.js";
import { chmodNoFollow, typeOf } from "./attributes.js";
import { namesOf } from "./directory-names.js";
import { moveAside } from "./orphan-move.js";
import type { OrphanPlace, PlaceDirectory } from "./orphan-place.js";

export class OrphanSweep {
  files = 0;
  directories = 0;
  bytes = 0;
  kept = 0;
  failed = 0;
  why: string | null = null;
  readonly #ctx: ApplyContext;
  readonly #change: OrphansChange;
  readonly #place: OrphanPlace | null;

  /** `place`: where it is moved to; null = it is not. */
  constructor(ctx: ApplyContext, change: OrphansChange, place: OrphanPlace | null) {
    this.#ctx = ctx;
    this.#change = change;
    this.#place = place;
  }

  get #isDeed(): boolean {
    return this.#change.deed === "delete" || this.#change.deed === "move";
  }

  /** True when nothing of it is there any more, or would be. */
  take(dirfd: number, name: string, path: BytePath): boolean {
    return this.#take(dirfd, name, path, this.#place?.top ?? null);
  }

  #take(dirfd: number, name: string, path: BytePath, into: PlaceDirectory | null): boolean {
    beat();
    const { root, includesExcluded, beforeMs } = this.#change;
    const stat = statAt(dirfd, name);
    if (typeof stat === "number") return stat === -ENOENT || this.#fail(path, errnoName(stat));
    const isDirectory = typeOf(stat) === "dir";
    const isYoung = !isDirectory && beforeMs !== null && stat.mtimeSec * 1000 + stat.mtimeNsec / 1e6 >= beforeMs;
    if (isYoung || (!includesExcluded && !this.#ctx.matcher(root, path, isDirectory)) || (isDirectory && this.#ctx.roots.isTop(stat))) {
      this.kept += 1;
      return false;
    }
    if (isDirectory) return this.#takeDirectory(dirfd, name, path, stat, into);
    const moved = this.#isDeed ? this.#removeLeaf(dirfd, name, path, stat, into) : "";
    if (moved === null) return false;
    this.files += 1;
    if (typeOf(stat) === "file") this.bytes += stat.size;
    if (this.#isDeed) this.#gone(path, false, moved);
    return true;
  }

  /** Where it is now; "" = nowhere, null = it could not be removed. */
  #removeLeaf(dirfd: number, name: string, path: BytePath, stat: FileStat, into: PlaceDirectory | null): string | null {
    if (into === null) {
      const result = unlinkAt(dirfd, name, false);
      if (result === 0 || result === -ENOENT) return "";
      this.#fail(path, errnoName(result));
      return null;
    }
    const moved = moveAside(this.#ctx, { root: this.#change.root, path, dirfd, name, stat }, into);
    if ("why" in moved) {
      this.#fail(path, moved.why);
      return null;
    }
    return `${into.path}/${moved.name}`;
  }

  #takeDirectory(dirfd: number, name: string, path: BytePath, stat: FileStat, into: PlaceDirectory | null): boolean {
    const fd = this.#open(dirfd, name, stat);
    if (fd < 0) return fd === -ENOENT || this.#fail(path, `${errnoName(fd)}: it cannot be opened, or another file system is mounted there`);
    const to = into?.below(name, fd, stat) ?? null;
    try {
      if (statIsElsewhere(fd, stat)) return this.#fail(path, "another file system is mounted there");
      const names = namesOf(fd);
      if (typeof names === "number") return this.#fail(path, errnoName(names));
      let isEmpty = true;
      for (const below of names) if (!this.#take(fd, below, joinPath(path, below), to)) isEmpty = false;
      if (!isEmpty) {
        this.kept += 1;
        return false;
      }
      return this.#removeDirectory(dirfd, name, path, to);
    } finally {
      to?.close();
      closeFd(fd);
    }
  }

  #removeDirectory(dirfd: number, name: string, path: BytePath, to: PlaceDirectory | null): boolean {
    if (this.#isDeed) {
      // It is there before this one is gone, also when nothing was below it.
      const why = to?.complete() ?? null;
      if (why !== null) return this.#fail(path, why);
      const result = unlinkAt(dirfd, name, true);
      if (result < 0 && result !== -ENOENT) return this.#fail(path, errnoName(result));
      this.#gone(path, true, to?.path ?? "");
    }
    this.directories += 1;
    return true;
  }

  #open(dirfd: number, name: string, stat: FileStat): number {
    const { privileges } = this.#ctx;
    const fd = openDirectoryOfSameMount(dirfd, name);
    const mayUnlock = this.#isDeed && !privileges.overridesModes && stat.uid === privileges.uid;
    if (fd === -EACCES && mayUnlock && chmodNoFollow(dirfd, name, 0o700) === 0) return openDirectoryOfSameMount(dirfd, name);
    if (fd >= 0 && mayUnlock && (stat.mode & 0o700) !== 0o700) chmodFd(fd, 0o700);
    return fd;
  }

  #gone(path: BytePath, isDirectory: boolean, to: string): void {
    const { root } = this.#change;
    if (this.#ctx.foreign.size > 0) this.#ctx.foreign.forget(root, path);
    this.#ctx.orphans.gone({ root, path, isDirectory, to: to === "" ? null : to });
  }

  #fail(path: BytePath, why: string): false {
    this.failed += 1;
    this.why ??= `${displayPath(path)}: ${why}`;
    return false;
  }
}

/** Something else than what was looked at has the name by now, or lies over it. */
function statIsElsewhere(fd: number, stat: FileStat): boolean {
  const opened = statAt(fd, "");
  return typeof opened === "number" || opened.dev !== stat.dev || opened.ino !== stat.ino;
}
