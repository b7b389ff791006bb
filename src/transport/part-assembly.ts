// A message that comes in pieces, between which others pass: put together again, one at a time. A source sends change sets so
// while it is held to a rate.

import { SmError } from "../base/errors.js";

export class PartAssembly {
  #message: Buffer | null = null;
  #filled = 0;

  /** A message is begun and not complete. */
  get isOpen(): boolean {
    return this.#message !== null;
  }

  /** The whole message with its last piece, null before. `bytesTotal` was checked against the limit of messages. */
  add(bytesTotal: number, piece: Buffer): Buffer | null {
    // Of its own, so that it can be given away.
    this.#message ??= Buffer.from(new ArrayBuffer(bytesTotal));
    const message = this.#message;
    if (message.length !== bytesTotal) throw new SmError("PROTOCOL", `a piece of a message of ${bytesTotal} bytes came within one of ${message.length}`);
    if (this.#filled + piece.length > bytesTotal) throw new SmError("PROTOCOL", `the pieces of a message of ${bytesTotal} bytes are more than that`);
    piece.copy(message, this.#filled);
    this.#filled += piece.length;
    if (this.#filled < bytesTotal) return null;
    this.#message = null;
    this.#filled = 0;
    return message;
  }
}
