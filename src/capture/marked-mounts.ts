// Which file systems hold the set, now: each root, and whatever is mounted below it. Marks what appears, drops what is
// gone, and notices a file system that was unmounted and mounted again, which has lost its mark without a word.

import { handleAt } from "../fs/file-handle.js";
import { findMount, type Mount, readMountTable } from "../fs/mount-table.js";
import { AT_FDCWD, closeFd } from "../fs/native.js";
import { type BytePath, ROOT_PATH } from "../model/byte-path.js";
import type { CaptureScope } from "../model/capture-port.js";
import type { RootIndex } from "../model/change.js";
import type { EventFeed } from "./event-feed.js";
import type { EventFeeds } from "./event-feeds.js";
import { lookAtMount, markLooked } from "./fanotify-marks.js";
import { MountedTree } from "./mounted-tree.js";

/** A file system of the set that raises no events for us. */
export interface UnmarkedMount {
  readonly root: RootIndex;
  readonly prefix: BytePath;
  /** Absolute, in bytes. */
  readonly path: string;
  readonly fsType: string;
  readonly reason: string;
}

export interface MountChanges {
  readonly added: readonly MountedTree[];
  readonly removed: readonly MountedTree[];
  readonly unmarked: readonly UnmarkedMount[];
}

interface WantedMount {
  readonly root: RootIndex;
  readonly prefix: BytePath;
  readonly path: string;
  readonly mount: Mount;
}

interface Held {
  readonly tree: MountedTree;
  readonly feed: EventFeed;
}

export interface MarkedMountsOptions {
  readonly feeds: EventFeeds;
  readonly scope: CaptureScope;
  /** Real paths of the roots, in bytes, in the order of the scope. */
  readonly paths: readonly string[];
}

export class MarkedMounts {
  readonly #options: MarkedMountsOptions;
  #held: readonly Held[] = [];
  #unmarked: readonly UnmarkedMount[] = [];
  #seen: readonly string[] = [];

  constructor(options: MarkedMountsOptions) {
    this.#options = options;
  }

  get trees(): readonly MountedTree[] {
    return this.#held.map(({ tree }) => tree);
  }

  get unmarked(): readonly UnmarkedMount[] {
    return this.#unmarked;
  }

  /** True when something is mounted below a root. */
  get hasNested(): boolean {
    return this.#held.some(({ tree }) => tree.options.prefix !== ROOT_PATH) || this.#unmarked.some(({ prefix }) => prefix !== ROOT_PATH);
  }

  /** False when a root is no longer what it was at the last refresh: gone, back, or another directory. */
  get areRootsAsSeen(): boolean {
    return this.#look().every((identity, index) => identity === this.#seen[index]);
  }

  #look(): string[] {
    return this.#options.paths.map((path) => {
      const found = handleAt(AT_FDCWD, path);
      return typeof found === "number" ? "" : `${found.mountId}:${found.handle}`;
    });
  }

  /** Brings marks and trees in line with what is mounted now. */
  refresh(): MountChanges {
    this.#seen = this.#look();
    const before = [...this.#held];
    const marked = new Set([...new Set(before.map(({ feed }) => feed))].filter(({ isMarked }) => isMarked));
    const held: Held[] = [];
    const added: MountedTree[] = [];
    const unmarked: UnmarkedMount[] = [];
    for (const wanted of this.#wanted()) {
      const known = before.findIndex((one) => marked.has(one.feed) && this.#isSame(one.tree, wanted));
      if (known >= 0) {
        held.push(...before.splice(known, 1));
        continue;
      }
      const one = this.#mark(wanted, unmarked);
      if (one === null) continue;
      held.push(one);
      added.push(one.tree);
    }
    this.#options.feeds.keep(new Set(held.map(({ feed }) => feed)));
    const news = unmarked.filter((one) => !this.#unmarked.some((old) => old.path === one.path && old.reason === one.reason));
    this.#held = held;
    this.#unmarked = unmarked;
    return { added, removed: before.map(({ tree }) => tree), unmarked: news };
  }

  #isSame(tree: MountedTree, { root, prefix, path, mount }: WantedMount): boolean {
    const { options } = tree;
    if (options.root !== root || options.prefix !== prefix || options.mountId !== mount.id) return false;
    const found = handleAt(AT_FDCWD, path);
    return typeof found !== "number" && options.topKey === options.fsid + found.handle;
  }

  #mark({ root, prefix, path, mount }: WantedMount, unmarked: UnmarkedMount[]): Held | null {
    const refuse = (reason: string): null => {
      unmarked.push({ root, prefix, path, fsType: mount.type, reason });
      return null;
    };
    // Before others are kept waiting: a disk may take its time.
    const looked = lookAtMount(path, mount);
    if (looked.kind === "refused") return refuse(looked.reason);
    try {
      const acquired = this.#options.feeds.acquire(mount.device, (group) => markLooked(group, looked));
      if (acquired.kind === "refused") return refuse(acquired.reason);
      const { feed, marked } = acquired;
      const { mayContain } = this.#options.scope;
      return { feed, tree: new MountedTree({ ...marked, root, prefix, path, fsType: mount.type, mayContain }) };
    } finally {
      closeFd(looked.fd);
    }
  }

  /** A root that is away has no mount: it is looked for again. */
  #wanted(): WantedMount[] {
    const mounts = readMountTable();
    const wanted: WantedMount[] = [];
    this.#options.scope.roots.forEach(({ index: root }, at) => {
      const path = this.#options.paths[at] as string;
      const mount = findMount(mounts, path);
      if (mount === undefined) return;
      wanted.push({ root, prefix: ROOT_PATH, path, mount });
      const above = path === "/" ? "/" : `${path}/`;
      for (const below of mounts) {
        if (!below.mountPoint.startsWith(above) || below.mountPoint === path) continue;
        const prefix = below.mountPoint.slice(above.length) as BytePath;
        if (!this.#options.scope.mayContain(root, prefix) || findMount(mounts, below.mountPoint) !== below) continue;
        wanted.push({ root, prefix, path: below.mountPoint, mount: below });
      }
    });
    return wanted;
  }
}
