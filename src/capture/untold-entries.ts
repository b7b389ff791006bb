// Entries that nobody told of one by one.

import type { FileStat } from "../fs/native.js";
import type { LiveContent } from "./live-content.js";
import type { Inode } from "./node-table.js";
import type { Observation, WalkOptions } from "./observation.js";
import type { RootTree } from "./root-tree.js";

export interface RefreshOptions {
  readonly onSame?: WalkOptions["onSame"];
  /** That entries were written to, or closed, was not told. */
  readonly isUntold?: boolean;
}

export interface PlanHow {
  /** What is missing for the first time waits. */
  readonly holdMissing: boolean;
  /** See RefreshOptions. */
  readonly isUntold?: boolean;
}

/** A file that was known before, and looks like `stat`, may have been written to, and closed. */
export function noteUntold(tree: RootTree, content: LiveContent | null, inode: Inode | undefined, stat: FileStat | null): void {
  if (content === null || stat === null || inode?.isSame(stat) !== true || inode.hasSameCtime(stat)) return;
  content.note(tree, inode, { isModified: !inode.hasSameContentTimes(stat), isClosed: true });
}

/** Their content may be any. */
export function doubtMissed(tree: RootTree, content: LiveContent | null, missed: readonly Observation[]): void {
  for (const { parent, name } of missed) {
    const known = parent.children?.get(name)?.inode;
    if (known !== undefined) content?.doubt(tree, known);
  }
}
