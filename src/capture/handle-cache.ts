// One object for each record as long as anybody holds it, so that such objects can be compared and be keys.

const SWEEP_MIN = 16_384;

export class HandleCache<T extends object> {
  readonly #make: (record: number) => T;
  readonly #refs = new Map<number, WeakRef<T>>();
  #sweepAt = SWEEP_MIN;

  constructor(make: (record: number) => T) {
    this.#make = make;
  }

  of(record: number): T {
    const known = this.#refs.get(record)?.deref();
    if (known !== undefined) return known;
    if (this.#refs.size >= this.#sweepAt) this.#sweep();
    const made = this.#make(record);
    this.#refs.set(record, new WeakRef(made));
    return made;
  }

  /** Forgets the record, which will be another's. Returns its object, if anybody may hold it. */
  release(record: number): T | undefined {
    if (this.#refs.size === 0) return undefined;
    const known = this.#refs.get(record)?.deref();
    this.#refs.delete(record);
    return known;
  }

  /** Drops what nobody holds, each time as much was added as was left. */
  #sweep(): void {
    for (const [record, ref] of this.#refs) if (ref.deref() === undefined) this.#refs.delete(record);
    this.#sweepAt = Math.max(SWEEP_MIN, 2 * this.#refs.size);
  }
}
