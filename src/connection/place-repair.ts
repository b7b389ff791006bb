// Brings the dirty places of a connection to the source worker, a batch at a time, and lets go of them when what repairs them is
// durable on the target.
//   dirty map ─batch─▶ source worker ─sets─▶ target ─durable─▶ settled

import { failpoint } from "../base/failpoint.js";
import type { DirtyBatch, DirtyFigures, DirtyPlace } from "../model/dirty-place.js";
import type { SourceEvent, SourceFeed } from "../model/source-messages.js";

/** The dirty map of the connection. */
export interface DirtyPlaces {
  readonly isEmpty: boolean;
  readonly figures: DirtyFigures;
  take(max: number): DirtyBatch | null;
  settle(id: number): void;
  release(id: number): void;
  /** Contents of some are to be compared whatever the times of the files say. */
  readonly isThorough: boolean;
  /** Forgets every place: another repair covers them. */
  clear(): void;
  /** These may differ. */
  enterPlaces(places: readonly DirtyPlace[], how: { readonly withLinks: boolean }): void;
  /** All that was entered is durable when it resolves. */
  commit(): Promise<void>;
  /** The target gets this set: what it renames takes along what is wrong with it. */
  follow(bytes: Buffer): void;
  tick(): void;
}

interface Emitted {
  readonly batch: number;
  readonly lastSeq: number;
}

/** As many as the target answers in well under a second. */
const PLACES_PER_BATCH = 500;

export class PlaceRepair {
  readonly #connectionId: number;
  readonly #places: DirtyPlaces;
  readonly #feed: Pick<SourceFeed, "send">;
  /** The batch that the worker is at. */
  #working: number | null = null;
  /** Of that, the target may have lost what it applied. */
  #isLost = false;
  #emitted: Emitted[] = [];
  /** What the worker repairs on its own account, beside the map. */
  #ownPending = 0;
  #lastSeq = 0;

  constructor(connectionId: number, places: DirtyPlaces, feed: Pick<SourceFeed, "send">) {
    this.#connectionId = connectionId;
    this.#places = places;
    this.#feed = feed;
  }

  get pending(): number {
    return this.#ownPending + this.#places.figures.places;
  }

  get isThorough(): boolean {
    return this.#places.isThorough;
  }

  /** Repairs may have shipped up to this set. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** The worker tells of what it repairs on its own account. */
  tell({ pending, lastSeq }: { readonly pending: number; readonly lastSeq: number }): void {
    this.#ownPending = pending;
    this.#lastSeq = lastSeq;
  }

  take(event: Extract<SourceEvent, { kind: "found" | "repaired" }>, durableSeq: number): void {
    if (event.kind === "found") this.#find(event.places);
    else this.#takeEmitted(event.batches, event.lastSeq, durableSeq);
  }

  /** A verification is about to tell that these are repaired: a kill of the agent does not undo that any more when it returns. */
  #find(places: readonly DirtyPlace[]): void {
    this.#places.enterPlaces(places, { withLinks: false });
    this.#places.tick();
    failpoint("repair.found.afterWrite");
    // What cannot be written just now is said, and tried again: it is repaired all the same.
    void this.#places.commit().catch(() => undefined);
  }

  /** Gives the worker the next batch, unless it is at one. */
  feed(changedSinceMs: number): void {
    if (this.#working !== null) return;
    const batch = this.#places.take(PLACES_PER_BATCH);
    if (batch === null) return;
    this.#working = batch.id;
    this.#isLost = false;
    const { id, places, withLinks } = batch;
    this.#feed.send({ kind: "repair", connectionId: this.#connectionId, batch: id, places, withLinks, changedSinceMs });
  }

  /** The worker emitted all that repairs these batches; the target may have it by now. */
  #takeEmitted(batches: readonly number[], lastSeq: number, durableSeq: number): void {
    for (const batch of batches) {
      if (batch !== this.#working) continue;
      this.#working = null;
      if (this.#isLost) this.#places.release(batch);
      else this.#emitted.push({ batch, lastSeq });
    }
    this.durable(durableSeq);
  }

  /** The target has all up to `seq`, durably. */
  durable(seq: number): void {
    const done = this.#emitted.filter(({ lastSeq }) => lastSeq <= seq);
    if (done.length === 0) return;
    this.#emitted = this.#emitted.filter(({ lastSeq }) => lastSeq > seq);
    for (const { batch } of done) this.#places.settle(batch);
  }

  /** The target may have lost what it applied and what was not durable: that is repaired once more. Its times need not tell of it. */
  lose(): void {
    this.#isLost = this.#working !== null;
    for (const { batch } of this.#emitted) this.#places.release(batch);
    this.#emitted = [];
  }

  /** Forgets every place, in the map and in the worker. */
  drop(): void {
    for (const kind of ["detach", "attach"] as const) this.#feed.send({ kind, connectionId: this.#connectionId });
    this.#working = null;
    this.#emitted = [];
    this.#ownPending = 0;
    this.#places.clear();
  }

  /** Another worker begins, that knows of no batch. */
  restart(): void {
    if (this.#working !== null) this.#places.release(this.#working);
    this.#working = null;
  }

  tick(): void {
    this.#places.tick();
  }
}
