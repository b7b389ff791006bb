// How much a job may read: so many bytes in a second on either side, in the long run. What is read at once may be more than there is;
// nothing more is read until that is made up for.

import { type Clock, systemClock } from "../base/clock.js";
import { BLOCK_BYTES, WHOLE_FILE_BYTES_MAX } from "../model/change.js";
import type { MirrorEntry } from "../model/mirror-port.js";

const ENTRY_COST_BYTES = 1024;
const PIECE_BLOCKS_MIN = 4;
const PIECE_BLOCKS_MAX = 128;

export class ReadBudget {
  readonly #bytesPerSecond: number;
  readonly #clock: Clock;
  #bytes: number;
  #lookedMs: number;

  constructor(bytesPerSecond: number, clock: Clock = systemClock) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#clock = clock;
    this.#bytes = bytesPerSecond;
    this.#lookedMs = clock.monotonicMs();
  }

  get hasRoom(): boolean {
    const nowMs = this.#clock.monotonicMs();
    // What was not read for a while is not made up for: one second's worth at most.
    this.#bytes = Math.min(this.#bytesPerSecond, this.#bytes + ((nowMs - this.#lookedMs) / 1000) * this.#bytesPerSecond);
    this.#lookedMs = nowMs;
    return this.#bytes > 0;
  }

  spend(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** Small files are read whole, and looking at an entry is work, too. */
export function costOf(entries: readonly MirrorEntry[]): number {
  return entries.reduce((sum, { type, size }) => sum + ENTRY_COST_BYTES + (type === "file" && size <= WHOLE_FILE_BYTES_MAX ? size : 0), ENTRY_COST_BYTES);
}

/** Pieces of large files: about a second's worth. */
export function pieceBlocks(bytesPerSecond: number): number {
  return Math.max(PIECE_BLOCKS_MIN, Math.min(PIECE_BLOCKS_MAX, Math.floor(bytesPerSecond / BLOCK_BYTES)));
}
