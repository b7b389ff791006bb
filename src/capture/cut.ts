// Whether what one pass read of the tree is a state that the source had at one moment: the moment at which the pass took in
// all that had happened. It is, when nothing in the set changed between that moment and the end of the reading.

import type { RootIndex } from "../model/change.js";
import type { RootFacts, TouchedInode } from "./fact-inbox.js";
import type { LiveContent } from "./live-content.js";
import type { RootTree } from "./root-tree.js";

export class Cut {
  /** It cannot be told. */
  isSpoiled = false;

  /** `facts` and what waits in `content` came after the moment of the pass. */
  isUntouchedBy(facts: ReadonlyMap<RootIndex, RootFacts>, trees: readonly RootTree[], content: LiveContent): boolean {
    if (this.isSpoiled || content.waiting.size > 0) return false;
    for (const [root, { names, within, directories, inodes }] of facts) {
      const tree = trees[root];
      if (tree === undefined || names.size + within.size + directories.size > 0) return false;
      for (const touched of inodes.values()) if (isNews(tree, touched, content)) return false;
    }
    return true;
  }
}

/** Not the late hint of a write that was read, a close, or the times of a directory. */
function isNews(tree: RootTree, { node, path, isWritten, isModified }: TouchedInode, content: LiveContent): boolean {
  const inode = node === null ? tree.table.at(path)?.inode : tree.table.inodeOf(node.dev, node.ino);
  if (inode === undefined) return true;
  if (!isWritten) return inode.type !== "dir";
  return isModified && !content.isExplained(inode);
}
