// Whether what one pass read of the tree is a state that the source had at one moment: the moment at which the pass took in
// all that had happened. It is, when nothing that was read changed between that moment and its reading.

import { type BytePath, joinPath } from "../model/byte-path.js";
import type { Extent, RootIndex } from "../model/change.js";
import type { RootFacts } from "./fact-inbox.js";
import type { LiveContent, Written } from "./live-content.js";
import type { Inode } from "./node-table.js";
import type { RangeTransfer } from "./range-transfer.js";
import type { RootTree } from "./root-tree.js";

interface Reading {
  readonly extents: readonly Extent[] | "whole";
  readonly sizeBefore: number;
}

export class Cut {
  /** It cannot be told. */
  isSpoiled = false;
  readonly #looked = new Map<RootIndex, Set<BytePath>>();
  readonly #read = new Map<Inode, Reading>();

  /** The name was looked at. */
  look(root: RootIndex, path: BytePath): void {
    const known = this.#looked.get(root);
    if (known === undefined) this.#looked.set(root, new Set([path]));
    else known.add(path);
  }

  readWhole(inode: Inode): void {
    this.#read.set(inode, { extents: "whole", sizeBefore: inode.size });
  }

  readRanges(inode: Inode, { extents, sizeBefore }: RangeTransfer): void {
    this.#read.set(inode, this.#read.has(inode) ? { extents: "whole", sizeBefore } : { extents, sizeBefore });
  }

  /** `facts` and what waits in `content` came after the moment of the pass. */
  isUntouchedBy(facts: ReadonlyMap<RootIndex, RootFacts>, trees: readonly RootTree[], content: LiveContent): boolean {
    if (this.isSpoiled) return false;
    for (const [root, each] of facts) {
      const tree = trees[root];
      if (each.isUpheaved || tree === undefined) return false;
      const looked = this.#looked.get(root);
      if (looked !== undefined) for (const name of each.names) if (looked.has(name)) return false;
      for (const { directory, path, names } of each.within.values()) {
        const place = tree.table.inodeOf(directory.dev, directory.ino)?.nodes[0]?.path ?? path;
        if (looked !== undefined) for (const name of names) if (looked.has(joinPath(place, name))) return false;
      }
      for (const { node, path, isModified } of each.inodes.values()) {
        const inode = node === null ? tree.table.at(path)?.inode : tree.table.inodeOf(node.dev, node.ino);
        if (inode === undefined ? looked?.has(path) : isModified && this.#read.has(inode) && !content.isExplained(inode)) return false;
      }
    }
    for (const [inode, written] of content.waiting) {
      const reading = this.#read.get(inode);
      if (reading !== undefined && overlaps(reading, written)) return false;
    }
    return true;
  }
}

function overlaps({ extents, sizeBefore }: Reading, { ranges, reach, isDoubtful }: Written): boolean {
  if (extents === "whole" || isDoubtful || reach > sizeBefore) return true;
  return ranges.some(([offset, length]) => extents.some(([start, bytes]) => offset < start + bytes && start < offset + length));
}
