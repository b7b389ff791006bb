// The file systems that a connection writes to, each held open from before the first write on until what was written is synced. The kernel tells
// of a write that failed to whoever syncs first, and after that to those only who had the file system open by then: another connection, or
// any program, may be first. And a path leads elsewhere once a directory above it was renamed, or the file system unmounted.

import { closeFd, O_DIRECTORY, O_RDONLY, openAt } from "../fs/native.js";

export interface WrittenDisk {
  readonly fd: number;
  /** A directory in it (bytes), as it was called. */
  readonly path: string;
}

/** What is to be synced; whoever has done so names the round. */
export interface SyncRound {
  readonly round: number;
  readonly disks: readonly WrittenDisk[];
}

export class WrittenDisks {
  readonly #held = new Map<number, WrittenDisk & { usedIn: number }>();
  /** Rounds that were begun. */
  #rounds = 0;
  #isHandedOver = false;

  get isEmpty(): boolean {
    return this.#held.size === 0;
  }

  /** Something may be written in the open directory, which lies on this device. 0, or the negative errno. */
  use(device: number, dirfd: number, path: string): number {
    const held = this.#held.get(device);
    if (held !== undefined) {
      held.usedIn = this.#rounds;
      return 0;
    }
    const fd = openAt(dirfd, ".", O_RDONLY | O_DIRECTORY);
    if (fd < 0) return fd;
    this.#held.set(device, { fd, path, usedIn: this.#rounds });
    return 0;
  }

  beginRound(): SyncRound {
    this.#rounds += 1;
    return { round: this.#rounds, disks: [...this.#held.values()].map(({ fd, path }) => ({ fd, path })) };
  }

  /** Lets go of what was not used since the round began. A later round may be at any of them still. */
  synced(round: number): void {
    if (round !== this.#rounds || this.#isHandedOver) return;
    for (const [device, { fd, usedIn }] of this.#held) {
      if (usedIn >= round) continue;
      this.#held.delete(device);
      closeFd(fd);
    }
  }

  /** Whoever takes them closes them. */
  handOver(): readonly number[] {
    this.#isHandedOver = true;
    return [...this.#held.values()].map(({ fd }) => fd);
  }

  close(): void {
    if (!this.#isHandedOver) for (const { fd } of this.#held.values()) closeFd(fd);
    this.#held.clear();
  }
}
