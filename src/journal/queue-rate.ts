// What comes into and leaves the queue of one connection, smoothed over some ten seconds.

const SMOOTHING_MS = 10_000;

export interface QueueFlow {
  /** Bytes a second. */
  readonly drain: number;
  readonly fill: number;
  /** Until the queue is empty at this rate; null = never. */
  readonly drainSeconds: number | null;
}

export class QueueRate {
  #atMs: number | null = null;
  #backlogBytes = 0;
  #appendedBytes = 0;
  #drain = 0;
  #fill = 0;

  /** `bytes` were added that this connection receives. */
  appended(bytes: number): void {
    this.#appendedBytes += bytes;
  }

  /** Called about once a second with what waits now. */
  measure(backlogBytes: number, nowMs: number): void {
    const elapsedMs = this.#atMs === null ? 0 : nowMs - this.#atMs;
    if (elapsedMs > 0) {
      const left = Math.max(0, this.#appendedBytes + this.#backlogBytes - backlogBytes);
      const weight = 1 - Math.exp(-elapsedMs / SMOOTHING_MS);
      this.#drain += weight * ((left * 1000) / elapsedMs - this.#drain);
      this.#fill += weight * ((this.#appendedBytes * 1000) / elapsedMs - this.#fill);
    }
    if (elapsedMs > 0 || this.#atMs === null) {
      this.#atMs = nowMs;
      this.#backlogBytes = backlogBytes;
      this.#appendedBytes = 0;
    }
  }

  flow(backlogBytes: number): QueueFlow {
    const shrinks = this.#drain - this.#fill;
    const drainSeconds = backlogBytes === 0 ? 0 : shrinks >= 1 ? backlogBytes / shrinks : null;
    return { drain: Math.round(this.#drain), fill: Math.round(this.#fill), drainSeconds };
  }
}
