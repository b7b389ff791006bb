// How much may be on its way (invariant I8). Live sets are limited until the journal took them, a job's sets until the
// target applied them: a mirror never fills the journal.

interface MirrorWindow {
  bytes: number;
  readonly sets: { readonly seq: number; readonly bytes: number }[];
}

export class Credits {
  readonly #liveMax: number;
  readonly #mirrorMax: number;
  #liveBytes = 0;
  readonly #windows = new Map<number, MirrorWindow>();
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
      window = { bytes: 0, sets: [] };
      this.#windows.set(connectionId, window);
    }
    window.bytes += bytes;
    window.sets.push({ seq, bytes });
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
  }

  mayMirror(connectionId: number): boolean {
    return this.#liveBytes <= this.#liveMax && (this.#windows.get(connectionId)?.bytes ?? 0) < this.#mirrorMax;
  }

  /** Resolves when live output is below its limit; almost always at once. */
  whenLiveMayFlow(): Promise<void> {
    if (this.#liveBytes <= this.#liveMax) return READY;
    return new Promise((resolve) => this.#waiters.push(resolve));
  }
}

const READY = Promise.resolve();
