// An inode as an intent remembers it: enough to tell, after a restart, whether a move was done.

import type { FileStat } from "../fs/native.js";

export interface InodeMark {
  readonly dev: number;
  readonly ino: number;
  readonly btimeSec: number;
  readonly btimeNsec: number;
}

export const NO_INODE: InodeMark = { dev: 0, ino: 0, btimeSec: 0, btimeNsec: 0 };

export function markOf(stat: FileStat): InodeMark {
  return { dev: stat.dev, ino: stat.ino, btimeSec: stat.btimeSec, btimeNsec: stat.btimeNsec };
}

export function isInode(stat: FileStat | number, mark: InodeMark): boolean {
  return (
    typeof stat !== "number" &&
    mark.ino !== 0 &&
    stat.dev === mark.dev &&
    stat.ino === mark.ino &&
    stat.btimeSec === mark.btimeSec &&
    stat.btimeNsec === mark.btimeNsec
  );
}
