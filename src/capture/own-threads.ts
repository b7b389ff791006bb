// Tells the threads of this process from all others: an event names the thread that wrote, not the process.

import { readdirSync } from "node:fs";

const REFRESH_NS = 1_000_000_000;

export class OwnThreads {
  #ids: ReadonlySet<number> = new Set();
  #readAtNs = Number.NEGATIVE_INFINITY;
  #lastId = -1;
  #lastIsOwn = false;

  /** A thread started within the last second may be taken for another's: advice, not proof. */
  has(id: number, timeNs: number): boolean {
    if (id === this.#lastId) return this.#lastIsOwn;
    if (!this.#ids.has(id) && timeNs - this.#readAtNs > REFRESH_NS) {
      this.#ids = new Set(readdirSync("/proc/self/task").map(Number));
      this.#readAtNs = timeNs;
    }
    this.#lastId = id;
    this.#lastIsOwn = this.#ids.has(id);
    return this.#lastIsOwn;
  }
}
