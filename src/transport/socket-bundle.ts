// The sockets of one channel at its source. With one, messages go as they are. From the second on they are cut into pieces, numbered,
// and dealt out: each socket takes the next piece as soon as it has room, so that a slow one carries less.

import { SmError } from "../base/errors.js";
import { MiB } from "../base/units.js";
import { type Deferred, defer } from "../base/wait.js";
import type { PathView } from "../model/channel-port.js";
import { encodePart, encodeStripe } from "./frame-codec.js";
import { type FrameLink, lost } from "./frame-link.js";

/** What one socket gets in a row: enough for a system call to be worth it, little enough that a set is spread. */
export const STRIPE_BYTES = 256 * 1024;
/** A socket that has so much waiting gets no more for now. */
const LINK_BYTES_MAX = 2 * STRIPE_BYTES;
/** Senders wait above this, over all sockets: as much as in front of one. */
const HIGH_WATER_BYTES = 4 * MiB;
const LOW_WATER_BYTES = 2 * MiB;

const DONE = new SmError("CHANNEL_LOST", "the channel has ended");

interface Piece {
  readonly bytesTotal: number;
  readonly bytes: Buffer;
}

export class SocketBundle implements PathView {
  readonly #first: FrameLink;
  readonly #links: FrameLink[];
  /** Messages and pieces that went to a socket: their numbers. */
  #number = 0;
  readonly #waiting: Piece[] = [];
  #waitingBytes = 0;
  readonly #waiters: Deferred<void>[] = [];
  #turn = 0;
  #turnBytes = 0;

  constructor(first: FrameLink) {
    this.#first = first;
    this.#links = [first];
    void first.ended.then((reason) => {
      this.#waiting.length = 0;
      this.#waitingBytes = 0;
      for (const waiter of this.#waiters.splice(0)) waiter.reject(lost(reason));
    });
    // Not before: the target would take the end of one of them for a loss, and not read the first one to its end.
    void first.closed.then(() => {
      for (const link of this.#links) link.end(lost(DONE), { abrupt: true });
    });
  }

  /** In use, the first one included. */
  get count(): number {
    return this.#links.length;
  }

  get isBackedUp(): boolean {
    return this.#waiting.length > 0 || this.#links.some((link) => link.isBackedUp);
  }

  get roundTripMs(): number {
    return this.#first.roundTripMs;
  }

  get leastRoundTripMs(): number {
    return this.#first.leastRoundTripMs;
  }

  async mark(): Promise<number | null> {
    const bytes = this.#links.reduce((sum, link) => sum + link.sentBytes, 0);
    await Promise.all(this.#links.map((link) => link.pong()));
    return this.#first.isEnded ? null : bytes;
  }

  /** A further socket, which the target has joined to this channel. From now on everything is numbered. */
  add(link: FrameLink): void {
    this.#links.push(link);
    if (this.#links.length === 2) this.#first.onDrained(() => this.#deal());
    link.onDrained(() => this.#deal());
    // What was on it is lost, and nobody knows how much: all that is not acknowledged is sent again on another channel.
    void link.ended.then((reason) => this.#first.end(lossOf(reason, this.#links.length), { abrupt: true }));
  }

  /** A message, or a piece of one of `bytesTotal` bytes. Resolves when there is room for more; order of calls = order of arrival. */
  send(bytes: Buffer, bytesTotal: number): Promise<void> {
    if (this.#links.length === 1 || this.#first.isEnded) {
      this.#number += 1;
      return this.#first.sendPaced(bytes.length === bytesTotal ? bytes : encodePart(bytesTotal, bytes));
    }
    for (let at = 0; at < bytes.length; at += STRIPE_BYTES) this.#waiting.push({ bytesTotal, bytes: bytes.subarray(at, at + STRIPE_BYTES) });
    this.#waitingBytes += bytes.length;
    this.#deal();
    if (this.unsentBytes < HIGH_WATER_BYTES) return Promise.resolve();
    const waiter = defer<void>();
    this.#waiters.push(waiter);
    return waiter.promise;
  }

  /** Resolves when the target has all that was sent on the further sockets; what is on the first one leaves before its end. */
  async flushed(): Promise<void> {
    if (this.#links.length === 1) return;
    this.#deal(Number.POSITIVE_INFINITY);
    await Promise.all(this.#links.slice(1).map((link) => link.flushed()));
  }

  get unsentBytes(): number {
    return this.#links.reduce((sum, link) => sum + link.unsentBytes, this.#waitingBytes);
  }

  #deal(linkBytesMax = LINK_BYTES_MAX): void {
    for (let piece = this.#waiting[0]; piece !== undefined; piece = this.#waiting[0]) {
      const link = this.#nextLink(linkBytesMax);
      if (link === null) break;
      this.#waiting.shift();
      this.#waitingBytes -= piece.bytes.length;
      this.#turnBytes += piece.bytes.length;
      this.#number += 1;
      // Its end is the end of all: whoever sends hears of it there.
      link.sendPaced(encodeStripe(this.#number, piece.bytesTotal, piece.bytes)).catch(() => undefined);
    }
    if (this.#waiters.length === 0 || this.unsentBytes > LOW_WATER_BYTES) return;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve();
  }

  /** In turn, so many bytes each; small messages in a row take one way, and keep their order without being held. */
  #nextLink(linkBytesMax: number): FrameLink | null {
    for (let tried = 0; tried <= this.#links.length; tried++) {
      const link = this.#links[this.#turn];
      if (link !== undefined && this.#turnBytes < STRIPE_BYTES && link.unsentBytes < linkBytesMax) return link;
      this.#turn = (this.#turn + 1) % this.#links.length;
      this.#turnBytes = 0;
    }
    return null;
  }
}

/** What the target says, and what is wrong with what it says, keeps its code: some of it needs a person. */
function lossOf(reason: SmError, count: number): SmError {
  return reason.code === "CHANNEL_LOST" ? new SmError("CHANNEL_LOST", `one of ${count} sockets was lost: ${reason.message}`, { cause: reason }) : reason;
}
