// Where each consumer stands: what it has passed (acknowledged) and what it was given (its window).

import type { Block } from "./block.js";

export interface Cursor {
  readonly connectionId: number;
  passedSeq: number;
  /** Last record handed out: passedSeq < seq <= readSeq is under way to the target. */
  readSeq: number;
  /** Nothing for this consumer in (emptyFrom, emptyTo]: a consumer that asks again need not look again. */
  emptyFrom: number;
  emptyTo: number;
}

export class CursorTable {
  readonly #cursors = new Map<number, Cursor>();
  #minPassedSeq = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.#cursors.size;
  }

  /** Infinity when there is no cursor. */
  get minPassedSeq(): number {
    return this.#minPassedSeq;
  }

  get(connectionId: number): Cursor | undefined {
    return this.#cursors.get(connectionId);
  }

  all(): Cursor[] {
    return [...this.#cursors.values()];
  }

  set(connectionId: number, afterSeq: number): void {
    this.#cursors.set(connectionId, { connectionId, passedSeq: afterSeq, readSeq: afterSeq, emptyFrom: 0, emptyTo: 0 });
    this.#refresh();
  }

  delete(connectionId: number): boolean {
    const had = this.#cursors.delete(connectionId);
    this.#refresh();
    return had;
  }

  pass(cursor: Cursor, seq: number): void {
    cursor.passedSeq = seq;
    cursor.readSeq = Math.max(cursor.readSeq, seq);
    this.#refresh();
  }

  /** Does anybody still need record `seq` that is addressed to `connectionId` (0 = all)? */
  wants(connectionId: number, seq: number): boolean {
    if (connectionId === 0) return this.#minPassedSeq < seq;
    const cursor = this.#cursors.get(connectionId);
    return cursor !== undefined && cursor.passedSeq < seq;
  }

  /** Does anybody still need something of the block? */
  wantsAny({ tallies }: Block): boolean {
    for (const [connectionId, tally] of tallies) if (this.wants(connectionId, tally.lastSeq)) return true;
    return false;
  }

  /** Somebody is given this block's records just now. */
  isInside(block: Block): boolean {
    return this.all().some((cursor) => cursor.passedSeq < block.lastSeq && cursor.readSeq >= block.firstSeq);
  }

  #refresh(): void {
    let min = Number.POSITIVE_INFINITY;
    for (const cursor of this.#cursors.values()) min = Math.min(min, cursor.passedSeq);
    this.#minPassedSeq = min;
  }
}
