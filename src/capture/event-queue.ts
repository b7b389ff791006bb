// The events of a feed, read without blocking, in portions.

import type { EventFeed } from "./event-feed.js";
import { readFailure } from "./event-feed.js";
import { type FanotifyEvent, parseEvents } from "./fanotify-event.js";

const READ_BYTES = 256 * 1024;

/** `empty`: all that had happened when the last read began has been read. `more`: there is more, or may be. `broken`: read later. */
export type QueueState = "empty" | "more" | "broken";

export class EventQueue {
  readonly feed: EventFeed;
  readonly #buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  readonly #take: (event: FanotifyEvent) => void;
  readonly #onDamage: (reason: string) => void;

  constructor(feed: EventFeed, take: (event: FanotifyEvent) => void, onDamage: (reason: string) => void) {
    this.feed = feed;
    this.#take = take;
    this.#onDamage = onDamage;
  }

  read(readsMax: number): QueueState {
    for (let i = 0; i < readsMax; i++) {
      const length = this.feed.next(this.#buffer);
      const failure = readFailure(length);
      if (failure !== null) this.#onDamage(failure);
      if (length <= 0) return failure === null ? "empty" : "broken";
      if (!parseEvents(this.#buffer, length, this.#take)) this.#onDamage("the kernel reported events in a form that is not known");
      if (this.feed.isAtEnd) return "empty";
    }
    return "more";
  }

  /** Throws away what waits. */
  discard(readsMax: number): void {
    for (let i = 0; i < readsMax; i++) {
      if (this.feed.next(this.#buffer) <= 0 || this.feed.isAtEnd) return;
    }
  }
}
