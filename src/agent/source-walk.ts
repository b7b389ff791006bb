// A look at what is below a directory of the source, whether it is watched or not.

import { ConfinedRoot, listNames } from "../fs/confined-root.js";
import { closeFd, type FileStat, statAt } from "../fs/native.js";
import { type BytePath, bytesFromText, joinPath, ROOT_PATH } from "../model/byte-path.js";

export interface WalkedEntry {
  readonly path: BytePath;
  readonly isDirectory: boolean;
  /** Bytes; regular files only. */
  readonly size: number;
}

/** Entries looked at before the event loop gets a turn. */
const ENTRIES_PER_TURN = 2000;

/** Shows what is below `directory`, in the order of names; `show` tells whether to go into a directory. Returns how many could not be read. */
export async function walkSource(directory: string, show: (entry: WalkedEntry) => boolean): Promise<number> {
  const root = ConfinedRoot.open(bytesFromText(directory));
  let problems = 0;
  let budget = ENTRIES_PER_TURN;
  try {
    const pending: BytePath[] = [ROOT_PATH];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      const fd = root.openDirectory(at);
      if (fd < 0) {
        problems += 1;
        continue;
      }
      const below: BytePath[] = [];
      for (const name of listNames(fd).sort()) {
        budget -= 1;
        const stat = statAt(fd, name);
        if (typeof stat === "number" || isSocket(stat)) continue;
        const entry = { path: joinPath(at, name), isDirectory: typeBitsOf(stat) === 0o040000, size: typeBitsOf(stat) === 0o100000 ? stat.size : 0 };
        if (show(entry) && entry.isDirectory) below.push(entry.path);
      }
      closeFd(fd);
      pending.push(...below.reverse());
      if (budget > 0) continue;
      budget = ENTRIES_PER_TURN;
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    root.close();
  }
  return problems;
}

/** They belong to processes, and are never replicated. */
function isSocket(stat: FileStat): boolean {
  return typeBitsOf(stat) === 0o140000;
}

function typeBitsOf({ mode }: FileStat): number {
  return mode & 0o170000;
}
