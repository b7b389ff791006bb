import { closeSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { failpoint } from "../base/failpoint.js";

/** Replaces the file so that a crash leaves the old or the new content, durably: temp, write, sync, rename, sync directory. */
export function writeFileAtomic(path: string, bytes: string | Uint8Array, mode = 0o600): void {
  const temporary = `${path}.new`;
  const fd = openSync(temporary, "w", mode);
  try {
    const buffer = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
    for (let at = 0; at < buffer.length; ) at += writeSync(fd, buffer, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  failpoint("state.write.beforeRename");
  renameSync(temporary, path);
  syncDirectory(dirname(path));
}

export function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
