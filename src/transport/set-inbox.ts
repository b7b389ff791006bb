// Sets in the order in which they came, compressed or not. Each is delivered when all before it are; few are decompressed at
// the same time, so that small frames which claim much cannot take more memory at once than those few.

import { SmError, toSmError } from "../base/errors.js";
import type { Packing } from "../model/compression.js";
import { unpackSet } from "./set-compression.js";

/** As many as the thread pool works on. */
const UNPACKED_AT_ONCE_MAX = 4;

export interface PackedSet {
  readonly kind: Packing;
  readonly block: Buffer;
  readonly rawBytes: number;
}

export interface SetInboxOptions {
  /** False: nobody takes sets now. What is there stays. */
  readonly canDeliver: () => boolean;
  readonly deliver: (set: Buffer) => void;
  /** A set that cannot be decompressed or delivered: no further one is. */
  readonly fail: (error: SmError) => void;
}

interface Place {
  set: Buffer | SmError | null;
}

export class SetInbox {
  readonly #options: SetInboxOptions;
  readonly #places: Place[] = [];
  readonly #packed: { readonly place: Place; readonly frame: PackedSet }[] = [];
  #unpacking = 0;
  #isClosed = false;

  constructor(options: SetInboxOptions) {
    this.#options = options;
  }

  push(set: Buffer): void {
    this.#places.push({ set });
    this.deliver();
  }

  pushPacked(frame: PackedSet): void {
    const place: Place = { set: null };
    this.#places.push(place);
    this.#packed.push({ place, frame });
    this.#unpackMore();
  }

  /** Throws what `deliver` throws. */
  deliver(): void {
    while (!this.#isClosed && this.#options.canDeliver()) {
      const set = this.#places[0]?.set;
      if (set === undefined || set === null) return;
      this.#places.shift();
      if (set instanceof SmError) this.#fail(set);
      else this.#options.deliver(set);
    }
  }

  /** Forgets what is there. */
  close(): void {
    this.#isClosed = true;
    this.#places.length = 0;
    this.#packed.length = 0;
  }

  #unpackMore(): void {
    while (this.#unpacking < UNPACKED_AT_ONCE_MAX) {
      const next = this.#packed.shift();
      if (next === undefined) return;
      this.#unpacking += 1;
      const { kind, block, rawBytes } = next.frame;
      void unpackSet(kind, block, rawBytes).then((set) => this.#unpacked(next.place, set));
    }
  }

  #unpacked(place: Place, set: Buffer | SmError): void {
    this.#unpacking -= 1;
    if (this.#isClosed) return;
    place.set = set;
    try {
      this.deliver();
    } catch (error) {
      this.#fail(toSmError(error, "INTERNAL", "a change set could not be handled"));
    }
    this.#unpackMore();
  }

  #fail(error: SmError): void {
    this.close();
    this.#options.fail(error);
  }
}
