// From looks to changes: compares what is there with what is known and ships the difference, in an order that is valid
// on the receiver at every step. Renames keep identity (inode and birth time), for whole directories too. Names that
// trade places go through a limbo name. Removals come last, so that what moved away is saved first.

import type { FileStat } from "../fs/native.js";
import { type BytePath, joinPath } from "../model/byte-path.js";
import type { Place } from "./entry-shipper.js";
import { FileTransfer } from "./file-transfer.js";
import type { ContentState } from "./live-content.js";
import type { Inode, Node } from "./node-table.js";
import { depthOf, isAttached, type Observation, presenceOf, type Unplaced } from "./observation.js";
import type { RootTree } from "./root-tree.js";
import type { SetWriter } from "./set-writer.js";
import { type AskReceivers, shipUnknown } from "./unknown-content.js";

export interface PlanOutcome {
  /** Known names found missing whose removal waits: a rename may still show where they went. */
  readonly missing: readonly Unplaced[];
  /** Directories that are new or moved here: to be listed again once they are watched, moved ones with all below. */
  readonly newDirectories: readonly NewDirectory[];
}

export interface NewDirectory {
  readonly node: Node;
  readonly path: BytePath;
  readonly recursive: boolean;
}

export interface PlanContext {
  readonly writer: SetWriter;
  /** Called between pieces of work; resolves when more output is welcome. */
  readonly breathe: () => Promise<void>;
  /** Ships a large file to the end; resolves when done. */
  readonly transfer: (tree: RootTree, node: Node, transfer: FileTransfer) => Promise<void>;
  /** A large file with unknown block signatures may have new content: each receiver must be asked. */
  readonly askReceivers: AskReceivers;
  readonly contentOf: (inode: Inode) => ContentState;
  /** The directory is not where it is known to be: the name in it ("" = all of its entries) is to be looked at when it is found. */
  readonly onLost: (directory: Node, name: string) => void;
  /** Its times are known as they are now, and its content was not read. */
  readonly onRecord: (inode: Inode) => void;
  /** It came to another name, and may have been outside of the set meanwhile, where nobody told what happened to it. */
  readonly onUntold: (inode: Inode, stat: FileStat) => void;
  /** Names missing for the first time wait instead of being removed at once. */
  readonly holdMissing: boolean;
}

let limboCounter = 0;

export class ChangePlanner {
  readonly #tree: RootTree;
  readonly #context: PlanContext;
  readonly #arriving = new Set<string>();
  readonly #limbo: Node[] = [];
  readonly #touched = new Set<Node>();
  readonly #missing: Unplaced[] = [];
  readonly #newDirectories: NewDirectory[] = [];

  constructor(tree: RootTree, context: PlanContext) {
    this.#tree = tree;
    this.#context = context;
  }

  async run(observations: readonly Observation[]): Promise<PlanOutcome> {
    const arrivals: Observation[] = [];
    const changed: Observation[] = [];
    const gone: Observation[] = [];
    for (const seen of observations) {
      const node = seen.parent.children?.get(seen.name);
      if (seen.stat === null) {
        if (node !== undefined) gone.push(seen);
      } else if (node?.inode.isSame(seen.stat)) {
        changed.push(seen);
      } else {
        arrivals.push(seen);
        this.#arriving.add(identityKey(seen.stat));
      }
    }
    arrivals.sort((a, b) => depthOf(a.path) - depthOf(b.path) || (a.path < b.path ? -1 : 1));
    for (const seen of arrivals) if (seen.stat !== null) await this.#place(seen.parent, seen.name, seen.stat);
    for (const seen of changed) if (seen.stat !== null) await this.#refresh(seen.parent, seen.name, seen.stat);
    this.#removeLimbo();
    this.#removeGone(gone);
    this.#shipTouchedDirectories();
    return { missing: this.#missing, newDirectories: this.#newDirectories };
  }

  /** Gives the inode that `stat` shows its place at (parent, name): by rename, as a further link, or as something new. */
  async #place(parent: Node, name: string, stat: FileStat): Promise<void> {
    if (!isAttached(parent)) return;
    const existing = parent.children?.get(name);
    if (existing?.inode.isSame(stat)) return;
    if (existing !== undefined) this.#clear(existing);
    if (existing?.inode.type === "file" && existing.inode.size > 0) this.#context.writer.noteChanged(this.#tree.index, joinPath(parent.path, name));
    this.#touched.add(parent);
    const { table, index: root } = this.#tree;
    const known = table.find(stat);
    const path = joinPath(parent.path, name);
    if (known === undefined || known.nodes.length === 0) return this.#shipNew(parent, name, stat, existing !== undefined);
    const left = this.#leftNameOf(known);
    if (left !== undefined) {
      if (left.parent !== null) this.#touched.add(left.parent);
      this.#context.writer.add({ op: "rename", root, path: left.path, to: path, type: known.type });
      table.move(left, parent, name);
      this.#context.onUntold(known, stat);
      const index = this.#limbo.indexOf(left);
      if (index >= 0) this.#limbo.splice(index, 1);
      if (left.children !== null) await this.#listMoved(left);
      return this.#refresh(parent, name, stat);
    }
    if (known.type === "dir") {
      // It went back to where it was: what had the name before is gone all the same.
      if (existing !== undefined) this.#context.writer.add({ op: "remove", root, path });
      return;
    }
    const first = known.nodes[0] as Node;
    this.#context.writer.add({ op: "link", root, path, to: first.path });
    table.add(parent, name, stat);
    return this.#refresh(parent, name, stat);
  }

