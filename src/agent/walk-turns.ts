// Turns of a walk on the event loop: others get theirs after so many entries, some milliseconds.

const ENTRIES_PER_TURN = 1000;

export class WalkTurns {
  readonly #signal: AbortSignal | undefined;
  #left = ENTRIES_PER_TURN;

  /** `signal` aborts: nobody wants to know any more. */
  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  get isGivenUp(): boolean {
    return this.#signal?.aborted === true;
  }

  /** Called for each entry: true = it is time. */
  isOver(): boolean {
    this.#left -= 1;
    return this.#left <= 0;
  }

  async next(): Promise<void> {
    this.#left = ENTRIES_PER_TURN;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
