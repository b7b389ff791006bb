// From events to hints: says of each event which directories of the set it concerns, and keeps the index of directories up
// to date on the way. Events come merged and out of order; so nothing here believes in their sequence: what an event says of
// a directory's place is noted as doubtful and confirmed against the tree at the end of the batch.

import { FAN_ATTRIB, FAN_CLOSE_WRITE, FAN_CREATE, FAN_DELETE, FAN_MODIFY, FAN_ONDIR, FAN_Q_OVERFLOW } from "../fs/fanotify.js";
import { joinPath } from "../model/byte-path.js";
import type { RootIndex } from "../model/change.js";
import type { DirectoryNode } from "./directory-index.js";
import type { FanotifyEvent, InodeKey, NamedPlace } from "./fanotify-event.js";
import { type FanotifyHints, TOUCHED_ATTR, TOUCHED_CLOSE, TOUCHED_CONTENT, TOUCHED_NAME } from "./fanotify-hints.js";
import type { MountedTree } from "./mounted-tree.js";

export interface RouterOptions {
  readonly hints: FanotifyHints;
  /** Events were lost as a whole. */
  readonly onOverflow: () => void;
  /** Content of a file changed whose name cannot be told. */
  readonly onNameless: (root: RootIndex) => void;
  /** A directory came in that was not known: what is below it is to be read into the index. */
  readonly onCameIn: (tree: MountedTree, directory: DirectoryNode) => void;
}

/** A place in a directory of the set. */
interface Parent {
  readonly directory: DirectoryNode;
  readonly name: string;
}

/** Names are looked for at most so often per batch; beyond it a walk costs less. */
const NAMELESS_PER_BATCH = 1000;

function touchedBits(mask: number): number {
  const name = (mask & (FAN_CREATE | FAN_DELETE)) === 0 ? 0 : TOUCHED_NAME;
  const content = (mask & FAN_MODIFY) === 0 ? 0 : TOUCHED_CONTENT;
  const close = (mask & FAN_CLOSE_WRITE) === 0 ? 0 : TOUCHED_CLOSE;
  return name | content | close | ((mask & FAN_ATTRIB) === 0 ? 0 : TOUCHED_ATTR);
}

export class FanotifyRouter {
  readonly #options: RouterOptions;
  trees: readonly MountedTree[] = [];
  /** Inodes reported without a name → the bits of their events. */
  readonly #nameless = new Map<InodeKey, number>();

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  take(event: FanotifyEvent): void {
    if ((event.mask & FAN_Q_OVERFLOW) !== 0) {
      this.#options.onOverflow();
      return;
    }
    const { place, from, to, target, mask } = event;
    if (place === null && from === null && to === null) {
      if (target !== null) this.#nameless.set(target, (this.#nameless.get(target) ?? 0) | mask);
      return;
    }
    if (target !== null && this.#nameless.size > 0) this.#explain(target);
    for (const tree of this.trees) {
      if (from !== null || to !== null) this.#takeRename(tree, event);
      else if (place !== null) this.#takeNamed(tree, event, place);
    }
  }

  /** The number of links of an inode is reported without a name, just before the name that came or went. */
  #explain(target: InodeKey): void {
    if (this.#nameless.get(target) === FAN_ATTRIB) this.#nameless.delete(target);
  }

  #find(tree: MountedTree, key: InodeKey): DirectoryNode | null {
    const found = tree.find(key);
    if (found !== "unknown") return found;
    this.#options.hints.lose(tree.options.root, "a directory in which something happened could not be found, because directories were moved meanwhile");
    return null;
  }

