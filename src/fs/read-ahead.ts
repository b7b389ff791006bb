// Files that are to be read one after the other: the disk is told of the next ones while one is read. A file that is read on its own
// is waited for from its first byte; the kernel reads ahead within a file only.

import type { BytePath } from "../model/byte-path.js";
import type { RootIndex } from "../model/change.js";
import { closeFd, fetchFd, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, openAt, statAt } from "./native.js";

/** Of all files together. */
const AHEAD_BYTES_MAX = 16 * 1024 * 1024;
/** Of one: behind that the kernel reads ahead by itself. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;
const FILES_MAX = 256;
const WAITING_MAX = 4096;
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

interface Expected {
  readonly root: RootIndex;
  readonly path: BytePath;
}

const keyOf = ({ root, path }: Expected): string => `${root}:${path}`;

export class ReadAhead {
  readonly #fetch: (root: RootIndex, path: BytePath) => number;
  /** In the order in which they will be read. */
  readonly #waiting = new Map<string, Expected>();
  /** The disk was told, and of how many bytes. */
  readonly #told = new Map<string, number>();
  #bytes = 0;

  /** `fetch`: tells the disk of a file, with `fetchFile`; of how many bytes. */
  constructor(fetch: (root: RootIndex, path: BytePath) => number) {
    this.#fetch = fetch;
  }

  /** It will be read, after all that is expected by now. */
  expect(root: RootIndex, path: BytePath): void {
    if (this.#waiting.size >= WAITING_MAX) return;
    const expected = { root, path };
    if (!this.#told.has(keyOf(expected))) this.#waiting.set(keyOf(expected), expected);
    this.#tell();
  }

  /** Its turn has come, or never will: neither will that of those before it. */
  passed(root: RootIndex, path: BytePath): void {
    const key = keyOf({ root, path });
    const isBehindAll = this.#waiting.delete(key);
    for (const [each, bytes] of isBehindAll || this.#told.has(key) ? this.#told : []) {
      this.#told.delete(each);
      this.#bytes -= bytes;
      if (each === key) break;
    }
    this.#tell();
  }

  #tell(): void {
    for (const [key, { root, path }] of this.#waiting) {
      if (this.#bytes >= AHEAD_BYTES_MAX || this.#told.size >= FILES_MAX) return;
      this.#waiting.delete(key);
      const bytes = path === "" ? 0 : this.#fetch(root, path);
      this.#told.set(key, bytes);
      this.#bytes += bytes;
    }
  }
}

/** The beginning of a file; of how many bytes the disk was told. Whatever is wrong with it is found by whoever reads it. */
export function fetchFile(dirfd: number, name: string): number {
  const stat = statAt(dirfd, name);
  if (typeof stat === "number" || (stat.mode & S_IFMT) !== S_IFREG || stat.size === 0) return 0;
  const fd = openAt(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return 0;
  const bytes = Math.min(stat.size, FILE_BYTES_MAX);
  fetchFd(fd, 0, bytes);
  closeFd(fd);
  return bytes;
}
