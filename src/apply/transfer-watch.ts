// A file that comes in several changes is one transfer. When one part was refused, later parts (which carry no base
// check of their own) must not be written: they would make size and mtime of a wrong content look right.

import type { FileChange } from "../model/change.js";

const BROKEN_MAX = 10_000;

export class TransferWatch {
  readonly #broken = new Set<string>();

  /** True when the change continues a transfer that was refused. Its last part ends the refusal. */
  refuses(change: FileChange): boolean {
    if (this.#broken.size === 0) return false;
    const key = `${change.root}:${change.path}`;
    const continues = change.start === "patch" && change.base === null;
    if (!this.#broken.has(key)) return false;
    if (!continues || change.meta !== null) this.#broken.delete(key);
    return continues;
  }

  refused(change: FileChange): void {
    if (change.meta !== null) return;
    if (this.#broken.size >= BROKEN_MAX) for (const oldest of [...this.#broken].slice(0, 1000)) this.#broken.delete(oldest);
    this.#broken.add(`${change.root}:${change.path}`);
  }
}
