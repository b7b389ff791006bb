// A look at what is below a directory of the source, whether it is watched or not.

import { ConfinedRoot, listNames } from "../fs/confined-root.js";
import { closeFd, type FileStat, statAt } from "../fs/native.js";
import { type BytePath, bytesFromText, joinPath, ROOT_PATH } from "../model/byte-path.js";
import { WalkTurns } from "./walk-turns.js";

export interface WalkedEntry {
  readonly path: BytePath;
  readonly isDirectory: boolean;
  /** Bytes; regular files only. */
  readonly size: number;
}

/**
 * Shows what is below `directory`, in the order of names; `show` tells whether to go into a directory. Returns how many could not be
 * read. Ends early when its turns are given up.
 */
export async function walkSource(directory: string, show: (entry: WalkedEntry) => boolean, turns = new WalkTurns()): Promise<number> {
  const root = ConfinedRoot.open(bytesFromText(directory));
  let problems = 0;
  try {
    const pending: BytePath[] = [ROOT_PATH];
    for (let at = pending.pop(); at !== undefined && !turns.isGivenUp; at = pending.pop()) {
      if (turns.isOver()) await turns.next();
      const fd = root.openDirectory(at);
      if (fd < 0) problems += 1;
      else pending.push(...(await showNames(fd, at, show, turns)).reverse());
    }
  } finally {
    root.close();
  }
  return problems;
}

/** Closes the directory. Returns those below it that are to be gone into. */
async function showNames(fd: number, at: BytePath, show: (entry: WalkedEntry) => boolean, turns: WalkTurns): Promise<BytePath[]> {
  const below: BytePath[] = [];
  try {
    for (const name of listNames(fd).sort()) {
      if (turns.isOver()) await turns.next();
      if (turns.isGivenUp) break;
      const stat = statAt(fd, name);
      if (typeof stat === "number" || isSocket(stat)) continue;
      const entry = { path: joinPath(at, name), isDirectory: typeBitsOf(stat) === 0o040000, size: typeBitsOf(stat) === 0o100000 ? stat.size : 0 };
      if (show(entry) && entry.isDirectory) below.push(entry.path);
    }
  } finally {
    closeFd(fd);
  }
  return below;
}

/** They belong to processes, and are never replicated. */
function isSocket(stat: FileStat): boolean {
  return typeBitsOf(stat) === 0o140000;
}

function typeBitsOf({ mode }: FileStat): number {
  return mode & 0o170000;
}
