// The queue of a fanotify group, read without blocking, in portions.

import { EINTR, errnoName } from "../fs/errno.js";
import { readFd } from "../fs/fanotify.js";
import { EVENT_BYTES_MAX, type FanotifyEvent, parseEvents } from "./fanotify-event.js";

const READ_BYTES = 256 * 1024;
const EAGAIN = 11;

/** `empty`: all that had happened when the last read began has been read. `more`: there is more, or may be. `broken`: read later. */
export type QueueState = "empty" | "more" | "broken";

export class EventQueue {
  readonly #group: number;
  readonly #buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  readonly #take: (event: FanotifyEvent) => void;
  readonly #onDamage: (reason: string) => void;
  events = 0;

  constructor(group: number, take: (event: FanotifyEvent) => void, onDamage: (reason: string) => void) {
    this.#group = group;
    this.#onDamage = onDamage;
    this.#take = (event) => {
      this.events += 1;
      take(event);
    };
  }

  read(readsMax: number): QueueState {
    for (let i = 0; i < readsMax; i++) {
      const length = this.#fill();
      if (length <= 0) return length === 0 || length === -EAGAIN ? "empty" : "broken";
      if (!parseEvents(this.#buffer, length, this.#take)) this.#onDamage("the kernel reported events in a form that is not known");
      // The kernel stops for want of room or of events: with so much room left it was the latter.
      if (READ_BYTES - length >= EVENT_BYTES_MAX) return "empty";
    }
    return "more";
  }

  /** Throws away what waits. */
  discard(readsMax: number): void {
    for (let i = 0; i < readsMax; i++) {
      const length = this.#fill();
      if (length <= 0 || READ_BYTES - length >= EVENT_BYTES_MAX) return;
    }
  }

  #fill(): number {
    for (;;) {
      const length = readFd(this.#group, this.#buffer);
      if (length === -EINTR) continue;
      if (length < 0 && length !== -EAGAIN) this.#onDamage(`the kernel's event queue cannot be read: ${errnoName(length)}`);
      return length;
    }
  }
}
