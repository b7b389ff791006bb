// Answers to callers of one role that have not left yet: so many at most, since one connection may ask for any number, and a server
// that closes waits for them.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { SmError } from "../base/errors.js";
import { delay } from "../base/wait.js";

export const UNDERWAY_MAX = 512;

export class AnswersUnderway {
  /** By connection: an answer that waits behind another one on a connection is not told when that closes. */
  readonly #bySocket = new Map<Socket, Set<ServerResponse>>();
  #count = 0;
  #settled: (() => void) | undefined;

  /** What was added already is not counted again. */
  add({ socket }: IncomingMessage, response: ServerResponse): void {
    const responses = this.#bySocket.get(socket) ?? this.#enter(socket);
    if (responses.has(response)) return;
    responses.add(response);
    this.#count += 1;
    response.once("close", () => this.#left(responses.delete(response) ? 1 : 0));
  }

  #enter(socket: Socket): Set<ServerResponse> {
    const responses = new Set<ServerResponse>();
    this.#bySocket.set(socket, responses);
    socket.once("close", () => {
      this.#bySocket.delete(socket);
      const { size } = responses;
      responses.clear();
      this.#left(size);
    });
    return responses;
  }

  #left(answers: number): void {
    this.#count -= answers;
    if (this.#count === 0) this.#settled?.();
  }

  /** For a request that was added: throws API_BUSY when it is one too many. */
  requireRoom(): void {
    if (this.#count <= UNDERWAY_MAX) return;
    throw new SmError("API_BUSY", `${UNDERWAY_MAX} requests wait for their answers, the most an agent serves`, { data: { retryAfterSeconds: 5 } });
  }

  /** Resolves when all have left, or their clients have, and at the latest after `graceMs`. */
  async settled(graceMs: number): Promise<void> {
    if (this.#count === 0) return;
    const graceOver = new AbortController();
    const done = new Promise<void>((resolve) => {
      this.#settled = resolve;
    });
    await Promise.race([done, delay(graceMs, graceOver.signal)]);
    graceOver.abort();
  }
}
