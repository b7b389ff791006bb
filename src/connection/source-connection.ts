// One replication set joined to one target, on the source's side: dials, streams the journal, takes the target's
// word for what is applied and durable, and makes sure that whatever may be missing is mirrored again.
//   journal ─▶ sender ─▶ channel ══▶ target        target ══▶ acks ─▶ cursor, credits, answers ─▶ source worker

import { backoffMs } from "../base/backoff.js";
import { type ErrorCode, toSmError } from "../base/errors.js";
import { delay } from "../base/wait.js";
import { displayPath } from "../model/byte-path.js";
import type { Answer } from "../model/change.js";
import type { SourceChannel } from "../model/channel-port.js";
import type { MirrorWish } from "../model/mirror-wish.js";
import type { Ack, ConsistencyPoint, Retrying } from "../model/session.js";
import type { SourceEvent } from "../model/source-messages.js";
import type { MirrorReport } from "../model/status.js";
import { cleanUntilAfter } from "./clean-until.js";
import type { SourceConnectionOptions } from "./connection-options.js";
import type { ConnectionRecord, MirrorNeed } from "./connection-record.js";
import { senderOf } from "./connection-sender.js";
import { ConnectionStallWatch } from "./connection-stall.js";
import { type ConnectionEvent, type ConnectionState, type Fault, INITIAL_STATE, isHalted, nextConnection } from "./connection-state.js";
import { CopyWatch, tellClaim } from "./copy-watch.js";
import { guardFor } from "./guard-decision.js";
import { faultOf, type LinkFault } from "./link-fault.js";
import { LiveSets } from "./live-sets.js";
import type { MassChangeGuard } from "./mass-change-guard.js";
import { MirrorDuty } from "./mirror-duty.js";
import { MirrorTracker } from "./mirror-tracker.js";
import { PlaceRepair } from "./place-repair.js";
import { ProblemBook } from "./problem-book.js";
import { QuarantineWatch } from "./quarantine-watch.js";
import { RecordKeeper } from "./record-keeper.js";
import { ReplicationSwitch } from "./replication-switch.js";
import { RestartDuty } from "./restart-duty.js";
import { firstState, liftEvent, prepareByHand } from "./restore-hold.js";
import { planResume, reviewSpan, withEmptyTarget } from "./resume-plan.js";
import type { SentCounts, SetSender } from "./set-sender.js";
import { logState } from "./state-log.js";
import { TaskDuty } from "./task-duty.js";
import { openTransmission, type Transmission } from "./transmission.js";

const RETRY = { initialMs: 250, maxMs: 15_000, jitter: 0.3 };

export class SourceConnection {
  readonly options: SourceConnectionOptions;
  readonly mirror = new MirrorTracker();
  readonly problems = new ProblemBook();
  readonly transmission: Transmission;
  readonly guard: MassChangeGuard;
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
  readonly repair: PlaceRepair;
  readonly restart: RestartDuty;
  readonly duty: MirrorDuty;
  sender: SetSender | null = null;
  readonly stall: ConnectionStallWatch;
  #hadStream = false;
  /** Last set that the target itself said to have applied. */
  #toldSeq = 0;
  readonly #live = new LiveSets();
  /** Those that are part of no complete state on the target. */
  readonly #open = new LiveSets();
  readonly quarantine: QuarantineWatch;
  readonly #copy: CopyWatch;
  readonly tasks: TaskDuty;
  readonly keeper: RecordKeeper;
  readonly replication = new ReplicationSwitch(this);
  #resume: () => void = () => undefined;
  #channelAbort = new AbortController();

