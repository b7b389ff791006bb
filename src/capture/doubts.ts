// Large files whose content is in doubt: they changed, and what was shipped of them before is not known here. They are
// left alone for a moment, for changes come in a row; then every receiver is asked.

import type { RootIndex } from "../model/change.js";
import { isRacy } from "./entry-shipper.js";
import type { FactInbox } from "./fact-inbox.js";
import type { Inode } from "./node-table.js";
import { presenceOf } from "./observation.js";
import type { RootTree } from "./root-tree.js";
import type { Timetable } from "./timetable.js";

export interface DoubtsOptions {
  readonly timetable: Timetable;
  readonly inbox: FactInbox;
  /** Runs the work soon, with the trees open. */
  readonly whenOpen: (work: () => Promise<void>) => void;
  /** Every receiver must be asked for the blocks of this file. */
  readonly onAskReceivers: (root: RootIndex, inode: Inode) => void;
  /** Its content is to be compared whatever its times say, as soon as it can be read. */
  readonly onUnread: (tree: RootTree, inode: Inode) => void;
}

/** Longer than a timestamp can be racy. */
const EDITED_MS = 50;
/** Other attributes only, most likely: they are on their way already. */
const TOUCHED_MS = 2000;

export class Doubts {
  readonly #options: DoubtsOptions;
  readonly #edited = new Map<Inode, RootTree>();
  readonly #touched = new Map<Inode, RootTree>();

  constructor(options: DoubtsOptions) {
    this.#options = options;
  }

  /** Files about which nobody was asked yet. */
  get pending(): number {
    return this.#edited.size + this.#touched.size;
  }

  has(inode: Inode): boolean {
    return this.#edited.has(inode) || this.#touched.has(inode);
  }

  /** `isEdited`: size or mtime say so. */
  add(tree: RootTree, inode: Inode, isEdited: boolean): void {
    const { timetable, whenOpen } = this.#options;
    const [batch, ms] = isEdited ? [this.#edited, EDITED_MS] : [this.#touched, TOUCHED_MS];
    if (batch.size === 0) timetable.add(ms, "doubt", () => whenOpen(async () => this.#ask(batch)));
    batch.set(inode, tree);
  }

  /** Content is read from now on: a file that was left alone is not racy any more. */
  #ask(batch: Map<Inode, RootTree>): void {
    const taken = [...batch];
    batch.clear();
    for (const [inode, tree] of taken) {
      const [node] = inode.nodes;
      const dirfd = node?.parent ? tree.directoryOf(node.parent) : undefined;
      const stat = node === undefined || dirfd === undefined ? null : tree.look(dirfd, node.path, node.name);
      if (stat === null || !inode.isSame(stat)) {
        this.follow(tree, inode);
        continue;
      }
      if (inode.hasSameCtime(stat)) inode.racy = isRacy(stat, Date.now());
      this.#options.onAskReceivers(tree.index, inode);
    }
  }

  /**
   * A file in doubt could not be read by the name it is known by. If it is not there, it stays in doubt until its removal or its new
   * name is seen. If it is, it was away for a moment, or the account may not read it, which was said.
   */
  follow(tree: RootTree, inode: Inode): void {
    const [node] = inode.nodes;
    if (node === undefined) return;
    if (presenceOf(tree, node) === "there") {
      this.#options.onUnread(tree, inode);
      return;
    }
    this.#options.inbox.push([{ kind: "name", root: tree.index, path: node.path }]);
    this.add(tree, inode, false);
  }
}
