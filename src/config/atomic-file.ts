// Writes small files so that a reader, also one after a power cut, sees the old or the new content, never a part.

import { closeSync, fchmodSync, fchownSync, fsyncSync, linkSync, openSync, renameSync, rmSync, type Stats, statSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { failpoint } from "../base/failpoint.js";

/** Ends the name of a file that a crash may leave behind; whoever lists a directory passes these over. */
export const TEMPORARY_SUFFIX = ".sm-tmp";

let counter = 0;

export function syncDirectory(directory: string): void {
  const fd = openSync(directory, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Temp file, write, sync, rename, sync of the directory. A file that is there keeps its mode, owner and group; `mode` is that of a new one. */
export function writeFileAtomic(path: string, text: string, mode = 0o644): void {
  const before = statSync(path, { throwIfNoEntry: false });
  withTemporary(path, text, { mode, before }, (temporary) => {
    failpoint("state.write.beforeRename");
    renameSync(temporary, path);
  });
}

/** As writeFileAtomic, for a name that must not be there yet: throws EEXIST, whoever was faster. */
export function createFileAtomic(path: string, text: string, mode = 0o644): void {
  withTemporary(path, text, { mode, before: undefined }, (temporary) => linkSync(temporary, path));
}

interface Rights {
  readonly mode: number;
  /** The file whose rights it takes over; undefined = it has those of `mode`. */
  readonly before: Stats | undefined;
}

/** `place` gives the durable file its name; the temporary one is gone afterwards, however that ended. */
function withTemporary(path: string, text: string, { mode, before }: Rights, place: (temporary: string) => void): void {
  counter += 1;
  const temporary = join(dirname(path), `.${process.pid}-${counter}${TEMPORARY_SUFFIX}`);
  try {
    const fd = openSync(temporary, "wx", before === undefined ? mode : 0o600);
    try {
      if (before !== undefined) takeOver(fd, before);
      const bytes = Buffer.from(text, "utf8");
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    place(temporary);
  } finally {
    rmSync(temporary, { force: true });
  }
  syncDirectory(dirname(path));
}

/** Only root may give a file away: what another account writes is its own, and for nobody whom the file was not for. */
function takeOver(fd: number, { mode, uid, gid }: Stats): void {
  try {
    fchownSync(fd, uid, gid);
    fchmodSync(fd, mode & 0o777);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error;
    fchmodSync(fd, mode & 0o707);
  }
}

export function renameFileDurably(from: string, to: string): void {
  renameSync(from, to);
  syncDirectory(dirname(to));
}

export function removeFileDurably(path: string): void {
  rmSync(path, { force: true });
  syncDirectory(dirname(path));
}
