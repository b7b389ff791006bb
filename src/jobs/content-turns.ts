// One file's content is sent against what the receiver has of it, and that is asked for: what is asked before something that is on its way has
// arrived is answered as if it had not been sent. So one at a time, and of those that wait meanwhile the last.

import type { MirrorEntry } from "../model/mirror-port.js";

interface Turn {
  readonly root: number;
  readonly path: string;
  readonly entry: MirrorEntry | null;
}

export class ContentTurns<Work extends Turn> {
  /** Who waits for the one that is on its way; null = nobody. */
  readonly #taken = new Map<string, Work | null>();
  #waiting = 0;

  get waiting(): number {
    return this.#waiting;
  }

  /** Null: it may be sent. Otherwise it waits, and the one that is returned, if any, need not be sent any more. */
  begin(work: Work): { readonly superseded: Work | null } | null {
    const key = keyOf(work);
    const waits = this.#taken.get(key);
    this.#taken.set(key, waits === undefined ? null : work);
    if (waits === undefined) return null;
    if (waits === null) this.#waiting += 1;
    return { superseded: waits };
  }

  /** It was sent, or is not sent: who waited is next. */
  end(work: Work): Work | null {
    const key = keyOf(work);
    const next = this.#taken.get(key) ?? null;
    this.#taken.delete(key);
    if (next !== null) this.#waiting -= 1;
    return next;
  }
}

function keyOf({ root, path, entry }: Turn): string {
  return `${root}:${entry?.inode ?? ""}:${path}`;
}
