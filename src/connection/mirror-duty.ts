// The mirror that a connection owes its target: on record until it is done, begun as soon as there is a channel.
//   need ─ on record ─▶ order ─▶ source worker ─▶ emitted, applied ─▶ need gone

import type { Log } from "../base/log.js";
import type { MirrorMode } from "../model/connection-spec.js";
import type { MirrorWish } from "../model/mirror-wish.js";
import type { MirrorOrder, SourceFeed } from "../model/source-messages.js";
import type { MirrorReport } from "../model/status.js";
import type { ConnectionRecord, MirrorNeed } from "./connection-record.js";
import { mirrorOrder } from "./mirror-order.js";
import type { MirrorTracker } from "./mirror-tracker.js";
import type { ProblemBook } from "./problem-book.js";
import { mergeNeeds, needAfter, needByHand } from "./resume-plan.js";

/** The connection as its mirrors see it. */
export interface MirroredConnection {
  readonly id: number;
  readonly record: ConnectionRecord;
  readonly mirror: MirrorTracker;
  readonly problems: ProblemBook;
  readonly options: { readonly feed: Pick<SourceFeed, "send">; readonly log: Log };
  readonly appliedSeq: number;
  /** Null: there is no channel that sets go over. */
  readonly sender: object | null;
  keep(part: Partial<ConnectionRecord>, isUrgent: boolean): void;
}

export class MirrorDuty {
  readonly #connection: MirroredConnection;
  readonly #onDone: () => void;
  readonly #onChange: () => void;

  constructor(connection: MirroredConnection, on: { readonly done: () => void; readonly change: () => void }) {
    this.#connection = connection;
    this.#onDone = on.done;
    this.#onChange = on.change;
  }

  set(need: MirrorNeed | null): void {
    const { record } = this.#connection;
    if (need === record.mirrorNeed) return;
    this.#connection.keep({ mirrorNeed: need }, true);
    this.#onChange();
  }

  /** Records that a mirror must run; starts it as soon as there is a channel. */
  require(need: MirrorNeed): void {
    this.set(mergeNeeds(this.#connection.record.mirrorNeed, need));
    this.#connection.mirror.end("failed", new Date().toISOString());
    this.startNeeded();
  }

  /** An empty target has nothing to be compared with. Once it is not empty any more, that mirror cut short, it has. */
  startNeeded(isEmpty = false): void {
    const need = this.#connection.record.mirrorNeed;
    if (need === null || !need.isAutomatic || this.#connection.sender === null) return;
    if (isEmpty) this.#order("full", need, "keep");
    else this.#order(need.mode, need);
  }

  /** A mirror by hand. One that is owed anyway keeps what it must do beyond the user's wish. */
  startByHand(wish: MirrorWish): MirrorReport {
    const { mirror, record } = this.#connection;
    const need = needByHand(record.mirrorNeed, wish, new Date().toISOString());
    mirror.end("stopped", new Date().toISOString());
    this.set(need);
    if (this.#connection.sender !== null) this.#order(wish.mode, need);
    return mirror.report();
  }

  #order(mode: MirrorMode, need: MirrorNeed, extras: MirrorOrder["extras"] = need.extras): void {
    const { id, mirror, options } = this.#connection;
    const mirrorId = mirror.start({ ...wishOf(need), mode }, new Date().toISOString());
    options.feed.send({ kind: "mirror", order: mirrorOrder({ connectionId: id, mirrorId, mode, need, extras }) });
    options.log.info("mirror started", { connection: id, ...wishOf(need), mode, reason: need.reason, why: need.message });
    this.#onChange();
  }

  stop(): MirrorReport {
    const { id, mirror, options, record } = this.#connection;
    if (mirror.isRunning) {
      options.feed.send({ kind: "stopMirror", connectionId: id });
      mirror.end("stopped", new Date().toISOString());
      const owed = record.mirrorNeed;
      if (owed !== null) this.set({ ...owed, message: "the mirror was stopped by hand", isAutomatic: false });
    }
    this.#onChange();
    return mirror.report();
  }

  /** Done when the target has applied all that was emitted. */
  look(): void {
    const { id, mirror, problems, record, options, appliedSeq } = this.#connection;
    if (!mirror.isApplied(appliedSeq)) return;
    mirror.end("done", new Date().toISOString());
    problems.keepSince(mirror.report().startedAt ?? "");
    const need = needAfter(record.mirrorNeed, mirror.report().leftAlone, new Date().toISOString());
    this.#connection.keep({ mirrorNeed: need, wasMirrored: true }, true);
    options.log.info("mirror complete", { connection: id, repset: record.repset, target: record.peer });
    this.#onDone();
  }
}

function wishOf({ mode, content = "times", newerOnly = false }: MirrorNeed): MirrorWish {
  return { mode, content, newerOnly };
}
