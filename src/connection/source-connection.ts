// One replication set joined to one target, on the source's side: dials, streams the journal, takes the target's
// word for what is applied and durable, and makes sure that whatever may be missing is mirrored again.
//   journal ─▶ sender ─▶ channel ══▶ target        target ══▶ acks ─▶ cursor, credits, answers ─▶ source worker

import { backoffMs } from "../base/backoff.js";
import { type ErrorCode, toSmError } from "../base/errors.js";
import { delay } from "../base/wait.js";
import { displayPath } from "../model/byte-path.js";
import type { SourceChannel } from "../model/channel-port.js";
import type { MirrorMode } from "../model/connection-spec.js";
import type { Ack, ConsistencyPoint, Retrying } from "../model/session.js";
import type { MirrorOrder, SourceEvent } from "../model/source-messages.js";
import type { ConnectionReport, MirrorReport } from "../model/status.js";
import type { ConnectionRecord, MirrorNeed } from "./connection-record.js";
import { reportConnection } from "./connection-report.js";
import { type ConnectionEvent, type ConnectionState, type Fault, INITIAL_STATE, nextConnection } from "./connection-state.js";
import { CopyWatch, tellClaim } from "./copy-watch.js";
import { faultOf, type LinkFault } from "./link-fault.js";
import { LiveSets } from "./live-sets.js";
import { MirrorTracker } from "./mirror-tracker.js";
import { PlaceRepair } from "./place-repair.js";
import { ProblemBook } from "./problem-book.js";
import { RecordKeeper } from "./record-keeper.js";
import { framesOf, mergeNeeds, needByHand, orderOf, planResume, withEmptyTarget } from "./resume-plan.js";
import { type SentCounts, SetSender } from "./set-sender.js";
import type { SourceConnectionOptions } from "./source-connection-options.js";

const RETRY = { initialMs: 250, maxMs: 15_000, jitter: 0.3 };

export class SourceConnection {
  readonly options: SourceConnectionOptions;
  readonly mirror = new MirrorTracker();
  readonly problems = new ProblemBook();
  readonly counts: SentCounts = { bytes: 0, wireBytes: 0, mirrorBytes: 0, mirrorWireBytes: 0 };
  record: ConnectionRecord;
  state: ConnectionState = INITIAL_STATE;
  stateSince = new Date().toISOString();
  retryAt: string | null = null;
  channel: SourceChannel | null = null;
  retrying: Retrying | null = null;
  targetLimits: readonly string[] = [];
  appliedSeq = 0;
  durableSeq: number;
  isSourceHalted = false;
  point: ConsistencyPoint = { consistentSeq: 0, consistentTimeMs: 0, doubt: null };
  lastFile = "";
  readonly #places: PlaceRepair;
  /** Places that the source worker repairs on its own account. */
  #ownRepairs = 0;
  #sender: SetSender | null = null;
  #hadStream = false;
  readonly #live = new LiveSets();
  /** Those that are part of no complete state on the target. */
  readonly #open = new LiveSets();
  readonly #copy: CopyWatch;
  readonly #keeper: RecordKeeper;
  /** Repairs may have shipped up to this set. */
  #repairSeq = 0;
  #resume: () => void = () => undefined;
  #channelAbort = new AbortController();

  constructor(options: SourceConnectionOptions) {
    this.options = options;
    this.record = options.record;
    this.durableSeq = options.record.durableSeq;
    this.appliedSeq = options.record.durableSeq;
    this.#places = new PlaceRepair(options.record.id, options.places, options.feed);
    this.#keeper = new RecordKeeper(options.save, options.log);
    this.#copy = new CopyWatch({ view: this, probe: () => options.feed.probe(this.id), onClaim: (claim) => tellClaim(options.feed, this.channel, claim) });
  }

  get stateFault(): RecordKeeper["fault"] {
    return this.#keeper.fault;
  }

  get claim(): CopyWatch["claim"] {
    return this.#copy.claim;
  }

  /** When the oldest change was made that is part of no complete state on the target; null when there is none. */
  get openSinceMs(): number | null {
    return this.#open.oldestAfter(this.point.consistentSeq);
  }

