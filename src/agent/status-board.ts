/** Tells waiters that the status changed: one index that only grows, bumped at most every few milliseconds. */
export class StatusBoard {
  #index = 1;
  #waiters: (() => void)[] = [];
  #isScheduled = false;

  get index(): number {
    return this.#index;
  }

  readonly changed = (): void => {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setTimeout(() => {
      this.#isScheduled = false;
      this.#index += 1;
      const waiters = this.#waiters;
      this.#waiters = [];
      for (const wake of waiters) wake();
    }, 5);
  };

  /** Resolves when the index is above `since`, or after `timeoutMs`. */
  wait(since: number, timeoutMs: number): Promise<void> {
    if (this.#index > since || timeoutMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(done, timeoutMs);
      const self = this;
      function done(): void {
        clearTimeout(timer);
        self.#waiters = self.#waiters.filter((waiter) => waiter !== done);
        resolve();
      }
      this.#waiters.push(done);
    });
  }

  /** Resolves with true once `condition` holds, with false after `timeoutMs`. Checked at every change. */
  async until(condition: () => boolean, timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    while (!condition()) {
      const left = deadline - performance.now();
      if (left <= 0) return false;
      await this.wait(this.#index, Math.min(left, 1000));
    }
    return true;
  }
}
