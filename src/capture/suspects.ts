// Files of which receivers may hold something else than was recorded: until the next pass has looked at them.

import type { Inode } from "./node-table.js";

export class Suspects {
  #waiting = new Set<Inode>();
  #lookedAt = 0;

  /** Neither looked at nor being looked at. */
  get pending(): number {
    return this.#waiting.size + this.#lookedAt;
  }

  add(inode: Inode): void {
    this.#waiting.add(inode);
  }

  /** A pass that looks at all of them; one that is added meanwhile waits for the next. */
  async during(look: () => Promise<void>): Promise<void> {
    this.#lookedAt = this.#waiting.size;
    this.#waiting = new Set();
    await look();
    this.#lookedAt = 0;
  }
}
