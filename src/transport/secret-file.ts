// Files that only this account may read: keys, pins, token hashes. A crash leaves the old or the new content.

import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { SmError } from "../base/errors.js";
import { type FileFacts, secretFault } from "../base/file-rights.js";

const SECRET_BYTES_MAX = 4 * 1024 * 1024;

export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}

async function withFile<T>(path: string, flags: string | number, mode: number, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, flags, mode);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

export async function syncPath(path: string): Promise<void> {
  await withFile(path, "r", 0, (file) => file.sync());
}

export async function makePrivateDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}

/** Writes durably, mode 0600 whatever the umask; a file or link of that name is none of ours, and goes. Not atomic by itself: see replaceSecretFile. */
export async function writeSecretFile(path: string, text: string): Promise<void> {
  await rm(path, { force: true });
  await withFile(path, "wx", 0o600, async (file) => {
    await file.chmod(0o600);
    await file.writeFile(text);
    await file.sync();
  });
}

export async function replaceSecretFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  await writeSecretFile(temporary, text);
  await rename(temporary, path);
  await syncPath(dirname(path));
}

/** Refuses what others may read or write, own, or led here by a link: a key that may have leaked is no identity, pins that others write are no pins. */
export async function refuseShared(path: string): Promise<void> {
  refuseUnsafe(path, await lstat(path));
}

function refuseUnsafe(path: string, facts: FileFacts): void {
  const fault = secretFault(path, facts, process.geteuid?.() ?? 0);
  if (fault !== undefined) throw fault;
}

/** The text of the file, or undefined when there is none. What is judged is what is read: nobody can exchange it in between. */
export async function readSecretFile(path: string): Promise<string | undefined> {
  try {
    await refuseShared(path);
    return await withFile(path, constants.O_RDONLY | constants.O_NOFOLLOW, 0, async (file) => {
      const facts = await file.stat();
      refuseUnsafe(path, facts);
      if (facts.size > SECRET_BYTES_MAX) throw new SmError("STATE_CORRUPT", `${path} is larger than ${SECRET_BYTES_MAX} bytes`);
      return file.readFile("utf8");
    });
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
