// The messages of a channel that come over several sockets, brought back into the order in which the source numbered them. What is
// ahead of its turn is held, up to a limit; at the limit the sockets that are ahead are not read. The one that has what comes next is
// never among them, since each carries growing numbers: so nothing waits for itself.

import { SmError } from "../base/errors.js";
import { MiB } from "../base/units.js";

/** Held ahead of its turn, over all sockets; they are read on at half of it. */
export const HELD_BYTES_MAX = 32 * MiB;
/** What holding one message costs beside its bytes. */
const HELD_OVERHEAD_BYTES = 256;
/** Smaller pieces may be views of what was read in one go: held, they get memory of their own. */
const OWN_BYTES_MAX = 64 * 1024;

/** A message, or a piece of one of `bytesTotal` bytes. */
export interface Stripe {
  readonly number: number;
  readonly bytesTotal: number;
  readonly piece: Buffer;
}

/** What is known of one socket. */
export interface StripeSource {
  /** Number of the last message that came on it; 0 = none yet. */
  last: number;
}

export class StripeOrder {
  readonly #deliver: (stripe: Stripe) => void;
  readonly #held = new Map<number, Stripe>();
  #heldBytes = 0;
  #isFull = false;
  #next = 1;

  /** `deliver` gets what is in order; what it throws, the call that brought it about throws. */
  constructor(deliver: (stripe: Stripe) => void) {
    this.#deliver = deliver;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Of a socket that is ahead while too much is held: it is not to be read for now. */
  mustWait(source: StripeSource): boolean {
    return this.#isFull && source.last >= this.#next;
  }

  /** A message without a number came on the first socket, and is handled: it has the number after the one before. */
  plain(source: StripeSource): void {
    source.last = this.#next;
    this.#next += 1;
    this.#drain();
  }

  /** Throws PROTOCOL where the number cannot be. */
  take(source: StripeSource, stripe: Stripe): void {
    const { number, piece } = stripe;
    if (number <= source.last) throw new SmError("PROTOCOL", `message ${number} came after message ${source.last} on one socket`);
    if (number < this.#next || this.#held.has(number)) throw new SmError("PROTOCOL", `message ${number} of the channel came twice`);
    source.last = number;
    if (number > this.#next) {
      this.#hold(piece.length < OWN_BYTES_MAX ? { ...stripe, piece: ownCopy(piece) } : stripe);
      return;
    }
    this.#next += 1;
    this.#deliver(stripe);
    this.#drain();
  }

  #hold(stripe: Stripe): void {
    this.#held.set(stripe.number, stripe);
    this.#heldBytes += costOf(stripe);
    this.#isFull ||= this.#heldBytes >= HELD_BYTES_MAX;
  }

  #drain(): void {
    for (let stripe = this.#held.get(this.#next); stripe !== undefined; stripe = this.#held.get(this.#next)) {
      this.#held.delete(stripe.number);
      this.#heldBytes -= costOf(stripe);
      this.#isFull &&= this.#heldBytes > HELD_BYTES_MAX / 2;
      this.#next += 1;
      this.#deliver(stripe);
    }
  }

  /** The channel has ended: what is held is no part of anything. */
  clear(): void {
    this.#held.clear();
    this.#heldBytes = 0;
  }
}

function costOf({ piece }: Stripe): number {
  return piece.length + HELD_OVERHEAD_BYTES;
}

function ownCopy(piece: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(piece.length);
  piece.copy(copy);
  return copy;
}
