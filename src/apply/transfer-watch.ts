// A file that comes in several pieces is one transfer. A piece that continues one is written only onto the very file that
// the piece before left, untouched since: otherwise the last piece would give a wrong content the right size and time.

import type { FileStat } from "../fs/native.js";
import type { FileChange } from "../model/change.js";

/** At the limit the oldest transfer is forgotten: its next piece is stale, and the file is sent anew. */
const TRANSFERS_MAX = 10_000;

export class TransferWatch {
  readonly #left = new Map<string, FileStat>();

  mayContinue(change: FileChange, stat: FileStat): boolean {
    const left = this.#left.get(keyOf(change));
    if (left === undefined || left.ino !== stat.ino || left.dev !== stat.dev) return false;
    return left.size === stat.size && left.mtimeSec === stat.mtimeSec && left.mtimeNsec === stat.mtimeNsec;
  }

  /** How a piece, written or cut short, has left the file. */
  leave(change: FileChange, stat: FileStat): void {
    this.#left.delete(keyOf(change));
    if (this.#left.size >= TRANSFERS_MAX) {
      for (const oldest of this.#left.keys()) {
        this.#left.delete(oldest);
        break;
      }
    }
    this.#left.set(keyOf(change), stat);
  }

  end(change: FileChange): void {
    if (this.#left.size > 0) this.#left.delete(keyOf(change));
  }
}

function keyOf({ root, path }: FileChange): string {
  return `${root}:${path}`;
}
