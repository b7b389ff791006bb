// Hard links as one job meets them. On the source, names of one inode are a group: each further name is compared, or made,
// as a link to the name met first. On the target, an inode with several names is noted with the group that keeps it.
// - Names of two groups on one inode: its content is that of one of them at best. Who keeps it is made anew, for certain.
// - More names than the group has: a stranger's among them, unless they are extras that go. Looked at again at the end.
// - Links made to a first name that was there before: strangers may have stood in their place. Looked at again as well.
// No name leaves an inode that others are on before all names were compared: the last one there would look as if it had never shared it.
// What was sent as new is a fresh inode without strangers. Only inodes with several names take memory.

import { type BytePath, baseName, parentPath } from "../model/byte-path.js";
import type { RootIndex, SharedName } from "../model/change.js";
import type { InodeKey, MirrorEntry, MirrorTree } from "../model/mirror-port.js";

const UNSETTLED_MAX = 100_000;

interface Group {
  readonly first: BytePath;
  /** Of the inode, when the first name was compared or sent: a later change may have gone to the receiver by another name. */
  readonly version: number;
  readonly isFresh: boolean;
  readonly hasLinks: boolean;
}

interface Holder {
  readonly root: RootIndex;
  readonly inode: InodeKey;
  readonly path: BytePath;
}

interface Unsettled {
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly isCertain: boolean;
}

/** Names of one directory to be looked at again. */
export interface SecondLook {
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly names: ReadonlySet<string>;
  /** They are to be made anew, whatever the target says. */
  readonly isCertain: boolean;
}

export class LinkGroups {
  readonly #tree: MirrorTree;
  readonly #onSettling: () => void;
  readonly #groups = new Map<string, Group>();
  /** By inode of the target: whose first name keeps it; null = names of several groups did. */
  readonly #holders = new Map<string, Holder | null>();
  readonly #unsettled = new Map<string, Unsettled>();

  /** `onSettling`: from here on names leave the inodes that they share; nobody can tell any more which they were. */
  constructor(tree: MirrorTree, onSettling: () => void = () => undefined) {
    this.#tree = tree;
    this.#onSettling = onSettling;
  }

  /** The name of the entry's inode met first in this job, if this is a further one; otherwise this is the first one from now on. */
  note(root: RootIndex, entry: MirrorEntry): BytePath | undefined {
    if (entry.links < 2 || entry.type === "dir") return undefined;
    const { inode, path } = entry;
    const first = this.firstOf(root, entry);
    if (first !== undefined) return first;
    const known = this.#groups.get(keyOf(root, inode));
    const isSame = known?.first === path;
    this.#groups.set(keyOf(root, inode), {
      first: path,
      version: this.#tree.versionOf(root, inode),
      isFresh: isSame && known.isFresh,
      hasLinks: isSame && known.hasLinks,
    });
    // The names met since the one that went are linked to what it was.
    if (known !== undefined && !isSame) this.#add({ root, path, isCertain: true });
    return undefined;
  }

  /** The name met first, unless it is the entry's own. Either of them may be another inode's by now: then there is none. */
  firstOf(root: RootIndex, { inode, path }: Pick<MirrorEntry, "inode" | "path">): BytePath | undefined {
    const first = this.#groups.get(keyOf(root, inode))?.first;
    if (first === undefined || first === path) return undefined;
    const areLinked = [first, path].every((name) => this.#tree.inodeAt(root, name) === inode);
    return areLinked ? first : undefined;
  }

  /** What the receiver has by the first name is the inode as all receivers were told of it. */
  isFirstCurrent(root: RootIndex, inode: InodeKey): boolean {
    return this.#groups.get(keyOf(root, inode))?.version === this.#tree.versionOf(root, inode);
  }

  /** The name was sent as new. Says whether links were made to an inode that the receiver had before. */
  made(root: RootIndex, inode: InodeKey, path: BytePath): boolean {
    const group = this.#groups.size === 0 ? undefined : this.#groups.get(keyOf(root, inode));
    if (group === undefined) return false;
    this.#groups.set(keyOf(root, inode), { first: path, version: this.#tree.versionOf(root, inode), isFresh: true, hasLinks: false });
    return group.hasLinks;
  }

  /** A link to the first name was made. */
  linked(root: RootIndex, inode: InodeKey): void {
    const group = this.#groups.get(keyOf(root, inode));
    if (group === undefined) return;
    if (!group.hasLinks) this.#groups.set(keyOf(root, inode), { ...group, hasLinks: true });
    if (!group.isFresh) this.#add({ root, path: group.first, isCertain: false });
  }

  /**
   * It differs, and shares its inode on the target: nothing is done before all names were compared. Then it is made anew, unless it is a
   * further name, which is linked to the first.
   */
  differs(root: RootIndex, path: BytePath, isFirst = true): void {
    this.#add({ root, path, isCertain: isFirst });
  }

  /** The target has the entry on an inode with several names. `keeps`: it is as it should be, and stays there. */
  judge(root: RootIndex, entry: MirrorEntry, shared: SharedName, keeps: boolean): void {
    const { path, inode } = entry;
    const holder = this.#holders.get(shared.inode);
    if (holder === undefined) this.#holders.set(shared.inode, keeps ? { root, inode, path } : null);
    else if (holder === null || holder.root !== root || holder.inode !== inode) {
      if (holder !== null) this.#add({ root: holder.root, path: holder.path, isCertain: true });
      this.#holders.set(shared.inode, null);
      if (keeps) this.#add({ root, path, isCertain: true });
    }
    if (keeps && shared.links > entry.links) this.#add({ root, path, isCertain: false });
  }

  /** So much is to be looked at again that it is done before all else is compared. */
  get isCrowded(): boolean {
    return this.#unsettled.size > UNSETTLED_MAX;
  }

  get unsettled(): number {
    return this.#unsettled.size;
  }

  /** What is to be looked at again. */
  takeUnsettled(): Iterable<SecondLook> {
    this.#onSettling();
    const batches = new Map<string, SecondLook & { readonly names: Set<string> }>();
    for (const { root, path, isCertain } of this.#unsettled.values()) {
      const key = `${root}:${isCertain}:${parentPath(path)}`;
      const batch = batches.get(key) ?? { root, path: parentPath(path), names: new Set(), isCertain };
      batches.set(key, batch);
      batch.names.add(baseName(path));
    }
    this.#unsettled.clear();
    return batches.values();
  }

  clear(): void {
    this.#groups.clear();
    this.#holders.clear();
  }

  #add(unsettled: Unsettled): void {
    const key = keyOf(unsettled.root, unsettled.path);
    const isCertain = unsettled.isCertain || this.#unsettled.get(key)?.isCertain === true;
    this.#unsettled.set(key, { ...unsettled, isCertain });
  }
}

function keyOf(root: RootIndex, of: InodeKey): string {
  return `${root}:${of}`;
}
