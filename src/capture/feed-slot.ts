// A feed as it lies in shared memory: its descriptors, how far its log reaches, and of each reader how far it has read.
// Everything but `lock` is read and written under the lock only; `group` is written under the lock of the board as well.

import { SharedLock } from "../base/shared-lock.js";

export const FEEDS_MAX = 32;
export const READERS_MAX = 48;

const BOARD_INTS = 2;
const [LOCK, GROUP, LOG, MAJOR, MINOR, UNLIMITED] = [0, 1, 2, 3, 4, 5];
const READERS_AT = 6;
const [OWNER, WAKE, FLAGS] = [0, 1, 2];
const READER_INTS = 3;
const FEED_INTS = READERS_AT + READERS_MAX * READER_INTS;
const [HEAD, KEPT] = [0, 1];
const CURSORS_AT = 2;
const FEED_FLOATS = CURSORS_AT + READERS_MAX;
/** A multiple of eight. */
const FLOATS_AT = Math.ceil(((BOARD_INTS + FEEDS_MAX * FEED_INTS) * 4) / 8) * 8;

export const BOARD_BYTES = FLOATS_AT + FEEDS_MAX * FEED_FLOATS * 8;

/** It lagged behind too far: what it had not read is gone. */
export const FLAG_LOST = 1;
/** Its event descriptor is readable. */
export const FLAG_SIGNALLED = 2;

export function boardLock(memory: SharedArrayBuffer): SharedLock {
  return new SharedLock(new Int32Array(memory), 0);
}

/** Descriptors are kept as one more than they are: memory begins as zeroes. */
export class FeedSlot {
  readonly lock: SharedLock;
  readonly #ints: Int32Array;
  readonly #floats: Float64Array;

  constructor(memory: SharedArrayBuffer, index: number) {
    this.#ints = new Int32Array(memory, (BOARD_INTS + index * FEED_INTS) * 4, FEED_INTS);
    this.#floats = new Float64Array(memory, FLOATS_AT + index * FEED_FLOATS * 8, FEED_FLOATS);
    this.lock = new SharedLock(this.#ints, LOCK);
  }

  get group(): number {
    return this.#int(GROUP) - 1;
  }

  /** -1: nothing has been written to it yet. */
  get log(): number {
    return this.#int(LOG) - 1;
  }

  set log(fd: number) {
    this.#ints[LOG] = fd + 1;
  }

  /** Bytes that were ever written to the log. */
  get head(): number {
    return this.#floats[HEAD] as number;
  }

  set head(offset: number) {
    this.#floats[HEAD] = offset;
  }

  /** What lies before has been given back. */
  get kept(): number {
    return this.#floats[KEPT] as number;
  }

  set kept(offset: number) {
    this.#floats[KEPT] = offset;
  }

  isOf(device: string, isUnlimited: boolean): boolean {
    return this.group >= 0 && `${this.#int(MAJOR)}:${this.#int(MINOR)}` === device && this.#int(UNLIMITED) === Number(isUnlimited);
  }

  take(group: number, device: string, isUnlimited: boolean): void {
    const [major = 0, minor = 0] = device.split(":").map(Number);
    this.#ints.set([0, major, minor, Number(isUnlimited)], LOG);
    this.#floats.fill(0);
    this.#ints[GROUP] = group + 1;
  }

  free(): void {
    this.#ints[GROUP] = 0;
    this.#ints[LOG] = 0;
  }

  /** In use, in no order. */
  *readers(): Generator<number> {
    for (let at = 0; at < READERS_MAX; at++) if (this.ownerOf(at) !== 0) yield at;
  }

  /** At the end of the log; null when there is no room for one more. */
  addReader(owner: number, wakeFd: number): number | null {
    for (let at = 0; at < READERS_MAX; at++) {
      if (this.ownerOf(at) !== 0) continue;
      this.#ints.set([owner, wakeFd + 1, 0], READERS_AT + at * READER_INTS);
      this.setCursor(at, this.head);
      return at;
    }
    return null;
  }

  removeReader(at: number): void {
    this.#ints[READERS_AT + at * READER_INTS + OWNER] = 0;
  }

  ownerOf(at: number): number {
    return this.#int(READERS_AT + at * READER_INTS + OWNER);
  }

  wakeFdOf(at: number): number {
    return this.#int(READERS_AT + at * READER_INTS + WAKE) - 1;
  }

  flagsOf(at: number): number {
    return this.#int(READERS_AT + at * READER_INTS + FLAGS);
  }

  setFlags(at: number, flags: number): void {
    this.#ints[READERS_AT + at * READER_INTS + FLAGS] = flags;
  }

  cursorOf(at: number): number {
    return this.#floats[CURSORS_AT + at] as number;
  }

  setCursor(at: number, offset: number): void {
    this.#floats[CURSORS_AT + at] = offset;
  }

  #int(at: number): number {
    return this.#ints[at] as number;
  }
}