  /** Places that may differ from what was replicated. */
  get pendingRepairs(): number {
    return this.#ownRepairs + this.#places.count;
  }

  get id(): number {
    return this.record.id;
  }

  get sentSeq(): number {
    return this.#sender?.sentSeq ?? this.appliedSeq;
  }

  /** When the oldest live set not yet durable on the target was made; null when there is none. */
  get oldestPendingMs(): number | null {
    return this.#live.oldestAfter(this.appliedSeq);
  }

  /** Runs until the signal aborts: connects, streams, reconnects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.state.kind === "halted") {
        await new Promise<void>((resolve) => {
          this.#resume = resolve;
          signal.addEventListener("abort", () => resolve(), { once: true });
        });
        continue;
      }
      this.#channelAbort = new AbortController();
      const both = AbortSignal.any([signal, this.#channelAbort.signal]);
      const fault = await this.#connectAndStream(both);
      if (signal.aborted) break;
      if ((this.state as ConnectionState).kind === "halted") continue;
      this.#dispatch(fault.disposition === "halt" ? { kind: "halt", fault } : { kind: "lost", fault });
      if (this.state.kind !== "backingOff") continue;
      const waitMs = backoffMs(this.state.attempt + 1, RETRY);
      this.retryAt = new Date(Date.now() + waitMs).toISOString();
      await delay(waitMs, both);
      this.retryAt = null;
      if (!signal.aborted) this.#dispatch({ kind: "retry" });
    }
    this.#dispatch({ kind: "stop" });
    this.#save(true);
  }

  async #connectAndStream(signal: AbortSignal): Promise<LinkFault> {
    const { dialer, findPeer, hello } = this.options;
    try {
      const channel = await dialer.dial(findPeer(this.record.peer), hello(), signal);
      this.channel = channel;
      try {
        await this.#stream(channel, signal);
        return faultOf(await channel.ended);
      } finally {
        this.channel = null;
        this.#sender = null;
        this.retrying = null;
        await channel.close();
      }
    } catch (error) {
      return faultOf(toSmError(error));
    }
  }

  async #stream(channel: SourceChannel, signal: AbortSignal): Promise<void> {
    const { journal, windowBytes } = this.options;
    const { welcome } = channel;
    const plan = planResume({ record: this.record, welcome, heardSeq: this.appliedSeq, hadStream: this.#hadStream, nowIso: new Date().toISOString() });
    this.targetLimits = welcome.limits;
    this.#dispatch({ kind: "welcomed" });
    if (plan.review !== null) await this.#review(plan.review);
    const isEmpty = welcome.empty && !this.record.wasMirrored;
    this.#setNeed(withEmptyTarget(plan.mirrorNeed, isEmpty));
    this.appliedSeq = Math.max(this.appliedSeq, plan.sentSeq);
    this.options.feed.send({ kind: "applied", connectionId: this.id, seq: plan.sentSeq });
    const sender = new SetSender({
      connectionId: this.id,
      journal,
      channel,
      sentSeq: plan.sentSeq,
      windowBytes,
      mirrorOnly: !this.record.options.replicate,
      counts: this.counts,
      onSend: (record) => this.options.places.follow(record.bytes),
    });
    this.#sender = sender;
    this.#hadStream = true;
    this.#copy.look();
    channel.sendCopy(this.#copy.claim);
    channel.onAck((ack) => this.#takeAck(ack));
    if (plan.restartMirror || !this.mirror.isRunning) this.#startNeeded(isEmpty);
    const ended = new AbortController();
    void channel.ended.then(() => ended.abort());
    await sender.run(AbortSignal.any([signal, ended.signal]));
    if (signal.aborted && !ended.signal.aborted) await channel.close();
  }

  async #review(span: { readonly from: number; readonly until: number }): Promise<void> {
    const frames = await framesOf(this.options.journal, this.id, span);
    this.options.feed.send({ kind: "review", connectionId: this.id, frames });
    this.#copy.suspect(span.until);
  }

  #takeAck(ack: Ack): void {
    const { feed, journal } = this.options;
    this.retrying = ack.retrying;
    if (ack.answers.length > 0) {
      for (const answer of ack.answers) if (answer.kind === "problem") this.addProblem(displayPath(answer.path), answer.code, answer.message);
      feed.send({ kind: "answers", connectionId: this.id, answers: ack.answers });
      this.#copy.take(ack.answers);
    }
    this.#sender?.taken(ack.takenSeq);
    this.point = ack;
    this.#open.takeSettled(ack.consistentSeq);
    if (ack.appliedSeq > this.appliedSeq) {
      this.appliedSeq = ack.appliedSeq;
      feed.send({ kind: "applied", connectionId: this.id, seq: ack.appliedSeq });
    }
    if (ack.durableSeq > this.durableSeq) {
      this.durableSeq = ack.durableSeq;
      this.#noteDurable(ack.durableSeq);
      this.#places.durable(ack.durableSeq);
    }
    journal.advance(this.id, this.#releasedSeq);
    if (this.mirror.isApplied(this.appliedSeq)) this.#mirrorDone();
    this.#changed();
  }

  /**
   * Live sets are kept until they are durable on the target. A job's sets only until they are applied: should the target's machine
   * lose them, it says so, and they are read again from the source.
   */
  get #releasedSeq(): number {
    const { firstSeq } = this.#live;
    return firstSeq === undefined ? this.appliedSeq : Math.max(this.durableSeq, Math.min(this.appliedSeq, firstSeq - 1));
  }

  /** While places wait for repair, what changed since they did stays suspect: nobody would know of them after a restart. */
  #noteDurable(seq: number): void {
    const madeMs = this.#live.takeSettled(seq);
    const isRepaired = this.pendingRepairs === 0 && seq >= this.#repairSeq;
    const cleanUntilMs = Math.max(this.record.cleanUntilMs, isRepaired ? madeMs - this.options.captureLagMs : 0);
    this.record = { ...this.record, durableSeq: seq, cleanUntilMs };
    this.#save(false);
  }

  #mirrorDone(): void {
    this.mirror.end("done", new Date().toISOString());
    this.problems.keepSince(this.mirror.report().startedAt ?? "");
    this.record = { ...this.record, mirrorNeed: null, wasMirrored: true };
    this.#save(true);
    this.#repairPlaces();
    this.options.log.info("mirror complete", { connection: this.id, repset: this.record.repset, target: this.record.peer });
  }

  /** What the source worker says about this connection, or about all. */
  takeEvent(event: SourceEvent): void {
    switch (event.kind) {
      case "set":
        if (event.connectionId === 0) this.#live.add(event.seq, Date.now());
        if (event.connectionId === 0 && event.changes > 0) this.#open.add(event.seq, Date.now());
        if (event.lastPath !== "") this.lastFile = event.lastPath;
        break;
      case "mirrorStarted":
        this.mirror.begin(event.mirrorId, new Date().toISOString());
        break;
      case "mirrorProgress":
        this.mirror.progress(event.mirrorId, event.counts);
        break;
      case "mirrorEmitted":
        this.mirror.emitted(event.mirrorId, event.lastSeq, event.counts);
        if (this.mirror.isApplied(this.appliedSeq)) this.#mirrorDone();
        break;
      case "repairs":
        this.#ownRepairs = event.pending;
        this.#repairSeq = event.lastSeq;
        this.#copy.repaired(event.lastSeq);
        break;
      case "repaired":
        this.#places.emitted(event.batches, event.lastSeq, this.durableSeq);
        this.#repairPlaces();
        break;
      case "state":
        if (event.state === "Arming") this.#places.restart();
        break;
      case "problem":
        this.addProblem(displayPath(event.path), event.code, event.message);
        break;
      case "halt":
        this.isSourceHalted = event.error !== null;
        if (event.error !== null) this.#halt({ code: event.error.code as ErrorCode, message: event.error.message });
        else this.#unhalt();
        break;
      default:
        break;
    }
    this.#changed();
  }

  addProblem(path: string, code: string, message: string): void {
    const problem = { path, code, message, at: new Date().toISOString() };
    this.problems.add(problem);
    if (this.mirror.isRunning) this.mirror.addProblem(problem);
  }

  /** What is dirty changed: said, and repaired as soon as nothing else brings it about. */
  placesChanged(): void {
    this.#repairPlaces();
    this.#changed();
  }

  #repairPlaces(): void {
    if (this.#sender === null || this.isSourceHalted || this.mirror.isRunning || this.record.mirrorNeed?.isAutomatic === true) return;
    const { journal, repairBelowBytes } = this.options;
    if (journal.backlog(this.id).bytes <= repairBelowBytes) this.#places.feed(this.record.cleanUntilMs);
  }

  #halt(fault: Fault): void {
    this.#dispatch({ kind: "halt", fault });
    this.#channelAbort.abort();
  }

  #unhalt(): void {
    if (this.state.kind !== "halted") return;
    this.#dispatch({ kind: "resume" });
    this.#resume();
  }

  /** Tries again at once: the peer may be back. Another root than the one connected must never be mirrored over the copy: only the source lifts its halt. */
  nudge(): void {
    if (this.state.kind === "backingOff") this.#channelAbort.abort();
    else if (!this.isSourceHalted) this.#unhalt();
  }

  /** Records that a mirror must run; starts it as soon as there is a channel. */
  requireMirror(need: MirrorNeed): void {
    this.#setNeed(mergeNeeds(this.record.mirrorNeed, need));
    this.mirror.end("failed", new Date().toISOString());
    this.#startNeeded();
  }

  #setNeed(need: MirrorNeed | null): void {
    if (need === this.record.mirrorNeed) return;
    this.record = { ...this.record, mirrorNeed: need };
    this.#save(true);
    this.#changed();
  }

  /** An empty target has nothing to be compared with. Once it is not empty any more, that mirror cut short, it has. */
  #startNeeded(isEmpty = false): void {
    const need = this.record.mirrorNeed;
    if (need === null || !need.isAutomatic || this.#sender === null) return;
    if (isEmpty) this.#order("full", need, "keep");
    else this.#order(need.mode, need);
  }

  /** A mirror by hand. One that is owed anyway keeps what it must do beyond the user's wish. */
  startMirror(mode: MirrorMode): MirrorReport {
    const need = needByHand(this.record.mirrorNeed, mode, new Date().toISOString());
    this.mirror.end("stopped", new Date().toISOString());
    this.#setNeed(need);
    if (this.#sender !== null) this.#order(mode, need);
    return this.mirror.report();
  }

  #order(mode: MirrorMode, need: MirrorNeed, extras: MirrorOrder["extras"] = need.extras): void {
    const mirrorId = this.mirror.start(mode, new Date().toISOString());
    this.options.feed.send({ kind: "mirror", order: orderOf(this.id, mirrorId, mode, extras, need) });
    this.options.log.info("mirror started", { connection: this.id, mode, reason: need.reason, why: need.message });
    this.#changed();
  }

  stopMirror(): MirrorReport {
    if (this.mirror.isRunning) {
      this.options.feed.send({ kind: "stopMirror", connectionId: this.id });
      this.mirror.end("stopped", new Date().toISOString());
      const owed = this.record.mirrorNeed;
      if (owed !== null) this.#setNeed({ ...owed, message: "the mirror was stopped by hand", isAutomatic: false });
    }
    this.#changed();
    return this.mirror.report();
  }

  report(): ConnectionReport {
    return reportConnection(this);
  }

  #changed(): void {
    this.#copy.look();
    this.options.onChange();
  }

  #dispatch(event: ConnectionEvent): void {
    const before = this.state;
    this.state = nextConnection(before, event);
    if (this.state.kind === before.kind) return;
    this.stateSince = new Date().toISOString();
    const fields = { connection: this.id, repset: this.record.repset, target: this.record.peer, from: before.kind, to: this.state.kind };
    if ("fault" in this.state) this.options.log.warn(`connection ${this.state.kind}: ${this.state.fault.message}`, fields);
    else this.options.log.info(`connection ${this.state.kind}`, fields);
    this.#changed();
  }

  #save(isUrgent: boolean): void {
    this.#keeper.keep(this.record, isUrgent);
  }

  /** Writes what waits to be written; called about once a second. */
  tick(): void {
    this.#keeper.tick();
    this.#places.tick();
    this.#repairPlaces();
    this.#copy.look();
  }
}
