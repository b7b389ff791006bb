// The two stages of being told to end: the first signal asks for an orderly end, the second for an end at once.

const SIGNALS: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM"];

export class Interrupts {
  readonly #first = new AbortController();
  readonly #second = new AbortController();
  readonly #onSignal = (): void => (this.#first.signal.aborted ? this.#second.abort() : this.#first.abort());

  readonly #signals: readonly NodeJS.Signals[];

  private constructor(signals: readonly NodeJS.Signals[]) {
    this.#signals = signals;
  }

  static listen(signals = SIGNALS): Interrupts {
    const interrupts = new Interrupts(signals);
    for (const signal of signals) process.on(signal, interrupts.#onSignal);
    return interrupts;
  }

  get first(): AbortSignal {
    return this.#first.signal;
  }

  get second(): AbortSignal {
    return this.#second.signal;
  }

  /** Both stages at once. */
  abort(): void {
    this.#first.abort();
    this.#second.abort();
  }

  close(): void {
    for (const signal of this.#signals) process.off(signal, this.#onSignal);
  }
}
