// The newest lines of sm.log, backwards over its files, while they are written and turned. Memory is bounded by what is asked for,
// time by the bytes that are looked at.

import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { toSmError } from "../base/errors.js";
import { isAsked, type LogEntry, type LogPage, type LogQuery } from "../model/log-entry.js";
import { parseLine } from "./log-line.js";
import { agesOf, smLogName } from "./log-series.js";

const CHUNK_BYTES = 64 * 1024;
/** What is older is not looked at. */
const SCAN_BYTES_MAX = 256 * 1024 * 1024;
/** A line that is longer is no line of ours. */
const LINE_BYTES_MAX = 1024 * 1024;
/** A clock that was set back makes older lines look newer for a while. */
const OLDER_LINES_MAX = 200;

export async function readLog(directory: string, query: LogQuery): Promise<LogPage> {
  const found: LogEntry[] = [];
  let cursor: number | null = null;
  let older = 0;
  let isCut = false;
  const after = query.after ?? 0;
  for await (const line of linesBackwards(directory)) {
    if (line === null) {
      isCut = true;
      break;
    }
    const entry = parseLine(line);
    if (entry === undefined) continue;
    cursor ??= entry.seq;
    // A log that began anew has lower numbers than those known: all of it is news.
    if (after <= cursor && entry.seq <= after) break;
    older = query.sinceMs !== undefined && Date.parse(entry.time) < query.sinceMs ? older + 1 : 0;
    if (older > OLDER_LINES_MAX) break;
    if (!isAsked(entry, query)) continue;
    if (found.length === query.limit) {
      isCut = true;
      break;
    }
    found.push(entry);
  }
  return { entries: found.reverse(), cursor: cursor ?? 0, isCut };
}

/** Newest first; null = there is more, which is not looked at. A file that was turned meanwhile is read once. */
async function* linesBackwards(directory: string): AsyncGenerator<string | null> {
  const seen = new Set<string>();
  let budget = SCAN_BYTES_MAX;
  for (let age = 0; age <= (await oldestAge(directory)); age++) {
    const file = await openIfThere(join(directory, smLogName(age)));
    if (file === null) continue;
    try {
      const { dev, ino, size } = await file.stat();
      if (seen.has(`${dev}:${ino}`)) continue;
      seen.add(`${dev}:${ino}`);
      if (budget <= 0) {
        yield null;
        return;
      }
      budget -= size;
      yield* fileBackwards(file, size);
    } finally {
      await file.close();
    }
  }
}

async function oldestAge(directory: string): Promise<number> {
  try {
    return (await agesOf(directory)).at(-1) ?? -1;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return -1;
    throw toSmError(error, "FS_IO", `the log in ${directory} cannot be read`);
  }
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw toSmError(error, "FS_IO", `${path} cannot be read`);
  }
}

async function* fileBackwards(file: FileHandle, size: number): AsyncGenerator<string> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let rest = Buffer.alloc(0);
  let isTooLong = false;
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - CHUNK_BYTES);
    const { bytesRead } = await file.read(chunk, 0, end - start, start);
    if (bytesRead < end - start) return;
    end = start;
    let text = Buffer.concat([chunk.subarray(0, bytesRead), rest]);
    for (let at = text.lastIndexOf(10); at >= 0; at = text.lastIndexOf(10)) {
      const line = text.subarray(at + 1);
      if (line.length > 0 && !isTooLong) yield line.toString("utf8");
      isTooLong = false;
      text = text.subarray(0, at);
      if (at === 0) break;
    }
    isTooLong ||= text.length > LINE_BYTES_MAX;
    rest = isTooLong ? Buffer.alloc(0) : Buffer.from(text);
  }
  if (rest.length > 0 && !isTooLong) yield rest.toString("utf8");
}
