// One reader's end of a fanotify group that marks one file system, once. Whoever reads takes what waits in the kernel, for
// all: what others have not seen yet goes to a log in memory, from where each takes it at its own pace. While there is one
// reader only, nothing is written.
// Invariant: a mark goes with its file system, and a feed that lost it never gets another. So nobody's new mark hides from
// others that a file system was away.

import { EAGAIN, EINTR, errnoName } from "../fs/errno.js";
import { clearEventFd, countQueuedEvents, markedDevices, openMemoryFile, readFd, signalEventFd } from "../fs/fanotify.js";
import { allocateFd, FALLOC_PUNCH_HOLE_KEEP_SIZE, preadFd, pwriteFd } from "../fs/native.js";
import { EVENT_BYTES_MAX, wholeEvents } from "./fanotify-event.js";
import { type FeedSlot, FLAG_LOST, FLAG_SIGNALLED } from "./feed-slot.js";

export interface EventFeedOptions {
  readonly slot: FeedSlot;
  /** Its number there. */
  readonly reader: number;
  /** "major:minor". */
  readonly device: string;
  /** Events were thrown away unread. */
  readonly onLost: (reason: string) => void;
  /** Of what another reader has not read. Default: some million events. */
  readonly logBytesMax?: number | undefined;
  readonly onClose: () => void;
}

/** A reader that lags behind further has lost what it did not read. */
const LOG_BYTES_MAX = 128 * 1024 * 1024;
/** The log gives memory back in portions. */
const PUNCH_BYTES = 1024 * 1024;
const PAGE_BYTES = 4096;
/** An event with a name, to say how many wait. */
const USUAL_EVENT_BYTES = 100;

export class EventFeed {
  readonly device: string;
  readonly group: number;
  /** Readable when another reader put something into the log. */
  readonly wakeFd: number;
  readonly #options: EventFeedOptions;
  readonly #logBytesMax: number;
  #isAtEnd = true;
  #isClosed = false;

  constructor(options: EventFeedOptions) {
    const { slot, reader, device } = options;
    this.#options = options;
    this.#logBytesMax = options.logBytesMax ?? LOG_BYTES_MAX;
    this.device = device;
    this.group = slot.group;
    this.wakeFd = slot.wakeFdOf(reader);
  }

  /** All that had happened when the last portion was taken was in it, or before it. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** False: its file system was unmounted, perhaps mounted again. */
  get isMarked(): boolean {
    return markedDevices(this.group).has(this.device);
  }

  /** How many sets read it. */
  get readers(): number {
    const { slot } = this.#options;
    slot.lock.enter();
    const count = [...slot.readers()].length;
    slot.lock.leave();
    return count;
  }

  /** Events that wait, about. The kernel walks its queue for the answer: not for the hot path. */
  countWaiting(): number {
    const { slot, reader } = this.#options;
    slot.lock.enter();
    const bytes = slot.head - slot.cursorOf(reader);
    slot.lock.leave();
    return Math.max(0, countQueuedEvents(this.group)) + Math.ceil(bytes / USUAL_EVENT_BYTES);
  }

  /** Whole events, as they come from the kernel: their bytes, or the negative errno (EAGAIN: there are none). */
  next(into: Buffer): number {
    const { slot, reader, onLost } = this.#options;
    let isLost = false;
    slot.lock.enter();
    try {
      isLost = this.#hear();
      if (slot.cursorOf(reader) < slot.head) {
        const length = this.#readLog(into);
        if (length > 0) return length;
        isLost = true;
        slot.setCursor(reader, slot.head);
      }
      return this.#readKernel(into);
    } finally {
      slot.lock.leave();
      if (isLost) onLost("events that another set had read were not taken in time");
    }
  }

  /** What others left for this reader to know. */
  #hear(): boolean {
    const { slot, reader } = this.#options;
    const flags = slot.flagsOf(reader);
    if (flags === 0) return false;
    if ((flags & FLAG_SIGNALLED) !== 0) clearEventFd(this.wakeFd);
    slot.setFlags(reader, 0);
    if ((flags & FLAG_LOST) === 0) return false;
    slot.setCursor(reader, slot.head);
    return true;
  }

  #readLog(into: Buffer): number {
    const { slot, reader } = this.#options;
    const cursor = slot.cursorOf(reader);
    const got = preadFd(slot.log, into, Math.min(into.length, slot.head - cursor), cursor);
    const length = got > 0 ? wholeEvents(into, got) : 0;
    slot.setCursor(reader, cursor + length);
    this.#isAtEnd = false;
    this.#giveBack();
    return length;
  }

  #readKernel(into: Buffer): number {
    let length = readFd(this.group, into);
    while (length === -EINTR) length = readFd(this.group, into);
    // The kernel stops for want of room or of events: with so much room left it was the latter.
    this.#isAtEnd = length <= 0 || into.length - length >= EVENT_BYTES_MAX;
    if (length > 0) this.#share(into, length);
    return length;
  }

  #share(events: Buffer, length: number): void {
    const { slot, reader } = this.#options;
    const others = [...slot.readers()].filter((at) => at !== reader);
    if (others.length === 0) return;
    const { head } = slot;
    const written = this.#append(events, length, head);
    if (written) slot.head = head + length;
    slot.setCursor(reader, slot.head);
    for (const at of others) {
      const flags = slot.flagsOf(at);
      const isLost = !written || slot.head - slot.cursorOf(at) > this.#logBytesMax;
      if (isLost) slot.setCursor(at, slot.head);
      const isNews = isLost || slot.cursorOf(at) === head;
      if (isNews && (flags & FLAG_SIGNALLED) === 0) signalEventFd(slot.wakeFdOf(at));
      slot.setFlags(at, flags | (isLost ? FLAG_LOST : 0) | (isNews ? FLAG_SIGNALLED : 0));
    }
    this.#giveBack();
  }

  #append(events: Buffer, length: number, head: number): boolean {
    const { slot } = this.#options;
    if (slot.log < 0) slot.log = Math.max(-1, openMemoryFile("sm-events"));
    if (slot.log < 0) return false;
    for (let done = 0; done < length; ) {
      const wrote = pwriteFd(slot.log, events.subarray(done), length - done, head + done);
      if (wrote <= 0 && wrote !== -EINTR) return false;
      done += Math.max(0, wrote);
    }
    return true;
  }

  /** What everybody has read. */
  #giveBack(): void {
    const { slot } = this.#options;
    const read = Math.min(...[...slot.readers()].map((at) => slot.cursorOf(at)));
    const end = read - (read % PAGE_BYTES);
    if (end - slot.kept < PUNCH_BYTES || slot.log < 0) return;
    allocateFd(slot.log, FALLOC_PUNCH_HOLE_KEEP_SIZE, slot.kept, end - slot.kept);
    slot.kept = end;
  }

  /** Nothing of it may be waited for any more. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.onClose();
  }
}

/** In words, for what the kernel answers to a read. */
export function readFailure(errno: number): string | null {
  return errno >= 0 || errno === -EAGAIN ? null : `the kernel's event queue cannot be read: ${errnoName(errno)}`;
}
