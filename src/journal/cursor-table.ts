// Where each consumer stands: what it has passed (acknowledged) and what it was given (its window).

import type { Tally } from "./block.js";

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

  /** Connections that have not passed `seq`. */
  behind(seq: number): number[] {
    return this.all()
      .filter(({ passedSeq }) => passedSeq < seq)
      .map(({ connectionId }) => connectionId);
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

  /** Does anybody still need something of a block with these tallies? */
  wantAny(tallies: ReadonlyMap<number, Tally>): boolean {
    for (const [connectionId, { lastSeq }] of tallies) if (this.wants(connectionId, lastSeq)) return true;
    return false;
  }

  /** Somebody has read into the span and not passed it. */
  areIn({ firstSeq, lastSeq }: { readonly firstSeq: number; readonly lastSeq: number }): boolean {
    return this.all().some(({ passedSeq, readSeq }) => passedSeq < lastSeq && readSeq >= firstSeq);
  }

  #refresh(): void {
    let min = Number.POSITIVE_INFINITY;
    for (const cursor of this.#cursors.values()) min = Math.min(min, cursor.passedSeq);
    this.#minPassedSeq = min;
  }
}
