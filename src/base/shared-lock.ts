// A lock between the threads of a process, in memory that they share. It is held for microseconds, so that whoever waits for
// it waits where it is. A thread that is ended from outside may die with it: another takes it over by `inherit` then.

import { threadId } from "node:worker_threads";

const FREE = 0;
/** Whoever holds it wakes who waits; this is for one who died. */
const LOOK_MS = 50;

/** How a thread is called in shared memory; never 0. */
export function holderOf(thread: number): number {
  return thread + 1;
}

const ME = holderOf(threadId);

export class SharedLock {
  readonly #ints: Int32Array;
  readonly #at: number;

  /** `ints[at]` is the lock: 0 = free, else who holds it. */
  constructor(ints: Int32Array, at: number) {
    this.#ints = ints;
    this.#at = at;
  }

  /** Not to be entered twice by one thread. False: it was not to be had in time. */
  enter(timeoutMs = Number.POSITIVE_INFINITY): boolean {
    const untilMs = timeoutMs === Number.POSITIVE_INFINITY ? timeoutMs : performance.now() + timeoutMs;
    for (;;) {
      const holder = Atomics.compareExchange(this.#ints, this.#at, FREE, ME);
      if (holder === FREE) return true;
      if (untilMs !== Number.POSITIVE_INFINITY && performance.now() >= untilMs) return false;
      Atomics.wait(this.#ints, this.#at, holder, LOOK_MS);
    }
  }

  leave(): void {
    Atomics.store(this.#ints, this.#at, FREE);
    Atomics.notify(this.#ints, this.#at, 1);
  }

  /** Takes it over from a thread that is no more; false: that did not hold it. What it guards is as that thread left it, then. */
  inherit(thread: number): boolean {
    return Atomics.compareExchange(this.#ints, this.#at, holderOf(thread), ME) === holderOf(thread);
  }
}
