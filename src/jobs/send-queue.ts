// What is sent first in, first out; taking one costs the same however many there are.

/** Of what was taken so much is kept at most, or as much as still waits. */
const TAKEN_MAX = 1024;

export class SendQueue<T> {
  #items: (T | undefined)[] = [];
  #taken = 0;

  get length(): number {
    return this.#items.length - this.#taken;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#taken];
    this.#items[this.#taken] = undefined;
    this.#taken += 1;
    if (this.#taken >= TAKEN_MAX && 2 * this.#taken >= this.#items.length) {
      this.#items = this.#items.slice(this.#taken);
      this.#taken = 0;
    }
    return item;
  }

  /** The next ones, at most so many. */
  peek(max: number): readonly T[] {
    return this.#items.slice(this.#taken, this.#taken + max) as T[];
  }
}
