// The two stages of being told to end: the first signal asks for an orderly end, the second for an end at once.

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

export class Interrupts {
  readonly #first = new AbortController();
  readonly #second = new AbortController();
  readonly #onSignal = (): void => (this.#first.signal.aborted ? this.#second.abort() : this.#first.abort());

  static listen(): Interrupts {
    const interrupts = new Interrupts();
    for (const signal of SIGNALS) process.on(signal, interrupts.#onSignal);
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
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }
}
