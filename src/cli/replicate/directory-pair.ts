// The two directories of `sm replicate`, as real paths, checked before anything is created.

import { createHash } from "node:crypto";
import { mkdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { SmError } from "../../base/errors.js";

export interface DirectoryPair {
  readonly source: string;
  readonly target: string;
}

/** The source must be a directory; the target is created. Neither may lie within the other. */
export async function openDirectoryPair(sourceText: string, targetText: string): Promise<DirectoryPair> {
  const source = await realSource(sourceText);
  const target = await realOrFuture(resolve(targetText));
  if (isWithin(target, source)) throw new SmError("LOOP", `the target ${target} lies inside the source ${source}`);
  if (isWithin(source, target)) throw new SmError("LOOP", `the source ${source} lies inside the target ${target}`);
  try {
    await mkdir(target, { recursive: true });
  } catch (error) {
    throw new SmError("USAGE", `the target ${target} cannot be made: ${(error as Error).message}`, { cause: error });
  }
  return { source, target };
}

/** Names a pair for good: the same two directories come back to the same agent home. */
export function pairKey(pair: DirectoryPair): string {
  return createHash("sha256").update(`${pair.source}\0${pair.target}`).digest("hex").slice(0, 16);
}

async function realSource(text: string): Promise<string> {
  const path = resolve(text);
  try {
    const real = await realpath(path);
    if ((await stat(real)).isDirectory()) return real;
  } catch (error) {
    throw new SmError("USAGE", `the source ${path} cannot be used: ${(error as Error).message}`, { cause: error });
  }
  throw new SmError("USAGE", `the source ${path} is no directory`);
}

/** The real path of what exists, with the names of what does not yet. */
async function realOrFuture(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
      throw new SmError("USAGE", `the target ${path} cannot be used: ${(error as Error).message}`, { cause: error });
    }
    return join(await realOrFuture(dirname(path)), basename(path));
  }
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === "/" ? "/" : `${directory}/`);
}