  /**
   * The name that an inode, which was found under another, does not have any more. Where that cannot be told a directory has left it,
   * for it has one name only; of a file it is looked at again.
   */
  #leftNameOf(known: Inode): Node | undefined {
    for (const node of known.nodes) {
      const presence = this.#limbo.includes(node) ? "gone" : presenceOf(this.#tree, node);
      if (presence === "gone" || (presence === "unknown" && known.type === "dir")) return node;
      if (presence === "unknown" && node.parent !== null) this.#context.onLost(node.parent, node.name);
    }
    return undefined;
  }

  /** Frees a name for another inode. What will be placed elsewhere, and whole directories, wait in limbo. */
  #clear(existing: Node): void {
    const { table, index: root } = this.#tree;
    const key = `${existing.inode.dev}:${existing.inode.ino}`;
    if (existing.children === null && !this.#arriving.has(key)) {
      table.remove(existing);
      return;
    }
    limboCounter += 1;
    const limboName = `.sm-limbo-${process.pid}-${limboCounter}`;
    this.#context.writer.add({ op: "rename", root, path: existing.path, to: limboName as BytePath, type: existing.inode.type });
    if (existing.parent !== null) this.#touched.add(existing.parent);
    table.move(existing, table.root, limboName);
    this.#touched.add(table.root);
    this.#limbo.push(existing);
  }

  /** The place of a name in an open directory; undefined when the directory is gone. */
  #at(parent: Node, name: string): Place | undefined {
    const dirfd = this.#tree.directoryOf(parent);
    if (dirfd !== undefined) return { dirfd, name, path: joinPath(parent.path, name) };
    this.#context.onLost(parent, name);
    return undefined;
  }

  /** `isCleared`: the receiver has something by that name, of which nothing is known here any more. */
  async #shipNew(parent: Node, name: string, stat: FileStat, isCleared: boolean): Promise<void> {
    const place = this.#at(parent, name);
    if (place === undefined) {
      if (isCleared) this.#context.writer.add({ op: "remove", root: this.#tree.index, path: joinPath(parent.path, name) });
      return;
    }
    const node = this.#tree.table.add(parent, name, stat);
    const shipped = this.#tree.shipper.shipNew(place, node.inode, stat, true);
    if (shipped === "vanished") return this.#giveUp(node);
    if (shipped instanceof FileTransfer) await this.#context.transfer(this.#tree, node, shipped);
    if (node.children !== null) await this.#listNew(node);
    await this.#context.breathe();
  }

  /** What vanished while it was read may still stand on the receiver under its name: it is removed there. */
  #giveUp(node: Node): void {
    this.#context.writer.add({ op: "remove", root: this.#tree.index, path: node.path });
    this.#tree.table.remove(node);
  }

  async #listNew(node: Node): Promise<void> {
    this.#newDirectories.push({ node, path: node.path, recursive: false });
    this.#touched.add(node);
    for (const [name, stat] of this.#found(node)) await this.#place(node, name, stat);
  }

  /** What moved into a directory that moved itself is found now, before it is missed at its old place. */
  async #listMoved(node: Node): Promise<void> {
    this.#newDirectories.push({ node, path: node.path, recursive: true });
    for (const [name, stat] of this.#found(node)) await this.#place(node, name, stat);
  }

  #found(node: Node): [string, FileStat][] {
    const path = node.path;
    const dirfd = this.#tree.directoryOf(node);
    const found: [string, FileStat][] = [];
    if (dirfd === undefined) {
      this.#tree.sayUnopened(path);
      this.#context.onLost(node, "");
      return found;
    }
    for (const name of this.#tree.names(dirfd, path)) {
      const stat = this.#tree.look(dirfd, joinPath(path, name), name);
      if (stat !== null) found.push([name, stat]);
    }
    return found;
  }

  /** A known entry with newer times: content, then attributes. */
  async #refresh(parent: Node, name: string, stat: FileStat): Promise<void> {
    const node = parent.children?.get(name);
    if (node === undefined || !isAttached(node)) return;
    const { inode } = node;
    if (inode.hasSameCtime(stat) && !inode.racy) return;
    const place = this.#at(parent, name);
    if (place === undefined) return;
    // As young as its time of change may be, its attributes can be others than those that were sent with that time.
    if (inode.type !== "file") {
      this.#tree.shipper.shipAttr(place, inode, stat, true);
      return;
    }
    const state = this.#context.contentOf(inode);
    // What was written comes with its ranges.
    if (state === "waiting") return;
    if (state === "clean" && inode.size === stat.size) {
      this.#tree.shipper.shipAttr(place, inode, stat, true);
      this.#context.onRecord(inode);
      return;
    }
    const shipped = this.#tree.shipper.shipContent(place, inode);
    if (shipped instanceof FileTransfer) await this.#context.transfer(this.#tree, node, shipped);
    else if (shipped === "unknown") shipUnknown(this.#tree, inode, place, stat, this.#context.askReceivers);
    await this.#context.breathe();
  }

  #removeLimbo(): void {
    for (const node of this.#limbo) this.#remove(node, node.children === null);
  }

  #removeGone(gone: readonly Observation[]): void {
    if (gone.length === 0) return;
    this.#tree.confirm();
    for (const seen of gone) {
      const node = seen.parent.children?.get(seen.name);
      if (node === undefined || !isAttached(node)) continue;
      const presence = presenceOf(this.#tree, node);
      if (presence === "there") continue;
      if (presence === "unknown") this.#context.onLost(seen.parent, seen.name);
      else if (this.#context.holdMissing) this.#missing.push({ parent: seen.parent, name: seen.name });
      else this.#remove(node);
    }
  }

  /** `isReplaced`: another file has its name, so that it is not lost. */
  #remove(node: Node, isReplaced = false): void {
    const { table } = this.#tree;
    const before = table.kept;
    if (node.parent !== null) this.#touched.add(node.parent);
    this.#context.writer.add({ op: "remove", root: this.#tree.index, path: node.path });
    table.remove(node);
    if (!isReplaced) this.#context.writer.noteLost(before - table.kept);
  }

  /**
   * Making and removing names changed the directories' times on both sides: set them to the source's. One that has been moved meanwhile
   * is looked at again where it is found, though its own times stay as they are known.
   */
  #shipTouchedDirectories(): void {
    for (const node of this.#touched) {
      if (!isAttached(node) || node.children === null) continue;
      node.inode.racy = true;
      const dirfd = this.#tree.directoryOf(node);
      const stat = dirfd === undefined ? null : this.#tree.look(dirfd, node.path, "");
      if (stat !== null && dirfd !== undefined) this.#tree.shipper.shipAttr({ dirfd, name: "", path: node.path }, node.inode, stat, true);
      else if (node.parent !== null) this.#context.onLost(node.parent, node.name);
    }
  }
}

function identityKey(stat: FileStat): string {
  return `${stat.dev}:${stat.ino}`;
}
