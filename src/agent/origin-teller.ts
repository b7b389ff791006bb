// What this agent tells its targets of where the content of its sources comes from, and who has to be told anew.

import { type Feed, isSameOrigins, originsOf } from "../apply/loop-check.js";
import type { Origin } from "../model/session.js";

export class OriginTeller {
  readonly #feeds: () => readonly Feed[];
  readonly #told = new Map<number, readonly Origin[]>();

  /** `feeds`: what flows into this agent now. */
  constructor(feeds: () => readonly Feed[]) {
    this.#feeds = feeds;
  }

  /** For the hello of a connection whose source has these roots. */
  tell(connectionId: number, roots: readonly string[]): Origin[] {
    const origins = originsOf(roots, this.#feeds());
    this.#told.set(connectionId, origins);
    return origins;
  }

  /**
   * Something was told that is not so any more, or is not known to the target. A feed that is gone may be back in a moment: what was
   * told of it stays, unless `isExact`.
   */
  isOutdated(connectionId: number, roots: readonly string[], isExact: boolean): boolean {
    const told = this.#told.get(connectionId);
    if (told === undefined) return false;
    const origins = originsOf(roots, this.#feeds());
    return !isSameOrigins(told, isExact ? origins : [...told, ...origins]);
  }

  forget(connectionId: number): void {
    this.#told.delete(connectionId);
  }
}
