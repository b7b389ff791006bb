/** Speed of a counter over the last few seconds. */
export class RateMeter {
  readonly #windowMs: number;
  readonly #samples: { readonly atMs: number; readonly value: number }[] = [];

  constructor(windowMs = 5_000) {
    this.#windowMs = windowMs;
  }

  /** Notes the counter; returns its growth per second. A counter that fell begins anew. */
  add(value: number, atMs: number): number {
    const last = this.#samples.at(-1);
    if (last !== undefined && value < last.value) this.#samples.length = 0;
    this.#samples.push({ atMs, value });
    while (this.#samples.length > 2 && (this.#samples[1]?.atMs ?? 0) <= atMs - this.#windowMs) this.#samples.shift();
    const first = this.#samples[0];
    const seconds = first === undefined ? 0 : (atMs - first.atMs) / 1000;
    return first === undefined || seconds <= 0 ? 0 : (value - first.value) / seconds;
  }
}
