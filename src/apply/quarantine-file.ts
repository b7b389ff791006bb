// The quarantine of one connection on disk: a log of entries and of their ends, rewritten at open when it has grown to
// twice what it says. Written before the cursor passes a change, synced with the durable point.

import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { SmError } from "../base/errors.js";
import { writeFileAtomic } from "../fs/atomic-file.js";
import { fsError } from "../fs/errno.js";
import { AT_FDCWD, closeFd, fsyncFd, O_CREAT, O_RDWR, openAt, pwriteFd, truncateFd } from "../fs/native.js";
import { type BytePath, bytesFromText, isBytePath } from "../model/byte-path.js";

const pathSchema = z.string().refine((text): text is BytePath => isBytePath(text));

const keptSchema = z.strictObject({
  id: z.number().int().positive(),
  root: z.number().int().nonnegative(),
  path: pathSchema,
  /** The very place that refused: the path itself, or one above or below it. */
  at: pathSchema,
  code: z.string(),
  message: z.string(),
  /** Clock of the target. */
  sinceMs: z.number(),
  /** Its repair takes a mirror of the connection: a comparison of this path alone would not find all that it may have spoilt. */
  isWide: z.boolean(),
  /** Given up by a person: the source owes a mirror for it. */
  isDropped: z.boolean(),
});

export type KeptPath = z.infer<typeof keptSchema>;

const lineSchema = z.union([keptSchema, z.strictObject({ gone: z.number() })]);
const LINES_KEPT = 2000;

function parse(path: string): { readonly kept: Map<number, KeptPath>; readonly lines: readonly string[] } {
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
  lines.pop(); // What follows the last newline is a torn line, or nothing.
  const kept = new Map<number, KeptPath>();
  for (const line of lines) {
    const entry = parseLine(path, line);
    if ("gone" in entry) kept.delete(entry.gone);
    else kept.set(entry.id, entry);
  }
  return { kept, lines };
}

function parseLine(path: string, line: string): z.infer<typeof lineSchema> {
  try {
    return lineSchema.parse(JSON.parse(line));
  } catch (error) {
    throw new SmError("STATE_CORRUPT", `${path} cannot be read`, { cause: error });
  }
}

/** What is held, oldest first; while a worker writes it, too. */
export function readKept(path: string): readonly KeptPath[] {
  return [...parse(path).kept.values()];
}

export class QuarantineFile {
  readonly #fd: number;
  #end: number;
  #pending = "";
  #isUnsynced = false;
  #isOpen = true;

  private constructor(fd: number, end: number) {
    this.#fd = fd;
    this.#end = end;
  }

  static open(path: string): { readonly file: QuarantineFile; readonly kept: readonly KeptPath[] } {
    const { kept, lines } = parse(path);
    const isLong = lines.length > LINES_KEPT && lines.length > 2 * kept.size;
    if (isLong) writeFileAtomic(path, [...kept.values()].map((entry) => `${JSON.stringify(entry)}\n`).join(""));
    const shown = isLong ? [...kept.values()].map((entry) => JSON.stringify(entry)) : lines;
    const fd = openAt(AT_FDCWD, bytesFromText(path), O_RDWR | O_CREAT, 0o600);
    if (fd < 0) throw fsError(fd, "open", bytesFromText(path));
    const end = shown.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
    truncateFd(fd, end);
    return { file: new QuarantineFile(fd, end), kept: [...kept.values()] };
  }

  put({ id, root, path, at, code, message, sinceMs, isWide, isDropped }: KeptPath): void {
    this.#pending += `${JSON.stringify({ id, root, path, at, code, message, sinceMs, isWide, isDropped })}\n`;
  }

  gone(id: number): void {
    this.#pending += `${JSON.stringify({ gone: id })}\n`;
  }

  /** Hands what was logged to the page cache: from here on it outlives the process. */
  flush(): void {
    if (this.#pending === "") return;
    const bytes = Buffer.from(this.#pending);
    this.#pending = "";
    const written = pwriteFd(this.#fd, bytes, bytes.length, this.#end);
    if (written !== bytes.length) throw new SmError("APPLY_RETRY", "cannot write the quarantine to the state directory", { data: { written } });
    this.#end += bytes.length;
    this.#isUnsynced = true;
  }

  sync(): void {
    this.flush();
    if (!this.#isUnsynced) return;
    const result = fsyncFd(this.#fd);
    if (result < 0) throw new SmError("APPLY_RETRY", "cannot sync the quarantine", { data: { errno: -result } });
    this.#isUnsynced = false;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeFd(this.#fd);
  }
}
