// The newest entries of the audit log: its files are read from their ends, piece by piece, until enough are found.

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { z } from "zod";
import { KiB } from "../base/units.js";
import type { AuditEntry, AuditQuery } from "../model/audit.js";

const PIECE_BYTES = 64 * KiB;
/** Of one line: what is longer is none of ours. */
const LINE_BYTES_MAX = 1024 * KiB;
const LINE_END = 0x0a;

const entrySchema: z.ZodType<AuditEntry> = z.object({
  at: z.string(),
  who: z.string(),
  uid: z.number().nullable(),
  pid: z.number().nullable(),
  from: z.string(),
  role: z.string(),
  command: z.string(),
  input: z.unknown(),
  result: z.string(),
  durationMs: z.number(),
  leftOut: z.number(),
});

/** `paths` from the newest file to the oldest; those that are not there are passed over, and so are lines that are no entries. */
export async function readAuditEntries(paths: readonly string[], query: AuditQuery): Promise<readonly AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for (const path of paths) {
    if (entries.length >= query.limit) break;
    await readFile(path, query, entries);
  }
  return entries;
}

async function readFile(path: string, query: AuditQuery, into: AuditEntry[]): Promise<void> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  try {
    for await (const line of linesFromEnd(file)) {
      const entry = parseEntry(line, query);
      if (entry !== undefined && into.push(entry) >= query.limit) return;
    }
  } finally {
    await file.close();
  }
}

async function* linesFromEnd(file: FileHandle): AsyncGenerator<string> {
  let end = (await file.stat()).size;
  let rest = Buffer.alloc(0);
  while (end > 0) {
    const length = Math.min(PIECE_BYTES, end);
    const piece = Buffer.alloc(length);
    const { bytesRead } = await file.read(piece, 0, length, end - length);
    if (bytesRead < length) return;
    end -= length;
    rest = Buffer.concat([piece, rest]);
    for (let at = rest.lastIndexOf(LINE_END); at >= 0; at = rest.lastIndexOf(LINE_END)) {
      yield rest.toString("utf8", at + 1);
      rest = rest.subarray(0, at);
    }
    if (rest.length > LINE_BYTES_MAX) rest = Buffer.alloc(0);
  }
  yield rest.toString("utf8");
}

function parseEntry(line: string, { command }: AuditQuery): AuditEntry | undefined {
  // Most lines of a long log are of another command: they need no parsing.
  if (line === "" || (command !== null && !line.includes(`"command":${JSON.stringify(command)}`))) return undefined;
  let data: unknown;
  try {
    data = JSON.parse(line);
  } catch {
    return undefined;
  }
  const entry = entrySchema.safeParse(data);
  return entry.success && (command === null || entry.data.command === command) ? entry.data : undefined;
}