  constructor(options: SourceConnectionOptions) {
    this.options = options;
    this.record = options.record;
    this.durableSeq = options.record.durableSeq;
    this.appliedSeq = options.record.durableSeq;
    this.repair = new PlaceRepair(options.record.id, options.places, options.feed);
    this.restart = new RestartDuty(this);
    this.duty = new MirrorDuty(this, { done: () => this.#repairPlaces(), change: () => this.changed(), scan: (need) => this.restart.scan(need) });
    this.tasks = new TaskDuty(this, options.tasks);
    this.keeper = new RecordKeeper(options.save, options.log);
    this.guard = guardFor(this, () => options.guardPolicy(this.record));
    this.state = firstState(this);
    this.quarantine = new QuarantineWatch({ connection: this, feed: options.feed, onAsked: (answers) => this.#takeAnswers(answers) });
    this.#copy = new CopyWatch({ view: this, probe: () => options.feed.probe(this.id), onClaim: (claim) => tellClaim(options.feed, this.channel, claim) });
    this.stall = new ConnectionStallWatch(this);
    this.transmission = openTransmission(this, { onLink: () => this.#followTransmission() });
  }

  /** The link is wanted from now on, or not any more. */
  #followTransmission(): void {
    if (this.transmission.isLinkWanted) this.#resume();
    else this.#channelAbort.abort();
    if (this.transmission.mustCut) void this.channel?.close({ isAbrupt: true });
    this.options.onChange();
  }

  get claim(): CopyWatch["claim"] {
    return this.#copy.claim;
  }

  /** When the oldest change was made that is part of no complete state on the target; null when there is none. */
  get openSinceMs(): number | null {
    return this.#open.oldestAfter(this.point.consistentSeq);
  }

  get pendingRepairs(): number {
    return this.repair.pending;
  }

  get id(): number {
    return this.record.id;
  }

  get sentSeq(): number {
    return this.sender?.sentSeq ?? this.appliedSeq;
  }

  /** When the oldest live set not yet durable on the target was made; null when there is none. */
  get oldestPendingMs(): number | null {
    return this.#live.oldestAfter(this.appliedSeq);
  }

  /** Runs until the signal aborts: connects, streams, reconnects. */
  async run(signal: AbortSignal): Promise<void> {
    this.replication.begin();
    while (!signal.aborted) {
      if (!this.transmission.isLinkWanted) this.#dispatch({ kind: "hold" });
      if (this.state.kind === "halted" || !this.transmission.isLinkWanted) {
        await new Promise<void>((resolve) => {
          this.#resume = resolve;
          signal.addEventListener("abort", () => resolve(), { once: true });
        });
        continue;
      }
      this.#dispatch({ kind: "release" });
      this.#channelAbort = new AbortController();
      const both = AbortSignal.any([signal, this.#channelAbort.signal]);
      const fault = await this.#connectAndStream(both);
      if (signal.aborted) break;
      if (isHalted(this.state) || !this.transmission.isLinkWanted) continue;
      this.#dispatch(fault.disposition === "halt" ? { kind: "halt", fault } : { kind: "lost", fault });
      if (this.state.kind !== "backingOff") continue;
      const waitMs = backoffMs(this.state.attempt + 1, RETRY);
      this.retryAt = new Date(Date.now() + waitMs).toISOString();
      await delay(waitMs, both);
      this.retryAt = null;
      if (!signal.aborted) this.#dispatch({ kind: "retry" });
    }
    this.#dispatch({ kind: "stop" });
    await Promise.all([this.tasks.close(), this.duty.hooks.close()]);
    this.keep({}, true);
  }

  async #connectAndStream(signal: AbortSignal): Promise<LinkFault> {
    const { dialer, findPeer, hello } = this.options;
    try {
      const channel = await dialer.dial(findPeer(this.record.peer), hello(), signal);
      channel.setCompression(this.record.options.compression);
      this.channel = channel;
      this.transmission.followPath(channel.path);
      try {
        await this.#stream(channel, signal);
        return faultOf(await channel.ended);
      } finally {
        this.channel = null;
        this.sender = null;
        this.retrying = null;
        this.transmission.hearTarget(null);
        this.transmission.followPath(null);
        await channel.close({ isAbrupt: this.transmission.mustCut });
      }
    } catch (error) {
      return faultOf(toSmError(error));
    }
  }

  async #stream(channel: SourceChannel, signal: AbortSignal): Promise<void> {
    const [{ feed }, { welcome, rebuildsFiles }] = [this.options, channel];
    const known = { record: this.record, heardSeq: this.appliedSeq, toldSeq: this.#toldSeq, hadStream: this.#hadStream };
    const plan = planResume({ ...known, welcome, nowIso: new Date().toISOString() });
    [this.targetLimits, this.#toldSeq] = [welcome.limits, welcome.appliedSeq];
    if (!welcome.resumed) this.tasks.lose("the target does not know what came before it");
    this.#dispatch({ kind: "welcomed" });
    if (plan.review !== null) this.#copy.suspect(await reviewSpan(this.options, this.id, plan.review, (set) => this.replication.passesOver(set)));
    if (signal.aborted) return channel.close({ isAbrupt: true });
    const isEmpty = welcome.empty && !this.record.wasMirrored;
    this.duty.set(withEmptyTarget(plan.mirrorNeed, isEmpty));
    this.restart.begin(welcome);
    this.appliedSeq = Math.max(this.appliedSeq, plan.sentSeq);
    feed.send({ kind: "channel", connectionId: this.id, seq: plan.sentSeq, rebuildsFiles });
    const sender = senderOf(this, channel, plan.sentSeq);
    this.sender = sender;
    this.#hadStream = true;
    this.#copy.look();
    channel.sendCopy(this.#copy.claim);
    this.quarantine.begin();
    channel.onQuarantine((news) => {
      this.quarantine.take(news);
      this.changed();
    });
    channel.onAck((ack) => this.#takeAck(ack));
    channel.onPause((pause) => this.transmission.hearTarget(pause));
    if (plan.restartMirror || !this.mirror.isRunning) this.duty.startNeeded(isEmpty);
    const ended = new AbortController();
    void channel.ended.then(() => ended.abort());
    await sender.run(AbortSignal.any([signal, ended.signal]));
    if (signal.aborted && !ended.signal.aborted) await channel.close({ isAbrupt: this.transmission.mustCut });
  }

  #takeAck(ack: Ack): void {
    const { feed, journal } = this.options;
    [this.retrying, this.point, this.#toldSeq] = [ack.retrying, ack, ack.appliedSeq];
    this.#takeAnswers(ack.answers);
    this.sender?.taken(ack.takenSeq);
    this.#open.takeSettled(ack.consistentSeq);
    if (ack.appliedSeq > this.appliedSeq) {
      this.appliedSeq = ack.appliedSeq;
      feed.send({ kind: "applied", connectionId: this.id, seq: ack.appliedSeq });
    }
    if (ack.durableSeq > this.durableSeq) {
      this.#noteDurable(ack.durableSeq);
      this.repair.durable(ack.durableSeq);
    }
    journal.advance(this.id, this.#releasedSeq);
    this.replication.settle();
    this.duty.look();
    this.changed();
  }

  #takeAnswers(answers: readonly Answer[]): void {
    if (answers.length === 0) return;
    for (const answer of answers) if (answer.kind === "problem") this.addProblem(displayPath(answer.path), answer.code, answer.message);
    this.tasks.take(answers);
    this.options.feed.send({ kind: "answers", connectionId: this.id, answers });
    this.#copy.take(answers);
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
    this.durableSeq = seq;
    const madeMs = this.#live.takeSettled(seq);
    const isRepaired = this.pendingRepairs === 0 && this.quarantine.count === 0 && seq >= this.repair.lastSeq;
    const cleanUntilMs = cleanUntilAfter(this.record.cleanUntilMs, isRepaired ? madeMs : 0, this.options.captureLagMs, Date.now());
    this.keep({ durableSeq: seq, cleanUntilMs }, false);
  }

  /** What the source worker says about this connection, or about all. */
  takeEvent(event: SourceEvent): void {
    this.options.onEvent?.(event);
    this.restart.take(event);
    switch (event.kind) {
      case "set":
        this.tasks.noteSet(event);
        this.replication.take(event, this.#live);
        if (event.connectionId === 0 && event.changes > 0) this.#open.add(event.seq);
        if (event.lastPath !== "") this.lastFile = event.lastPath;
        break;
      case "mirrorStarted":
        this.mirror.take(event, new Date().toISOString());
        this.guard.takeMirror({ ...event, lastSeq: this.options.journal.stats().lastSeq });
        break;
      case "mirrorProgress":
      case "mirrorSettling":
      case "mirrorEmitted":
        this.duty.take(event);
        break;
      case "repairs":
        this.repair.tell(event);
        this.#copy.repaired(event.lastSeq);
        break;
      case "found":
      case "repaired":
        this.repair.take(event, this.durableSeq);
        this.#repairPlaces();
        break;
      case "state":
        if (event.state === "Arming") this.repair.restart();
        break;
      case "problem":
        this.addProblem(displayPath(event.path), event.code, event.message);
        break;
      case "halt":
        this.isSourceHalted = event.error !== null;
        if (event.error !== null) this.halt({ code: event.error.code as ErrorCode, message: event.error.message });
        else this.#unhalt();
    }
    this.changed();
  }

  addProblem(path: string, code: string, message: string): void {
    const problem = { path, code, message, at: new Date().toISOString() };
    this.problems.add(problem);
    this.restart.forget();
    if (this.mirror.isRunning) this.mirror.addProblem(problem);
  }

  /** What is dirty changed: said, and repaired as soon as nothing else brings it about. */
  placesChanged(): void {
    if (!this.options.places.isEmpty) this.tasks.lose("the queue was full: what was before it is repaired later");
    this.#repairPlaces();
    this.changed();
  }

  #repairPlaces(): void {
    const { guard, record } = this;
    // What a person has to decide on may be among the places.
    const mayRepair = !(this.isSourceHalted || guard.isHeld || guard.isRejected || this.duty.isAtWork);
    if (this.sender === null || !mayRepair) return;
    const { journal, repairBelowBytes } = this.options;
    if (journal.backlog(this.id).bytes <= repairBelowBytes()) this.repair.feed(record.cleanUntilMs);
  }

  halt(fault: Fault): void {
    this.#dispatch({ kind: "halt", fault });
    this.#channelAbort.abort();
  }

  #unhalt(): void {
    if (this.state.kind !== "halted") return;
    this.#dispatch(liftEvent(this));
    this.#resume();
  }

  /** Tries again at once: the peer may be back. Another root than the one connected must never be mirrored over the copy: only the source lifts its halt. */
  nudge(): void {
    if (this.state.kind === "backingOff") this.#channelAbort.abort();
    else if (!this.isSourceHalted) this.#unhalt();
  }

  sayHelloAgain(): void {
    this.#channelAbort.abort();
  }

  requireMirror(need: MirrorNeed): void {
    if (need.reason === "queue") this.tasks.lose(need.message);
    this.duty.require(this.replication.heed(need));
  }

  startMirror(wish: MirrorWish): MirrorReport {
    prepareByHand(this);
    return this.duty.startByHand(wish);
  }

  stopMirror(): MirrorReport {
    return this.duty.stop();
  }

  changed(): void {
    this.#copy.look();
    this.restart.look();
    this.quarantine.look();
    this.tasks.look();
    this.options.onChange();
  }

  #dispatch(event: ConnectionEvent): void {
    const before = this.state;
    this.state = nextConnection(before, event);
    if (this.state.kind === before.kind) return;
    this.stateSince = new Date().toISOString();
    logState(this, before);
    this.changed();
  }

  keep(part: Partial<ConnectionRecord>, isUrgent: boolean): void {
    this.record = { ...this.record, ...part };
    this.keeper.keep(this.record, isUrgent);
  }

  /** Writes what waits to be written; called about once a second. */
  tick(): void {
    this.restart.lookAtClock();
    this.keeper.tick();
    this.repair.tick();
    this.#repairPlaces();
    this.#copy.look();
    this.transmission.look();
    this.quarantine.look();
    this.stall.look();
  }
}
