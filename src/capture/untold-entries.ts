// Entries of a directory that nobody told of one by one.

import type { LiveContent } from "./live-content.js";
import type { Observation, WalkOptions } from "./observation.js";
import type { RootTree } from "./root-tree.js";

export interface RefreshOptions {
  readonly onSame?: WalkOptions["onSame"];
  /** That entries were written to, or closed, was not told. */
  readonly isUntold?: boolean;
}

/** Each of these files that was known before may have been written to, and closed. */
export function noteUntold(tree: RootTree, content: LiveContent | null, seen: readonly Observation[]): void {
  for (const { parent, name, stat } of seen) {
    const inode = parent.children?.get(name)?.inode;
    if (stat !== null && inode?.isSame(stat) === true) content?.note(tree, inode, { isModified: true, isClosed: true });
  }
}

/** Their content may be any. */
export function doubtMissed(tree: RootTree, content: LiveContent | null, missed: readonly Observation[]): void {
  for (const { parent, name } of missed) {
    const known = parent.children?.get(name)?.inode;
    if (known !== undefined) content?.doubt(tree, known);
  }
}
