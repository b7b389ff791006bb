// Writes small files so that a reader, also one after a power cut, sees the old or the new content, never a part.

import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
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

/** Temp file, write, sync, rename, sync of the directory. The owner alone may write; `mode` as given to open(2). */
export function writeFileAtomic(path: string, text: string, mode = 0o644): void {
  counter += 1;
  const temporary = join(dirname(path), `.${process.pid}-${counter}${TEMPORARY_SUFFIX}`);
  try {
    const fd = openSync(temporary, "wx", mode);
    try {
      const bytes = Buffer.from(text, "utf8");
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    failpoint("state.write.beforeRename");
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncDirectory(dirname(path));
}

export function renameFileDurably(from: string, to: string): void {
  renameSync(from, to);
  syncDirectory(dirname(to));
}

export function removeFileDurably(path: string): void {
  rmSync(path, { force: true });
  syncDirectory(dirname(path));
}
