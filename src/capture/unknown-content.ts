// A large file that may have new content and of whose blocks nothing is known here: only the receivers can tell whether
// its content is still theirs, for size and mtime may have been put back.

import type { FileStat } from "../fs/native.js";
import { isRacy, type Place } from "./entry-shipper.js";
import type { Inode } from "./node-table.js";
import type { RootTree } from "./root-tree.js";

/** `isEdited`: it has other times or another size. */
export type AskReceivers = (tree: RootTree, inode: Inode, isEdited: boolean) => void;

/** While the file looks as before, its attributes go ahead of the answer. */
export function shipUnknown(tree: RootTree, inode: Inode, place: Place, stat: FileStat, ask: AskReceivers): void {
  const isEdited = !inode.hasSameContentTimes(stat);
  if (isEdited) tree.shipper.noteChanged(place);
  if (isEdited || inode.hasSameCtime(stat)) {
    tree.table.resize(inode, stat.size);
    inode.take(stat);
    inode.racy = isRacy(stat, Date.now());
  } else {
    tree.shipper.shipAttr(place, inode, stat, true);
  }
  ask(tree, inode, isEdited);
}
