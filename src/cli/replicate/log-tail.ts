import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** The end of the agent's log, of the file that was written last; "" when there is none. */
export async function readNewestLogTail(directory: string, bytesMax: number): Promise<string> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  let newest: { readonly path: string; readonly mtimeMs: number; readonly size: number } | undefined;
  for (const name of names) {
    if (!/^sm\d*\.log$/.test(name)) continue;
    const path = join(directory, name);
    const stats = await stat(path);
    if (stats.isFile() && (newest === undefined || stats.mtimeMs > newest.mtimeMs)) newest = { path, mtimeMs: stats.mtimeMs, size: stats.size };
  }
  if (newest === undefined) return "";
  const file = await open(newest.path);
  try {
    const buffer = Buffer.alloc(Math.min(bytesMax, newest.size));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, newest.size - buffer.length);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}
