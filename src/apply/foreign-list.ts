// Names found on the target that replication did not put there. They are never removed as extras. Kept in a log of
// additions and removals, rewritten at open when it has grown to twice what it says. Synced before anything relies on it.
// At the limit the list gives up telling entries apart: from then on no extra is removed at all.

import { existsSync, readFileSync } from "node:fs";
import { SmError } from "../base/errors.js";
import { writeFileAtomic } from "../fs/atomic-file.js";
import { fsError } from "../fs/errno.js";
import { AT_FDCWD, closeFd, fsyncFd, O_CREAT, O_RDWR, openAt, pwriteFd, truncateFd } from "../fs/native.js";
import { type BytePath, bytesFromText, isBelow, isBytePath, parentPath } from "../model/byte-path.js";
import type { RootIndex } from "../model/change.js";

const ENTRIES_MAX = 200_000;
const OVERFLOW = "*";

export class ForeignList {
  readonly #fd: number;
  readonly #names = new Set<string>();
  /** How many foreign names lie below each directory. */
  readonly #below = new Map<string, number>();
  #overflow = false;
  #end = 0;
  #pending = "";
  #unsynced = false;
  #open = true;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  static open(path: string): ForeignList {
    const lines = existsSync(path) ? readFileSync(path, "latin1").split("\n") : [];
    lines.pop(); // What follows the last newline is a torn line, or nothing.
    const fd = openAt(AT_FDCWD, bytesFromText(path), O_RDWR | O_CREAT, 0o600);
    if (fd < 0) throw fsError(fd, "open", bytesFromText(path));
    const list = new ForeignList(fd);
    for (const line of lines) list.#replay(line);
    list.#end = lines.reduce((sum, line) => sum + line.length + 1, 0);
    truncateFd(fd, list.#end);
    if (lines.length > 1000 && lines.length > 2 * list.#names.size) return list.#rewritten(path);
    return list;
  }

  get size(): number {
    return this.#names.size;
  }

  /** The entry itself, or a directory it lies in, is foreign. */
  holds(root: RootIndex, path: BytePath): boolean {
    if (this.#overflow) return true;
    if (this.#names.size === 0) return false;
    for (let at = path; at !== ""; at = parentPath(at)) if (this.#names.has(key(root, at))) return true;
    return false;
  }

  /** The entry is foreign, or something below it is. */
  touches(root: RootIndex, path: BytePath): boolean {
    return this.holds(root, path) || this.#below.has(key(root, path));
  }

  add(root: RootIndex, path: BytePath): void {
    if (this.#overflow || this.#names.has(key(root, path))) return;
    if (this.#names.size >= ENTRIES_MAX) {
      this.#overflow = true;
      this.#log(`+0${OVERFLOW}`);
      return;
    }
    this.#insert(root, path);
    this.#log(`+${root} ${escapeName(path)}`);
  }

  /** Replication takes this very name over. True when it was foreign. */
  adopt(root: RootIndex, path: BytePath): boolean {
    if (this.#names.size === 0 || !this.#delete(root, path)) return false;
    this.#log(`-${root} ${escapeName(path)}`);
    return true;
  }

  /** The tree at `path` is gone. */
  forget(root: RootIndex, path: BytePath): void {
    if (!this.touches(root, path)) return;
    for (const name of this.#under(root, path)) this.adopt(root, name);
  }

  moved(root: RootIndex, path: BytePath, to: BytePath): void {
    if (!this.touches(root, path)) return;
    for (const name of this.#under(root, path)) {
      this.adopt(root, name);
      this.add(root, (to + name.slice(path.length)) as BytePath);
    }
  }

  /** Hands what was logged to the page cache: from here on it outlives the process. */
  flush(): void {
    if (this.#pending === "") return;
    const bytes = Buffer.from(this.#pending, "latin1");
    this.#pending = "";
    const written = pwriteFd(this.#fd, bytes, bytes.length, this.#end);
    if (written !== bytes.length) throw new SmError("APPLY_RETRY", "cannot write the list of foreign names to the state directory", { data: { written } });
    this.#end += bytes.length;
    this.#unsynced = true;
  }

  sync(): void {
    this.flush();
    if (!this.#unsynced) return;
    const result = fsyncFd(this.#fd);
    if (result < 0) throw new SmError("APPLY_RETRY", "cannot sync the list of foreign names", { data: { errno: -result } });
    this.#unsynced = false;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeFd(this.#fd);
  }

  #under(root: RootIndex, path: BytePath): BytePath[] {
    const prefix = `${root}:`;
    const found: BytePath[] = [];
    for (const name of this.#names) {
      if (!name.startsWith(prefix)) continue;
      const candidate = name.slice(prefix.length) as BytePath;
      if (isBelow(candidate, path)) found.push(candidate);
    }
    return found;
  }

  #insert(root: RootIndex, path: BytePath): void {
    this.#names.add(key(root, path));
    for (let at = path; at !== ""; ) {
      at = parentPath(at);
      this.#below.set(key(root, at), (this.#below.get(key(root, at)) ?? 0) + 1);
    }
  }

  #delete(root: RootIndex, path: BytePath): boolean {
    if (!this.#names.delete(key(root, path))) return false;
    for (let at = path; at !== ""; ) {
      at = parentPath(at);
      const count = (this.#below.get(key(root, at)) ?? 1) - 1;
      if (count === 0) this.#below.delete(key(root, at));
      else this.#below.set(key(root, at), count);
    }
    return true;
  }

  #log(line: string): void {
    this.#pending += `${line}\n`;
    if (this.#pending.length > 1 << 20) this.flush();
  }

  #replay(line: string): void {
    const match = /^([+-])(\d+)( (.+)|\*)$/s.exec(line);
    if (match === null) throw new SmError("STATE_CORRUPT", "the list of foreign names in the state directory is damaged", { data: { line } });
    if (match[3] === OVERFLOW) {
      this.#overflow = true;
      return;
    }
    const path = unescapeName(match[4] ?? "");
    if (!isBytePath(path)) throw new SmError("STATE_CORRUPT", "the list of foreign names in the state directory is damaged", { data: { line } });
    if (match[1] === "+" && !this.#names.has(key(Number(match[2]), path))) this.#insert(Number(match[2]), path);
    if (match[1] === "-") this.#delete(Number(match[2]), path);
  }

  #rewritten(path: string): ForeignList {
    const lines = [...this.#names].map((name) => {
      const colon = name.indexOf(":");
      return `+${name.slice(0, colon)} ${escapeName(name.slice(colon + 1))}\n`;
    });
    if (this.#overflow) lines.push(`+0${OVERFLOW}\n`);
    this.close();
    writeFileAtomic(path, Buffer.from(lines.join(""), "latin1"));
    return ForeignList.open(path);
  }
}

function key(root: RootIndex, path: string): string {
  return `${root}:${path}`;
}

function escapeName(path: string): string {
  return path.replace(/[\\\n]/g, (c) => (c === "\n" ? "\\n" : "\\\\"));
}

function unescapeName(text: string): string {
  return text.replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));
}
