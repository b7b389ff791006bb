/** Things due later, on the monotonic clock, run by the loop that owns the timetable. */
export class Timetable {
  #entries: { readonly dueMs: number; readonly what: string; readonly run: () => void }[] = [];
  #allDue = false;

  add(delayMs: number, what: string, run: () => void): void {
    this.#entries.push({ dueMs: performance.now() + delayMs, what, run });
  }

  /** The recurring walk excepted, everything becomes due now. */
  makeAllDue(): void {
    this.#allDue = true;
  }

  /** Nothing waits but the recurring walk. */
  get isSettled(): boolean {
    return this.#entries.every((e) => e.what === "walk");
  }

  takeDue(): (() => void)[] {
    const now = performance.now();
    const isDue = (e: { dueMs: number; what: string }): boolean => e.dueMs <= now || (this.#allDue && e.what !== "walk");
    const due = this.#entries.filter(isDue);
    if (due.length > 0) this.#entries = this.#entries.filter((e) => !isDue(e));
    this.#allDue = false;
    return due.map((e) => e.run);
  }

  untilNextMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { dueMs } of this.#entries) if (dueMs < next) next = dueMs;
    return Math.max(0, next - performance.now());
  }
}
