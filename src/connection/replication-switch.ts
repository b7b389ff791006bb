// Whether changes are replicated on a connection, which a person may stop and start (ADR 0050). While it is stopped live sets are passed
// over: neither sent, nor kept in the queue for it. Jobs go on.
//   stop ─ on record ─▶ the state that is being sent is completed ─▶ live sets are passed over ─ start ─▶ sent again, and a mirror is owed
// Invariants: nothing that was passed over counts as clean; a mirror for it is on record in the same write that starts replication.

import { SmError } from "../base/errors.js";
import { decodeChangeSet } from "../model/change-set.js";
import type { JournalRecord } from "../model/journal-port.js";
import type { SourceEvent, SourceFeed } from "../model/source-messages.js";
import type { ConnectionRecord, MirrorNeed } from "./connection-record.js";
import type { GuardedConnection } from "./guard-decision.js";
import type { LiveSets } from "./live-sets.js";
import type { MirrorDuty } from "./mirror-duty.js";
import { endedSpans, isEnding, isPassedOver, mayHaveMoved, movedSpans, remainingSpans, startedSpans, stoppedSpans } from "./passed-over.js";
import { takeLiveSet } from "./restore-hold.js";
import { followedBy, mergeNeeds, needAfterStop } from "./resume-plan.js";
import { type LoggedConnection, logSwitch } from "./state-log.js";

export interface SwitchedConnection extends Omit<GuardedConnection, "options" | "repair">, Pick<LoggedConnection, "state"> {
  readonly duty: Pick<MirrorDuty, "look" | "beginAnew" | "isWholeUnderWay">;
  readonly repair: { durable(seq: number): void };
  readonly options: GuardedConnection["options"] & { readonly feed: Pick<SourceFeed, "send"> };
  changed(): void;
}

type SetEvent = Extract<SourceEvent, { kind: "set" }>;

/** An empty set is far below. */
const MARK_BYTES_MAX = 512;
const NONE = new Uint32Array(0);

export class ReplicationSwitch {
  readonly #connection: SwitchedConnection;
  /** The last set that the target is to have. */
  #wantedSeq = 0;
  /** The last that it is not to have. */
  #passedSeq = 0;

  constructor(connection: SwitchedConnection) {
    this.#connection = connection;
  }

  get isOn(): boolean {
    return this.#connection.record.options.replicate;
  }

  /** What the target holds of a state is still being sent to its end. */
  get isEnding(): boolean {
    return !this.isOn && isEnding(this.#connection.record);
  }

  /** It is stopped, and the target has all that it is to have. */
  get isNothingWanted(): boolean {
    const { appliedSeq, durableSeq } = this.#connection;
    return !this.isOn && !this.isEnding && Math.min(appliedSeq, durableSeq) >= this.#wantedSeq;
  }

  /** A mirror is needed, for nobody knows what happened meanwhile. None begins by itself while it is stopped. */
  heed(need: MirrorNeed): MirrorNeed {
    if (this.isOn) return need;
    this.#noteMoves();
    return { ...need, isAutomatic: false };
  }

  #noteMoves(): void {
    const { passedOver = [] } = this.#connection.record;
    const moved = movedSpans(passedOver);
    if (moved !== passedOver) this.#connection.keep({ passedOver: moved }, true);
  }

  /** The queue knows what is kept for the connection. */
  begin(): void {
    const { id, options } = this.#connection;
    if (options.journal.backlog(id).records > 0) this.#wantedSeq = options.journal.stats().lastSeq;
  }

  /** On record when it returns. False: it was stopped already. */
  stop(): boolean {
    if (!this.isOn) return false;
    const { record, options } = this.#connection;
    this.#keep({ options: { ...record.options, replicate: false }, passedOver: stoppedSpans(record, new Date().toISOString()) });
    options.feed.send({ kind: "cut" });
    this.#say();
    return true;
  }

  /** On record when it returns, with the mirror that is owed; `mirrors`: it begins by itself. False: it was started already. */
  start(mirrors: boolean): boolean {
    if (this.isOn) return false;
    const { record, options, duty } = this.#connection;
    const { mirrorNeed: owed } = record;
    const isFollowing = owed !== null && duty.isWholeUnderWay;
    const isSettling = mayHaveMoved(record) && record.isSimulated !== true;
    const need = needAfterStop(record, new Date().toISOString(), { isAutomatic: mirrors, isSettling });
    this.#keep({
      options: { ...record.options, replicate: true },
      passedOver: startedSpans(record, options.journal.stats().lastSeq),
      mirrorNeed: isFollowing ? followedBy(owed, need) : mergeNeeds(owed, need),
      checkpoint: null,
    });
    // The first set behind those that were passed over: the target is told where the stream is.
    options.feed.send({ kind: "cut" });
    if (!isFollowing) duty.beginAnew();
    this.#say();
    return true;
  }

  #keep(part: Partial<ConnectionRecord>): void {
    const connection = this.#connection;
    const before = connection.record;
    connection.keep(part, true);
    const { fault } = connection.keeper;
    if (fault === null) return;
    connection.record = before;
    connection.keep({}, true);
    throw new SmError("STATE_CORRUPT", fault.message);
  }

  #say(): void {
    logSwitch(this.#connection);
    this.#connection.changed();
  }

  /** It is not for the target. A mark shows that the target has all before it, which it has not; among sets that do not come nothing would end it. */
  passesOver({ seq, connectionId, bytes }: JournalRecord): boolean {
    return isPassedOver(this.#connection.record, seq) && (connectionId === 0 || isMark(bytes));
  }

  /** The sender left set `seq` out; it sent nothing between set `goneSeq` and that. */
  wasPassed(seq: number, goneSeq: number): void {
    if (this.#wantedSeq <= seq) this.#wantedSeq = Math.min(this.#wantedSeq, goneSeq);
    this.#passedSeq = Math.max(this.#passedSeq, seq);
    this.settle();
  }

  /** A set as it comes from the source worker, before it can be sent. */
  take(event: SetEvent, live: LiveSets): void {
    const connection = this.#connection;
    const { seq, connectionId } = event;
    if (connectionId === 0 && isPassedOver(connection.record, seq)) {
      takeLiveSet(connection, { ...event, lost: 0, changed: NONE }, null);
      if (event.moves) this.#noteMoves();
      this.#passedSeq = seq;
      this.settle();
      return;
    }
    this.#wantedSeq = seq;
    if (connectionId !== 0) return;
    takeLiveSet(connection, event, live);
    const { passedOver } = connection.record;
    if (event.ends && passedOver !== undefined && this.isEnding) connection.keep({ passedOver: endedSpans(passedOver, seq) }, true);
  }

  /** With nothing else on its way, what is passed over is done with: the queue does not keep it. */
  settle(): void {
    const connection = this.#connection;
    const { id, options, durableSeq } = connection;
    const seq = this.#passedSeq;
    if (this.isNothingWanted && seq > durableSeq) {
      connection.appliedSeq = seq;
      connection.durableSeq = seq;
      connection.keep({ durableSeq: seq }, false);
      connection.repair.durable(seq);
      options.journal.advance(id, seq);
      connection.duty.look();
    }
    const { passedOver } = connection.record;
    const remaining = remainingSpans(passedOver ?? [], connection.durableSeq);
    if (passedOver !== undefined && remaining !== passedOver) connection.keep({ passedOver: remaining }, false);
  }
}

function isMark(bytes: Buffer): boolean {
  if (bytes.length > MARK_BYTES_MAX) return false;
  const { mirror, changes } = decodeChangeSet(bytes);
  return !mirror && changes.length === 0;
}
