// Files that are being made anew beside the ones they are to replace. They have no name until they are whole: what a process that is
// killed leaves of them, the kernel takes away.

import { close, openSync } from "node:fs";
import { procPath } from "../fs/confined-root.js";
import { closeFd, type FileStat, statAt, unlinkAt } from "../fs/native.js";
import type { BytePath } from "../model/byte-path.js";
import type { RebuildChange, RootIndex } from "../model/change.js";
import { PartsHash } from "../model/parts-hash.js";

/** At the limit the one that waited longest is given up: its next piece is stale, and the file is sent in another way. */
const REBUILDS_MAX = 4;
/** Nobody goes on with one that waited so long. */
const IDLE_MS_MAX = 10 * 60 * 1000;
const PASSING = ".sm-rebuild-";

export interface Rebuild {
  /** What it is made of, open for reading, as it was when the first piece came. */
  readonly oldFd: number;
  readonly old: FileStat;
  readonly fd: number;
  readonly hash: PartsHash;
  /** So much of it is made. */
  length: number;
  /** Of that, so much was given to the disk. */
  givenBytes: number;
  touchedAtMs: number;
}

export class Rebuilds {
  /** The one that was touched last, last. */
  readonly #byPlace = new Map<string, Rebuild>();

  begin({ root, path, seed }: RebuildChange, oldFd: number, old: FileStat, fd: number): Rebuild {
    this.drop(root, path);
    for (const [key, { touchedAtMs }] of this.#byPlace) {
      if (this.#byPlace.size < REBUILDS_MAX && performance.now() - touchedAtMs < IDLE_MS_MAX) break;
      this.#dropKey(key);
    }
    const rebuild = { oldFd, old, fd, hash: new PartsHash(seed), length: 0, givenBytes: 0, touchedAtMs: performance.now() };
    this.#byPlace.set(keyOf(root, path), rebuild);
    return rebuild;
  }

  /** What an earlier piece began. */
  resume({ root, path }: RebuildChange): Rebuild | undefined {
    const key = keyOf(root, path);
    const rebuild = this.#byPlace.get(key);
    if (rebuild === undefined) return undefined;
    this.#byPlace.delete(key);
    this.#byPlace.set(key, rebuild);
    rebuild.touchedAtMs = performance.now();
    return rebuild;
  }

  drop(root: RootIndex, path: BytePath): void {
    if (this.#byPlace.size > 0) this.#dropKey(keyOf(root, path));
  }

  close(): void {
    for (const key of [...this.#byPlace.keys()]) this.#dropKey(key);
  }

  #dropKey(key: string): void {
    const rebuild = this.#byPlace.get(key);
    if (rebuild === undefined) return;
    this.#byPlace.delete(key);
    closeFd(rebuild.fd);
    closeAside(rebuild.oldFd);
  }
}

/** The name that a file which is whole has for a moment: of its number, so that whoever completes the step finds it. */
export function passingName({ ino }: Pick<FileStat, "ino">): string {
  return `${PASSING}${ino}`;
}

/** Removes what a process left that was killed in that moment, if nobody completed the step. True = it was that. */
export function removePassing(dirfd: number, name: string): boolean {
  if (!name.startsWith(PASSING)) return false;
  const stat = statAt(dirfd, name);
  return typeof stat !== "number" && name === passingName(stat) && unlinkAt(dirfd, name, false) === 0;
}

/** It may be all that is left of a large file, which takes the kernel a while to free: that is for a thread of the pool. */
function closeAside(fd: number): void {
  try {
    // Node wants to have opened what it is to close.
    close(openSync(procPath(fd), "r"), () => undefined);
  } catch (error) {
    // No descriptor is left, say: then it is freed here.
    if (!(error instanceof Error)) throw error;
  }
  closeFd(fd);
}

function keyOf(root: RootIndex, path: BytePath): string {
  return `${root}:${path}`;
}