  #takeNamed(tree: MountedTree, event: FanotifyEvent, place: NamedPlace): void {
    const { mask, target } = event;
    const isDirectory = (mask & FAN_ONDIR) !== 0 && target !== null;
    const isRemoved = isDirectory && (mask & FAN_DELETE) !== 0;
    // Also where it was outside: what moved out of the set is still known.
    if (isRemoved) this.#removeDirectory(tree, target);
    const directory = this.#find(tree, place.directory);
    const { hints } = this.#options;
    if (directory === null) {
      // What was written in a directory before it was removed may have other names in the set.
      const bits = touchedBits(mask) & ~TOUCHED_NAME;
      if (bits !== 0 && target !== null && !isDirectory && tree.isGone(place.directory)) hints.touchInode(tree, target, bits);
      return;
    }
    if (place.name === ".") {
      hints.touchDirectory(tree, directory);
      // Also said of an empty directory that another was renamed over.
      tree.index.doubtful.add(directory);
      return;
    }
    if (isDirectory && !isRemoved && (mask & FAN_CREATE) !== 0) this.#placeDirectory(tree, target, directory, place.name, true);
    hints.touch(tree, directory, place.name, touchedBits(mask), target);
  }

  #removeDirectory(tree: MountedTree, key: InodeKey): void {
    const node = tree.index.get(key);
    if (node === undefined) return;
    this.#options.hints.forget(node);
    tree.index.remove(node);
  }

  /** A directory that is new at this place; the engine is told to list it. */
  #placeDirectory(tree: MountedTree, key: InodeKey, parent: DirectoryNode, name: string, isTold: boolean): DirectoryNode | null {
    const above = tree.pathOf(parent);
    if (above === null || !tree.isWanted(joinPath(above, name))) {
      const known = tree.index.get(key);
      if (known !== undefined) tree.index.remove(known);
      tree.exclude(key);
      return null;
    }
    const node = tree.index.place(key, parent, name);
    tree.index.doubtful.add(node);
    if (isTold) this.#options.hints.list(tree, node);
    return node;
  }

  #parent(tree: MountedTree, place: NamedPlace | null): Parent | null {
    const directory = place === null ? null : this.#find(tree, place.directory);
    return place === null || directory === null ? null : { directory, name: place.name };
  }

  #takeRename(tree: MountedTree, event: FanotifyEvent): void {
    const { hints } = this.#options;
    const { target } = event;
    const from = this.#parent(tree, event.from);
    const to = this.#parent(tree, event.to);
    if (from === null && to === null) return;
    if ((event.mask & FAN_ONDIR) !== 0 && target !== null) this.#moveDirectory(tree, target, from, to);
    if (from !== null && to !== null && target !== null) {
      hints.rename({ tree, from: from.directory, fromName: from.name, to: to.directory, toName: to.name, target });
      return;
    }
    if (from !== null) hints.touch(tree, from.directory, from.name, TOUCHED_NAME, null);
    if (to !== null) hints.touch(tree, to.directory, to.name, TOUCHED_NAME, target);
  }

  #moveDirectory(tree: MountedTree, key: InodeKey, from: Parent | null, to: Parent | null): void {
    const known = tree.index.get(key);
    if (to === null) {
      if (known === undefined) return;
      this.#options.hints.forget(known);
      tree.index.cut(known);
      tree.index.doubtful.add(known);
      return;
    }
    const wasKnown = known !== undefined && tree.index.standingOf(known) === "attached";
    const oldPath = from === null ? null : tree.pathOf(from.directory);
    const wasInSet = from !== null && oldPath !== null && tree.isWanted(joinPath(oldPath, from.name));
    const node = this.#placeDirectory(tree, key, to.directory, to.name, !wasInSet);
    // It may be known only because an event of what is below it came first.
    if (node === null || (wasKnown && wasInSet)) return;
    tree.forgetOutside();
    this.#options.onCameIn(tree, node);
  }

  /** End of a batch: what was doubtful is confirmed, what had no name is looked for, no descriptor stays open. */
  endBatch(): void {
    for (const tree of this.trees) {
      for (const node of tree.settle()) {
        if (node.parent !== null) this.#options.hints.touch(tree, node.parent, node.name, TOUCHED_NAME, null);
        this.#options.hints.list(tree, node);
      }
    }
    if (this.#nameless.size > 0) this.#endNameless();
    for (const tree of this.trees) tree.rest();
  }

  #endNameless(): void {
    let budget = NAMELESS_PER_BATCH;
    for (const [key, mask] of this.#nameless) {
      budget -= 1;
      for (const tree of this.trees) {
        const found = budget < 0 ? "unknown" : tree.findName(key);
        if (found === null) continue;
        if (found !== "unknown") {
          this.#options.hints.touch(tree, found.directory, found.name, touchedBits(mask), key);
          continue;
        }
        this.#options.hints.touchInode(tree, key, touchedBits(mask));
        // Attributes alone can wait for the next walk: most often only the number of links changed.
        if ((mask & (FAN_MODIFY | FAN_CLOSE_WRITE)) !== 0) this.#options.onNameless(tree.options.root);
      }
    }
    this.#nameless.clear();
  }
}
