// Answers that have not left yet, so that a server that closes can wait for them.

import type { ServerResponse } from "node:http";
import { delay } from "../base/wait.js";

export class AnswersUnderway {
  readonly #responses = new Set<ServerResponse>();
  #settled: (() => void) | undefined;

  add(response: ServerResponse): void {
    this.#responses.add(response);
    response.once("close", () => {
      this.#responses.delete(response);
      if (this.#responses.size === 0) this.#settled?.();
    });
  }

  /** Resolves when all have left, or their clients have, and at the latest after `graceMs`. */
  async settled(graceMs: number): Promise<void> {
    if (this.#responses.size === 0) return;
    const graceOver = new AbortController();
    const done = new Promise<void>((resolve) => {
      this.#settled = resolve;
    });
    await Promise.race([done, delay(graceMs, graceOver.signal)]);
    graceOver.abort();
  }
}
