// For how long something has not changed, as it was looked at about once a second. Time in which nobody looked (this process was
// stopped, or its machine overloaded) does not count: nothing could have been seen to change.

const GAP_MS = 5000;

export class StillTime {
  #token = "";
  #sinceMs = 0;
  #lookedMs: number | null = null;

  /** Milliseconds (monotonic) since `token` was another. */
  look(token: string, nowMs: number): number {
    const gapMs = this.#lookedMs === null ? 0 : nowMs - this.#lookedMs;
    this.#lookedMs = nowMs;
    if (token !== this.#token) {
      this.#token = token;
      this.#sinceMs = nowMs;
    } else if (gapMs > GAP_MS) {
      this.#sinceMs += gapMs;
    }
    return nowMs - this.#sinceMs;
  }

  /** Nothing is expected to change. */
  reset(): void {
    this.#token = "";
    this.#lookedMs = null;
  }
}
