// How much may be on its way (invariant I8). Live sets are limited until the journal took them, a job's sets until the
// target applied them: a mirror never fills the journal.

import { BLOCK_BYTES } from "../model/change.js";

interface MirrorWindow {
  bytes: number;
  /** As far as it is told. */
  sentSeq: number;
  readonly sets: { readonly seq: number; readonly bytes: number }[];
}

/** What a job may have in front of a live change, in seconds of the connection's rate; and the share of it that is one set. */
const PACED_SECONDS = 0.5;
const PIECES_PER_WINDOW = 2;
const PACED_BYTES_MIN = 2 * BLOCK_BYTES;

export class Credits {
  readonly #liveMax: number;
  readonly #mirrorMax: number;
  #liveBytes = 0;
  readonly #windows = new Map<number, MirrorWindow>();
  /** By connection: how much of its jobs' sets may wait to be sent. */
  readonly #paced = new Map<number, number>();
  #waiters: (() => void)[] = [];

  constructor(liveBytesMax: number, mirrorBytesMax: number) {
    this.#liveMax = liveBytesMax;
    this.#mirrorMax = mirrorBytesMax;
  }

  spend(connectionId: number, seq: number, bytes: number): void {
    this.#liveBytes += bytes;
    if (connectionId === 0) return;
    let window = this.#windows.get(connectionId);
    if (window === undefined) {
      window = { bytes: 0, sentSeq: 0, sets: [] };
      this.#windows.set(connectionId, window);
    }
    window.bytes += bytes;
    window.sets.push({ seq, bytes });
  }

  /** The connection is held to a rate, or (null) is not any more. */
  pace(connectionId: number, bytesPerSecond: number | null): void {
    if (bytesPerSecond === null) this.#paced.delete(connectionId);
    else this.#paced.set(connectionId, Math.max(PACED_BYTES_MIN, bytesPerSecond * PACED_SECONDS));
  }

  /** The most of a file that one set of the connection's jobs takes: whole blocks. */
  pieceBytes(connectionId: number): number {
    const paced = this.#paced.get(connectionId);
    return paced === undefined ? Number.POSITIVE_INFINITY : Math.floor(paced / PIECES_PER_WINDOW / BLOCK_BYTES) * BLOCK_BYTES;
  }

  /** Sets of a job up to `seq` have gone. */
  sent(connectionId: number, seq: number): void {
    const window = this.#windows.get(connectionId);
    if (window !== undefined) window.sentSeq = Math.max(window.sentSeq, seq);
  }

  /** The journal took `bytes`. */
  accepted(bytes: number): void {
    this.#liveBytes -= bytes;
    if (this.#liveBytes > this.#liveMax) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }

  applied(connectionId: number, seq: number): void {
    const window = this.#windows.get(connectionId);
    if (window === undefined) return;
    let count = 0;
    for (const set of window.sets) {
      if (set.seq > seq) break;
      window.bytes -= set.bytes;
      count += 1;
    }
    window.sets.splice(0, count);
  }

  /** Sets that the queue gave up will not be applied. `connectionId` 0 = every connection. */
  lost(connectionId: number, fromSeq: number, toSeq: number): void {
    for (const [id, window] of this.#windows) {
      if (connectionId !== 0 && connectionId !== id) continue;
      const kept = window.sets.filter(({ seq }) => seq < fromSeq || seq > toSeq);
      window.bytes = kept.reduce((sum, set) => sum + set.bytes, 0);
      window.sets.splice(0, window.sets.length, ...kept);
    }
  }

  forget(connectionId: number): void {
    this.#windows.delete(connectionId);
    this.#paced.delete(connectionId);
  }

  /** Of the sets of the connection's jobs: not yet applied. */
  waitingBytes(connectionId: number): number {
    return this.#windows.get(connectionId)?.bytes ?? 0;
  }

  mayMirror(connectionId: number): boolean {
    if (this.#liveBytes > this.#liveMax) return false;
    const window = this.#windows.get(connectionId);
    if (window === undefined) return true;
    const unsentMax = this.#paced.get(connectionId);
    return window.bytes < this.#mirrorMax && (unsentMax === undefined || unsentOf(window) < unsentMax);
  }

  /** Resolves when live output is below its limit; almost always at once. */
  whenLiveMayFlow(): Promise<void> {
    if (this.#liveBytes <= this.#liveMax) return READY;
    return new Promise((resolve) => this.#waiters.push(resolve));
  }
}

function unsentOf({ sets, sentSeq }: MirrorWindow): number {
  return sets.reduce((sum, set) => (set.seq > sentSeq ? sum + set.bytes : sum), 0);
}

const READY = Promise.resolve();
