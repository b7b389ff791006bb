// Files that only this account may read: keys, pins, token hashes. A crash leaves the old or the new content.

import { type FileHandle, mkdir, open, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { SmError } from "../base/errors.js";

const SECRET_BYTES_MAX = 4 * 1024 * 1024;

export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}

async function withFile<T>(path: string, flags: string, mode: number, use: (file: FileHandle) => Promise<T>): Promise<T> {
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

/** Writes durably, mode 0600 whatever the umask or an earlier file. Not atomic by itself: see replaceSecretFile. */
export async function writeSecretFile(path: string, text: string): Promise<void> {
  await withFile(path, "w", 0o600, async (file) => {
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

/** Refuses what others may read or write: a key that may have leaked is no identity, pins that others write are no pins. */
export async function refuseShared(path: string): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0) return;
  const wanted = (mode & 0o170000) === 0o040000 ? "700" : "600";
  throw new SmError("IDENTITY_UNSAFE", `${path} has mode ${(mode & 0o7777).toString(8)}, so other accounts may use it: run chmod ${wanted} ${path}`, {
    data: { path, chmod: wanted },
  });
}

/** The text of the file, or undefined when there is none. */
export async function readSecretFile(path: string): Promise<string | undefined> {
  try {
    await refuseShared(path);
    return await withFile(path, "r", 0, async (file) => {
      if ((await file.stat()).size > SECRET_BYTES_MAX) throw new SmError("STATE_CORRUPT", `${path} is larger than ${SECRET_BYTES_MAX} bytes`);
      return file.readFile("utf8");
    });
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
