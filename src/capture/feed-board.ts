// The feeds of a process: which file systems are marked, by which group, and who reads it. In memory that its threads share,
// so that sets that lie on one file system share its mark, each in its own thread.

import { threadId } from "node:worker_threads";
import { assert } from "../base/assert.js";
import { holderOf, type SharedLock } from "../base/shared-lock.js";
import { errnoName } from "../fs/errno.js";
import { markedDevices, openEventFd, signalEventFd } from "../fs/fanotify.js";
import { closeFd } from "../fs/native.js";
import { EventFeed } from "./event-feed.js";
import { type MarkedMount, openGroup, type Refusal } from "./fanotify-marks.js";
import { BOARD_BYTES, boardLock, FEEDS_MAX, FeedSlot, FLAG_LOST, FLAG_SIGNALLED } from "./feed-slot.js";

export interface FeedWish {
  /** "major:minor" of the file system, as in the mount table. */
  readonly device: string;
  readonly isUnlimited: boolean;
  /** Marks it in the group, or finds that it is marked; nobody else comes to mark it meanwhile. */
  readonly mark: (group: number) => MarkedMount | Refusal;
  readonly onLost: (reason: string) => void;
  readonly logBytesMax?: number;
}

export interface AcquiredFeed {
  readonly kind: "acquired";
  readonly feed: EventFeed;
  readonly marked: MarkedMount;
}

/** How long the thread of all others may wait for the lock of a board. */
const RELEASE_WAIT_MS = 20;

export class FeedBoard {
  readonly memory: SharedArrayBuffer;
  readonly #lock: SharedLock;
  readonly #slots: readonly FeedSlot[];

  constructor(memory = new SharedArrayBuffer(BOARD_BYTES)) {
    this.memory = memory;
    this.#lock = boardLock(memory);
    this.#slots = Array.from({ length: FEEDS_MAX }, (_, index) => new FeedSlot(memory, index));
  }

  /** The feed of a file system: that of others, if it is still marked there, or a new one. Where there is no room, one of its own. */
  acquire(wish: FeedWish): AcquiredFeed | Refusal {
    this.#lock.enter();
    try {
      const shared = this.#slots.find((slot) => slot.isOf(wish.device, wish.isUnlimited) && markedDevices(slot.group).has(wish.device));
      const joined = shared === undefined ? null : this.#join(shared, wish);
      if (joined !== null) return joined;
      const free = this.#slots.find(({ group }) => group < 0);
      return free === undefined ? new FeedBoard().acquire(wish) : this.#open(free, wish);
    } finally {
      this.#lock.leave();
    }
  }

  #open(slot: FeedSlot, wish: FeedWish): AcquiredFeed | Refusal {
    const group = openGroup({ isUnlimited: wish.isUnlimited });
    if (typeof group !== "number") return group;
    slot.take(group, wish.device, wish.isUnlimited);
    const opened = this.#join(slot, wish);
    assert(opened !== null, "a new feed has room for a reader");
    return opened;
  }

  #join(slot: FeedSlot, wish: FeedWish): AcquiredFeed | Refusal | null {
    const wakeFd = openEventFd();
    const reader = wakeFd < 0 ? null : this.#addReader(slot, wakeFd);
    if (reader === null) {
      if (wakeFd >= 0) closeFd(wakeFd);
      this.#closeUnread(slot);
      return wakeFd < 0 ? { kind: "refused", reason: `an event descriptor cannot be had: ${errnoName(wakeFd)}` } : null;
    }
    const { device, onLost, logBytesMax } = wish;
    const feed = new EventFeed({ slot, reader, device, onLost, logBytesMax, onClose: () => this.#leave(slot, reader) });
    let marked: MarkedMount | Refusal | null = null;
    try {
      marked = wish.mark(slot.group);
      return marked.kind === "marked" ? { kind: "acquired", feed, marked } : marked;
    } finally {
      if (marked?.kind !== "marked") this.#drop(slot, reader);
    }
  }

  #addReader(slot: FeedSlot, wakeFd: number): number | null {
    slot.lock.enter();
    try {
      return slot.addReader(holderOf(threadId), wakeFd);
    } finally {
      slot.lock.leave();
    }
  }

  #leave(slot: FeedSlot, reader: number): void {
    this.#lock.enter();
    try {
      this.#drop(slot, reader);
    } finally {
      this.#lock.leave();
    }
  }

  #drop(slot: FeedSlot, reader: number): void {
    slot.lock.enter();
    const wakeFd = slot.wakeFdOf(reader);
    // First: a thread that ends in between must not have it closed once more.
    slot.removeReader(reader);
    slot.lock.leave();
    closeFd(wakeFd);
    this.#closeUnread(slot);
  }

  #closeUnread(slot: FeedSlot): void {
    if ([...slot.readers()].length > 0) return;
    const { group, log } = slot;
    slot.free();
    if (log >= 0) closeFd(log);
    if (group >= 0) closeFd(group);
  }

  /**
   * A thread is gone: what it read is nobody's any more, and whom it left in the middle of a read is told of a loss. False: to be
   * asked again later.
   */
  release(thread: number): boolean {
    // Before the lock of the board: whoever holds that may wait for a feed.
    for (const slot of this.#slots) if (slot.lock.inherit(thread)) tellLoss(slot);
    if (!this.#lock.inherit(thread) && !this.#lock.enter(RELEASE_WAIT_MS)) return false;
    try {
      return this.#slots.every((slot) => slot.group < 0 || this.#releaseFrom(slot, thread));
    } finally {
      this.#lock.leave();
    }
  }

  #releaseFrom(slot: FeedSlot, thread: number): boolean {
    if (!slot.lock.enter(RELEASE_WAIT_MS)) return false;
    const readers = [...slot.readers()];
    slot.lock.leave();
    for (const at of readers) if (slot.ownerOf(at) === holderOf(thread)) this.#drop(slot, at);
    // It may have ended before it was its first reader.
    this.#closeUnread(slot);
    return true;
  }
}

/** Of what a thread that ended had in hand. Its lock is held, and is left. */
function tellLoss(slot: FeedSlot): void {
  for (const at of slot.readers()) {
    slot.setFlags(at, FLAG_LOST | FLAG_SIGNALLED);
    signalEventFd(slot.wakeFdOf(at));
  }
  slot.lock.leave();
}
