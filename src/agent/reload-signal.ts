// The word that files were changed, which may come before there is anybody to hear it.

export class ReloadSignal {
  readonly #unsubscribe: () => void;
  #listener: (() => void) | null = null;
  #isHeard = true;

  constructor(subscribe: (listener: () => void) => () => void) {
    this.#unsubscribe = subscribe(() => this.#take());
  }

  #take(): void {
    if (this.#listener === null) this.#isHeard = false;
    else this.#listener();
  }

  /** Also called for a word that came before. */
  listen(listener: () => void): void {
    this.#listener = listener;
    if (!this.#isHeard) listener();
    this.#isHeard = true;
  }

  close(): void {
    this.#listener = null;
    this.#unsubscribe();
  }
}
