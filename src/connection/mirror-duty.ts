// The mirror that a connection owes its target: on record until it is done, begun as soon as there is a channel.
//   need ─ on record ─▶ order ─▶ source worker ─▶ emitted, applied ─▶ need gone

import { SmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
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

/** A need as it is ordered: an empty target holds nothing that is too much. */
type ConnectionMirror = Omit<MirrorNeed, "extras"> & { readonly extras: MirrorOrder["extras"] };

export class MirrorDuty {
  readonly #connection: MirroredConnection;
  readonly #onDone: () => void;
  readonly #onChange: () => void;
  readonly #onScan: (need: MirrorNeed) => void;

  constructor(connection: MirroredConnection, on: { readonly done: () => void; readonly change: () => void; readonly scan: (need: MirrorNeed) => void }) {
    this.#connection = connection;
    this.#onDone = on.done;
    this.#onChange = on.change;
    this.#onScan = on.scan;
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
    const { record, sender } = this.#connection;
    if (sender === null) return;
    const owed = record.mirrorNeed;
    if (owed?.isAutomatic === true && owed.isScan === true) this.#onScan(owed);
    else if (owed?.isAutomatic === true) this.#order(isEmpty ? { ...owed, mode: "full", extras: "keep" } : owed);
    else if (record.partMirror != null) this.#order(record.partMirror);
  }

  /** A mirror by hand. One that is owed anyway keeps what it must do beyond the user's wish; one of some paths takes nothing from it. */
  startByHand(wish: MirrorWish): MirrorReport {
    const { id, mirror, record } = this.#connection;
    const isPart = wish.paths !== undefined;
    if (record.isSimulated === true && wish.content !== "times")
      throw new SmError("SIMULATION", `connection ${id} is a simulation: there are no contents to compare with`);
    if (isPart && mirror.isRunning && !this.#isPart)
      throw new SmError("JOB_CONFLICT", `the whole of connection ${id} is being mirrored: these paths are among it (\`sm mirror stop ${id}\` ends that)`);
    const need = needByHand(record.mirrorNeed, wish, new Date().toISOString());
    mirror.end("stopped", new Date().toISOString());
    this.#connection.keep(isPart ? { partMirror: need } : { mirrorNeed: need, partMirror: null }, true);
    this.#onChange();
    this.startNeeded();
    return mirror.report();
  }

  /** Whether the running mirror, or the last one, is of some paths only. */
  get #isPart(): boolean {
    return this.#connection.mirror.isPart;
  }

  #order(need: ConnectionMirror): void {
    const { id, mirror, options, record } = this.#connection;
    const { mode, extras, reason, message } = need;
    const mirrorId = mirror.start(wishOf(need), new Date().toISOString());
    options.feed.send({ kind: "mirror", order: mirrorOrder({ connectionId: id, mirrorId, mode, need, extras, roots: record.roots }) });
    options.log.info("mirror started", { connection: id, ...wishOf(need), reason, why: message });
    this.#onChange();
  }

  stop(): MirrorReport {
    const { id, mirror, options, record } = this.#connection;
    if (mirror.isRunning) {
      options.feed.send({ kind: "stopMirror", connectionId: id });
      mirror.end("stopped", new Date().toISOString());
      const owed = record.mirrorNeed;
      if (this.#isPart) this.#connection.keep({ partMirror: null }, true);
      else if (owed !== null) this.set({ ...owed, message: "the mirror was stopped by hand", isAutomatic: false });
    }
    this.#onChange();
    return mirror.report();
  }

  /** Done when the target has applied all that was emitted. */
  look(): void {
    const { id, mirror, problems, record, options, appliedSeq } = this.#connection;
    if (!mirror.isApplied(appliedSeq)) return;
    mirror.end("done", new Date().toISOString());
    const { leftAlone, startedAt } = mirror.report();
    const now = new Date().toISOString();
    if (this.#isPart) {
      this.#connection.keep({ mirrorNeed: record.mirrorNeed ?? needAfter(record.partMirror ?? null, leftAlone, now), partMirror: null }, true);
    } else {
      problems.keepSince(startedAt ?? "");
      this.#connection.keep({ mirrorNeed: needAfter(record.mirrorNeed, leftAlone, now), wasMirrored: true }, true);
    }
    options.log.info("mirror complete", { connection: id, repset: record.repset, target: record.peer });
    this.startNeeded();
    this.#onDone();
  }
}

function wishOf({ mode, content = "times", newerOnly = false, paths }: ConnectionMirror): MirrorWish {
  return { mode, content, newerOnly, ...(paths === undefined ? {} : { paths }) };
}
