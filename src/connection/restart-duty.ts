// What a connection owes its target after a restart of the agent, where a checkpoint tells of the time before: the places that the
// source's metadata shows to have changed since are repaired, and nothing else is compared (ADR 0026).
//   need of a scan ─▶ source worker ─ places ─▶ guard ─▶ dirty map, durably ─▶ need gone, places repaired

import { toSmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import type { Journal } from "../model/journal-port.js";
import type { Welcome } from "../model/session.js";
import type { SourceEvent, SourceFeed } from "../model/source-messages.js";
import { Checkpoints, type CheckpointView } from "./checkpoints.js";
import { ClockWatch } from "./clean-until.js";
import type { ConnectionRecord, MirrorNeed } from "./connection-record.js";
import type { MassChangeGuard } from "./mass-change-guard.js";
import type { DirtyPlaces, PlaceRepair } from "./place-repair.js";
import { asMirror } from "./resume-plan.js";

export interface RestartedConnection extends Omit<CheckpointView, "keep"> {
  readonly id: number;
  readonly record: ConnectionRecord;
  readonly guard: Pick<MassChangeGuard, "takeMirror">;
  readonly repair: Pick<PlaceRepair, "pending" | "lose">;
  readonly options: {
    readonly feed: Pick<SourceFeed, "send">;
    readonly places: DirtyPlaces;
    readonly journal: Journal;
    readonly log: Log;
    readonly captureLagMs: number;
  };
  keep(part: Partial<ConnectionRecord>, isUrgent: boolean): void;
  requireMirror(need: MirrorNeed): void;
  placesChanged(): void;
}

type Scanned = Extract<SourceEvent, { kind: "scanned" }>;

export class RestartDuty {
  readonly #connection: RestartedConnection;
  readonly #checkpoints: Checkpoints;
  readonly #clock = new ClockWatch();
  /** The last scan that was asked for. */
  #asked = 0;
  #sinceMs: number | null = null;

  constructor(connection: RestartedConnection) {
    this.#connection = connection;
    this.#checkpoints = new Checkpoints(connection);
  }

  /** Since when (ms) the places changed that wait for repair after a restart; null = none do. */
  get sinceMs(): number | null {
    return this.#connection.repair.pending === 0 ? null : this.#sinceMs;
  }

  /** The target is welcomed: it is the copy that the checkpoint is about, and known by another stream from now on. */
  begin({ resumed }: Pick<Welcome, "resumed">): void {
    const { record, repair } = this.#connection;
    if (!resumed) repair.lose();
    const { checkpoint, epoch, mirrorNeed } = record;
    // The target has heard of a person's decision.
    if (record.restore?.state === "discarded") this.#connection.keep({ restore: null }, true);
    if (checkpoint === null || mirrorNeed?.isScan !== true || checkpoint.epoch === epoch) return;
    this.#connection.keep({ checkpoint: { ...checkpoint, epoch, seq: 0 } }, true);
  }

  scan(need: MirrorNeed): void {
    const { id, record, options } = this.#connection;
    if (record.checkpoint === null) {
      this.#mirror(need, "nothing is known of the time before");
      return;
    }
    this.#asked += 1;
    options.feed.send({ kind: "scan", connectionId: id, id: this.#asked, mark: record.checkpoint.mark });
  }

  take(event: SourceEvent): void {
    if (event.kind === "clean") this.#checkpoints.take(event.seq, event.mark);
    else if (event.kind === "scanned" && event.id === this.#asked) void this.#takeScanned(event);
  }

  look(): void {
    if (this.#connection.repair.pending === 0) this.#sinceMs = null;
    this.#checkpoints.look();
  }

  /** Something is not as a scan would find it. */
  forget(): void {
    this.#checkpoints.drop();
  }

  /** Of two times that are equal by the clock, one may be before all that a checkpoint knows. */
  lookAtClock(): void {
    if (!this.#clock.wasSetBack()) return;
    const { record, options } = this.#connection;
    this.#connection.keep({ cleanUntilMs: Math.min(record.cleanUntilMs, Date.now() - options.captureLagMs) }, true);
    this.forget();
  }

  async #takeScanned({ places, files, why }: Scanned): Promise<void> {
    const { guard, options, record } = this.#connection;
    const { mirrorNeed: need, checkpoint } = record;
    if (need?.isScan !== true) return;
    if (places === null || checkpoint === null) {
      this.#mirror(need, places === null ? why : "nothing is known of the time before any more");
      return;
    }
    // What was lost while nobody looked is known by the number of files, as with a mirror.
    guard.takeMirror({ lastSeq: options.journal.stats().lastSeq, files, removesExtras: true });
    const { untilMs } = checkpoint.mark;
    try {
      options.places.enterPlaces(places, { withLinks: true });
      await options.places.commit();
    } catch (error) {
      this.#mirror(need, `what changed cannot be noted: ${toSmError(error).message}`);
      return;
    }
    // Something that only a mirror repairs may have come meanwhile.
    if (this.#connection.record.mirrorNeed !== need) return;
    this.#sinceMs = untilMs;
    this.#connection.keep({ mirrorNeed: null, cleanUntilMs: Math.min(this.#connection.record.cleanUntilMs, untilMs) }, true);
    const since = new Date(untilMs).toISOString();
    logEvent(options.log, "placesCompared", { connection: record.id, count: places.length }, { since, why: need.message });
    this.#connection.placesChanged();
  }

  #mirror(need: MirrorNeed, why: string): void {
    this.#connection.requireMirror(asMirror(need, why));
  }
}
