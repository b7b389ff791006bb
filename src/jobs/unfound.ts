// Places that a job was to compare or send, and that are known and were not there: nobody has told yet what became of them. The job
// does not end before somebody has, or what was renamed would be nobody's to compare.

import { type Clock, systemClock } from "../base/clock.js";
import { type BytePath, joinPath } from "../model/byte-path.js";
import type { MirrorTree } from "../model/mirror-port.js";
import type { DirectoryWork } from "./directory-work.js";

const LOOK_AGAIN_MS = 100;

interface Waiting {
  readonly work: DirectoryWork;
  readonly place: BytePath;
}

export class Unfound {
  readonly #tree: MirrorTree;
  readonly #clock: Clock;
  #waiting: Waiting[] = [];
  #dueMs = 0;

  constructor({ tree, clock }: { readonly tree: MirrorTree; readonly clock?: Clock }) {
    this.#tree = tree;
    this.#clock = clock ?? systemClock;
  }

  get size(): number {
    return this.#waiting.length;
  }

  get isDue(): boolean {
    return this.#waiting.length > 0 && this.#clock.monotonicMs() >= this.#dueMs;
  }

  /** The directory of the work could not be listed. If it is there, it was away for a moment, or the account may not read it. */
  noteDirectory({ isWalk: _, ...work }: DirectoryWork): void {
    const isAway = this.#isAway(work.root, work.path);
    if (isAway || (work.isLate !== true && this.#tree.inodeAt(work.root, work.path) !== null)) this.#add({ work: { ...work, isLate: true }, place: work.path });
  }

  /** The name of the work could not be sent. What is there is looked at by whoever looks at what changes. */
  noteEntry(work: DirectoryWork & { readonly only: string }): void {
    const place = joinPath(work.path, work.only);
    if (this.#isAway(work.root, place)) this.#add({ work, place });
  }

  /** What need not be waited for any more: where it was renamed to has been told, and what is at its place is to be looked at. */
  lookAgain(): readonly DirectoryWork[] {
    const found: DirectoryWork[] = [];
    const away: Waiting[] = [];
    for (const one of this.#waiting) {
      if (this.#isAway(one.work.root, one.place)) away.push(one);
      else found.push(one.work);
    }
    this.#waiting = away;
    this.#dueMs = this.#clock.monotonicMs() + LOOK_AGAIN_MS;
    return found;
  }

  #add(one: Waiting): void {
    if (this.#waiting.length === 0) this.#dueMs = this.#clock.monotonicMs() + LOOK_AGAIN_MS;
    this.#waiting.push(one);
  }

  #isAway(root: DirectoryWork["root"], path: BytePath): boolean {
    return this.#tree.seek(root, path);
  }
}
