// The feeds that a set reads: one for each file system that it lies on, shared with the other sets of the process that lie there.

import { fsError } from "../fs/errno.js";
import { addToPollSet, openPollSet, removeFromPollSet } from "../fs/fanotify.js";
import { closeFd } from "../fs/native.js";
import type { EventFeed } from "./event-feed.js";
import { EventQueue, type QueueState } from "./event-queue.js";
import type { FanotifyEvent } from "./fanotify-event.js";
import type { MarkedMount, Refusal } from "./fanotify-marks.js";
import type { FeedBoard } from "./feed-board.js";

export interface EventFeedsOptions {
  readonly board: FeedBoard;
  readonly isUnlimited: boolean;
  readonly take: (event: FanotifyEvent) => void;
  /** Events of some file system are lost. */
  readonly onLost: (reason: string) => void;
}

export interface MarkedFeed {
  readonly kind: "acquired";
  readonly feed: EventFeed;
  readonly marked: MarkedMount;
}

export class EventFeeds {
  /** Readable when there is something to read in any of them. */
  readonly pollFd: number;
  readonly #options: EventFeedsOptions;
  #queues: readonly EventQueue[] = [];
  #events = 0;

  private constructor(options: EventFeedsOptions, pollFd: number) {
    this.#options = options;
    this.pollFd = pollFd;
  }

  static open(options: EventFeedsOptions): EventFeeds {
    const pollFd = openPollSet();
    if (pollFd < 0) throw fsError(pollFd, "make a descriptor to wait for", "file system events");
    return new EventFeeds(options, pollFd);
  }

  /** Events read until now. */
  get events(): number {
    return this.#events;
  }

  /** How many sets share a mark, at most. */
  get sharers(): number {
    return Math.max(0, ...this.#queues.map(({ feed }) => feed.readers));
  }

  /** The feed of a file system, in whose group `mark` marks it. */
  acquire(device: string, mark: (group: number) => MarkedMount | Refusal): MarkedFeed | Refusal {
    const own = this.#queues.find(({ feed }) => feed.device === device && feed.isMarked);
    if (own !== undefined) {
      const marked = mark(own.feed.group);
      return marked.kind === "refused" ? marked : { kind: "acquired", feed: own.feed, marked };
    }
    const { board, isUnlimited, take, onLost } = this.#options;
    const acquired = board.acquire({ device, isUnlimited, mark, onLost });
    if (acquired.kind === "refused") return acquired;
    const { feed } = acquired;
    const queue = new EventQueue(
      feed,
      (event) => {
        this.#events += 1;
        take(event);
      },
      onLost,
    );
    this.#queues = [...this.#queues, queue];
    for (const fd of [feed.group, feed.wakeFd]) {
      const added = addToPollSet(this.pollFd, fd);
      if (added < 0) throw fsError(added, "wait for", "file system events");
    }
    return acquired;
  }

  /** All others are given up. */
  keep(used: ReadonlySet<EventFeed>): void {
    for (const { feed } of this.#queues) if (!used.has(feed)) this.#close(feed);
    this.#queues = this.#queues.filter(({ feed }) => used.has(feed));
  }

  #close(feed: EventFeed): void {
    for (const fd of [feed.group, feed.wakeFd]) removeFromPollSet(this.pollFd, fd);
    feed.close();
  }

  read(readsMax: number): QueueState {
    const states = this.#queues.map((queue) => queue.read(readsMax));
    return states.includes("more") ? "more" : states.includes("broken") ? "broken" : "empty";
  }

  /** Throws away what waits. */
  discard(readsMax: number): void {
    for (const queue of this.#queues) queue.discard(readsMax);
  }

  /** Not for the hot path. */
  countWaiting(): number {
    return this.#queues.reduce((sum, { feed }) => sum + feed.countWaiting(), 0);
  }

  close(): void {
    this.keep(new Set());
    closeFd(this.pollFd);
  }
}
