// The lines typed before, over sessions: one a line, the oldest first, readable by their owner alone.

import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const LINES_MAX = 1000;
const LINE_LENGTH_MAX = 10_000;

export class ShellHistory {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** The newest first, as readline wants them. None where there is no file. */
  read(): string[] {
    try {
      return readFileSync(this.#path, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .slice(-LINES_MAX)
        .reverse();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  }

  /** `lines` newest first. Written aside and renamed: two shells never leave half a file. */
  write(lines: readonly string[]): void {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    const temporary = `${this.#path}.${process.pid}`;
    const kept = lines.filter(isKept).slice(0, LINES_MAX).reverse();
    writeFileSync(temporary, kept.map((line) => `${line}\n`).join(""), { mode: 0o600 });
    // A file of that name that was there keeps its mode otherwise.
    chmodSync(temporary, 0o600);
    renameSync(temporary, this.#path);
  }
}

/** A line with a password, or a pairing token, is nobody's to find. */
export function isKept(line: string): boolean {
  return line.trim() !== "" && line.length <= LINE_LENGTH_MAX && !/\blog[io]n\b|\btoken\b/i.test(line);
}
