// The mirror that a connection owes its target: on record until it is done, begun as soon as there is a channel.
//   need ─ on record ─▶ order ─▶ source worker ─▶ emitted, applied ─▶ need gone

import { SmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import type { MirrorWish } from "../model/mirror-wish.js";
import type { MirrorOrder, SourceEvent, SourceFeed } from "../model/source-messages.js";
import type { MirrorReport } from "../model/status.js";
import type { ConnectionRecord, MirrorNeed, Sweep } from "./connection-record.js";
import { HookDuty, type HookTerms, type HookVerdict } from "./hook-duty.js";
import { mirrorOrder } from "./mirror-order.js";
import { PointerBook } from "./mirror-pointer.js";
import type { MirrorTracker } from "./mirror-tracker.js";
import type { ProblemBook } from "./problem-book.js";
import { mergeNeeds, needAfter, needByHand, withPointer } from "./resume-plan.js";

/** The connection as its mirrors see it. */
export interface MirroredConnection {
  readonly id: number;
  readonly record: ConnectionRecord;
  readonly mirror: MirrorTracker;
  readonly problems: ProblemBook;
  readonly options: {
    readonly feed: Pick<SourceFeed, "send">;
    readonly sizesMirrors?: boolean;
    readonly hooks?: HookTerms;
    readonly log: Log;
    readonly onChange?: () => void;
  };
  readonly transmission: { readonly isOpen: boolean };
  readonly appliedSeq: number;
  readonly durableSeq: number;
  /** Null: there is no channel that sets go over. */
  readonly sender: object | null;
  keep(part: Partial<ConnectionRecord>, isUrgent: boolean): void;
}

/** A need as it is ordered: an empty target holds nothing that is too much. */
type ConnectionMirror = Omit<MirrorNeed, "extras"> & { readonly extras: MirrorOrder["extras"] };

type MirrorNews = Extract<SourceEvent, { kind: "mirrorProgress" | "mirrorSettling" | "mirrorEmitted" }>;

export class MirrorDuty {
  readonly #connection: MirroredConnection;
  readonly #onDone: () => void;
  readonly #onChange: () => void;
  readonly #onScan: (need: MirrorNeed) => void;
  readonly #pointers: PointerBook;
  readonly hooks: HookDuty;
  /** Orders the mirror whose hooks have ended while it was paused. */
  #ready: (() => void) | null = null;

  constructor(connection: MirroredConnection, on: { readonly done: () => void; readonly change: () => void; readonly scan: (need: MirrorNeed) => void }) {
    this.#connection = connection;
    this.#onDone = on.done;
    this.#onChange = on.change;
    this.#onScan = on.scan;
    this.hooks = new HookDuty(connection, connection.options.hooks);
    connection.mirror.hookOf = () => this.hooks.wait?.name ?? null;
    this.#pointers = new PointerBook((pointer) => {
      const { mirrorNeed } = connection.record;
      // Of a pointer that is too old less is known to be done; one that is not there any more must not be found again.
      if (mirrorNeed !== null) connection.keep({ mirrorNeed: withPointer(mirrorNeed, pointer) }, pointer === undefined || pointer.except.length > 0);
    });
    this.#followPause();
  }

  /** What is paused: the mirror of the whole set, which comes first, or that of some paths. */
  get #meant(): MirrorNeed | null {
    const { mirrorNeed, partMirror } = this.#connection.record;
    return mirrorNeed ?? partMirror ?? null;
  }

  get #isPaused(): boolean {
    return this.#meant?.paused !== undefined;
  }

  /** A mirror of the whole set runs, or waits to go on. */
  get isWholeUnderWay(): boolean {
    return (this.#connection.mirror.isRunning && !this.#isPart) || this.#connection.record.mirrorNeed?.paused !== undefined;
  }

  /** A mirror does, or will do by itself, what else is to be repaired. */
  get isAtWork(): boolean {
    return !this.#isPaused && (this.#connection.mirror.isRunning || this.#connection.record.mirrorNeed?.isAutomatic === true);
  }

  /** Mirror `mirrorId` has ended, and no other will begin by itself. */
  isOver(mirrorId: number): boolean {
    const { mirror, record } = this.#connection;
    if (mirror.id !== mirrorId) return mirror.id > mirrorId;
    return !mirror.isRunning && record.mirrorNeed?.isAutomatic !== true && mirror.sweep.report()?.state !== "waiting";
  }

  set(need: MirrorNeed | null): void {
    const { record } = this.#connection;
    if (need === record.mirrorNeed) return;
    this.#keep({ mirrorNeed: need });
  }

  #keep(part: Pick<Partial<ConnectionRecord>, "mirrorNeed" | "partMirror" | "wasMirrored" | "sweep">): void {
    this.#connection.keep(part, true);
    this.#followPause();
    this.#onChange();
  }

  #followPause(): void {
    this.#connection.mirror.followPause(this.#meant?.paused ?? null);
  }

  /** Records that a mirror must run; starts it as soon as there is a channel. One of some paths takes nothing from what is owed. */
  require(need: MirrorNeed): void {
    if (need.paths !== undefined) this.#connection.keep({ partMirror: need }, true);
    else this.set(mergeNeeds(this.#connection.record.mirrorNeed, need));
    this.beginAnew();
  }

  /** What is owed is on record, and is more than what runs was to do. */
  beginAnew(): void {
    this.#followPause();
    this.hooks.cancel();
    this.#ready = null;
    this.#connection.mirror.end("failed", new Date().toISOString());
    this.startNeeded();
  }

  /** An empty target has nothing to be compared with. Once it is not empty any more, that mirror cut short, it has. */
  startNeeded(isEmpty = false): void {
    const { record, sender } = this.#connection;
    this.hooks.resume();
    if (sender === null) return;
    const owed = record.mirrorNeed;
    if (this.#isPaused) this.#forgetRun();
    else if (owed?.isAutomatic === true && owed.isScan === true) this.#onScan(owed);
    else if (owed?.isAutomatic === true) this.#order(isEmpty ? ofEmptyTarget(owed) : owed);
    else if (record.partMirror != null) this.#order(record.partMirror);
  }

  /** A mirror by hand. One that is owed anyway keeps what it must do beyond the user's wish; one of some paths takes nothing from it. */
  startByHand(wish: MirrorWish): MirrorReport {
    const { id, mirror, record } = this.#connection;
    const isPart = wish.paths !== undefined;
    if (wish.orphans != null && !record.options.replicate)
      throw new SmError("REPLICATION_STOPPED", `replication of connection ${id} is stopped: what only its target has is not looked for`);
    if (record.isSimulated === true && (wish.content !== "times" || wish.orphans != null))
      throw new SmError("SIMULATION", `connection ${id} is a simulation: there is no target to compare with`);
    if (isPart && this.isWholeUnderWay)
      throw new SmError("JOB_CONFLICT", `the whole of connection ${id} is being mirrored: these paths are among it (\`sm mirror stop ${id}\` ends that)`);
    const need = needByHand(record.mirrorNeed, wish, new Date().toISOString());
    this.#sayStopped("stopped");
    mirror.end("stopped", new Date().toISOString());
    this.#keep(isPart ? { partMirror: need } : { mirrorNeed: need, partMirror: null, sweep: null });
    this.startNeeded();
    return mirror.report();
  }

  /** Whether the running mirror, or the last one, is of some paths only. */
  get #isPart(): boolean {
    return this.#connection.mirror.isPart;
  }

  #order(need: ConnectionMirror): void {
    const { id, mirror, options, record } = this.#connection;
    const { mode, extras, reason, message, isSized = options.sizesMirrors ?? true } = need;
    this.#pointers.forget();
    const mirrorId = mirror.start(wishOf(need), new Date().toISOString());
    const begin = (): void => {
      this.#ready = null;
      options.feed.send({ kind: "mirror", order: mirrorOrder({ connectionId: id, mirrorId, mode, need, isSized, extras, roots: record.roots }) });
      const from = need.doneThrough === undefined ? {} : { goesOnAt: need.doneThrough.path };
      logEvent(options.log, "mirrorStarted", { ...namesOf(record), mode, reason: message }, { ...wishOf(need), cause: reason, ...from });
    };
    this.#ready = null;
    const held = this.hooks.begin(mirror.report());
    if (held === null) begin();
    else void this.#afterHooks(mirrorId, held, begin);
    this.#onChange();
  }

  async #afterHooks(mirrorId: number, held: Promise<HookVerdict>, begin: () => void): Promise<void> {
    const { id, mirror } = this.#connection;
    const { mayBegin, fault } = await held;
    if (mirror.id !== mirrorId || !mirror.isRunning) return;
    if (fault !== null) {
      mirror.addProblem({ path: `hooks of connection ${id}`, code: "HOOK_FAILED", message: fault, at: new Date().toISOString() });
      this.#endEarly("failed", fault);
    }
    if (!mayBegin) return;
    if (this.#isPaused) this.#ready = begin;
    else begin();
    this.#onChange();
  }

  /** What is to run at the end of the one that runs, or waits to go on: it does not go on. */
  #sayStopped(result: "stopped" | "failed"): void {
    const { mirror } = this.#connection;
    this.hooks.cancel();
    this.#ready = null;
    if (mirror.isRunning) this.hooks.ended(mirror.report(), result);
  }

  /** The connection is ended for good. Resolves when what runs at the end of its mirror has run. */
  async leave(): Promise<void> {
    if (this.hooks.reports().length === 0) return;
    this.stop();
    await this.hooks.idle();
  }

  /** A paused mirror whose target is not what it was, or whose worker ended: how far it came is on record, as far as that counts. */
  #forgetRun(): void {
    const { id, mirror, options } = this.#connection;
    this.hooks.cancel();
    this.#ready = null;
    options.feed.send({ kind: "stopMirror", connectionId: id });
    mirror.end("stopped", new Date().toISOString());
    this.#onChange();
  }

  /** Nothing more of it is queued until it is resumed. Where none runs, or would by itself, nothing is done. */
  pause(): MirrorReport {
    const { id, mirror, options, record } = this.#connection;
    const need = this.#meant;
    const mayPause = need !== null && need.paused === undefined && need.isScan !== true && (need.isAutomatic || mirror.isRunning);
    if (!mayPause) return mirror.report();
    this.#keepMeant({ ...need, paused: { since: new Date().toISOString(), percent: mirror.isRunning ? mirror.report().percent : null } });
    if (mirror.isRunning) options.feed.send({ kind: "pauseMirror", connectionId: id, isPaused: true });
    logEvent(options.log, "mirrorPaused", namesOf(record), { percent: mirror.report().percent });
    return mirror.report();
  }

  resume(): MirrorReport {
    const { id, mirror, options, record } = this.#connection;
    const { paused, ...need } = this.#meant ?? {};
    if (paused === undefined) return mirror.report();
    this.#keepMeant(need as MirrorNeed);
    logEvent(options.log, "mirrorResumed", namesOf(record), { since: paused.since });
    if (this.#ready !== null) this.#ready();
    else if (mirror.isRunning) options.feed.send({ kind: "pauseMirror", connectionId: id, isPaused: false });
    else this.startNeeded();
    return mirror.report();
  }

  #keepMeant(need: MirrorNeed): void {
    this.#keep(this.#connection.record.mirrorNeed === null ? { partMirror: need } : { mirrorNeed: need });
  }

  /** Ended for good: it begins anew when it is started again. */
  stop(): MirrorReport {
    return this.#endEarly("stopped", "the mirror was stopped by hand");
  }

  #endEarly(outcome: "stopped" | "failed", why: string): MirrorReport {
    const { id, mirror, options, record } = this.#connection;
    if (record.sweep?.behind.kind === "mirror") this.#keep({ sweep: null });
    mirror.sweep.drop();
    if (!mirror.isRunning && !this.#isPaused) return mirror.report();
    const isPart = mirror.isRunning ? this.#isPart : record.mirrorNeed === null;
    this.#sayStopped(outcome);
    options.feed.send({ kind: "stopMirror", connectionId: id });
    mirror.end(outcome, new Date().toISOString());
    const owed = record.mirrorNeed ?? stillOpen(record.partMirror ?? null);
    // The pause of one of some paths was noted with what is owed.
    if (isPart) this.#keep({ partMirror: null, ...(owed === null ? {} : { mirrorNeed: unpaused(owed) }) });
    else if (owed !== null) this.#keep({ mirrorNeed: stopped(owed, why) });
    logEvent(options.log, "mirrorStopped", namesOf(record));
    this.#onChange();
    return mirror.report();
  }

  take(event: MirrorNews): void {
    const { mirror, record, sender, transmission } = this.#connection;
    if (event.kind === "mirrorSettling") {
      if (event.mirrorId === mirror.id && mirror.isRunning && this.#meant !== null) this.#keepMeant({ ...this.#meant, isSettling: true });
      return;
    }
    mirror.take(event, new Date().toISOString(), sender !== null && transmission.isOpen);
    const isWhole = event.mirrorId === mirror.id && mirror.isRunning && !this.#isPart;
    if (event.kind === "mirrorProgress" && event.done !== null && isWhole && isWorthKeeping(record.mirrorNeed))
      this.#pointers.take(event.done, record.mirrorNeed.doneThrough);
    this.#noteShare();
    this.look();
  }

  /** What was on its way when it was paused is done as well. */
  #noteShare(): void {
    const { mirror } = this.#connection;
    const need = this.#meant;
    if (need?.paused === undefined || !mirror.isRunning) return;
    const { percent } = mirror.report();
    if (percent !== need.paused.percent) this.#keepMeant({ ...need, paused: { ...need.paused, percent } });
  }

  /** What was put right by its contents has the size and times that it had: should the target's machine lose it again, they do not tell. */
  #noteUnproven(): void {
    const { record, appliedSeq, durableSeq } = this.#connection;
    const done = this.#isPart ? record.partMirror : record.mirrorNeed;
    if (done == null || !goesByContents(done)) return;
    if (durableSeq < appliedSeq) this.#connection.keep({ unproven: { epoch: record.epoch, seq: appliedSeq } }, false);
    else if (!this.#isPart && record.unproven != null) this.#connection.keep({ unproven: null }, false);
  }

  /** Done when the target has applied all that was emitted. */
  look(): void {
    const { mirror, problems, record, options, appliedSeq, durableSeq } = this.#connection;
    if (record.mirrorNeed !== null && mirror.isRunning) this.#pointers.look(durableSeq, record.epoch, record.mirrorNeed.doneThrough);
    const { unproven = null } = record;
    if (unproven !== null && unproven.epoch === record.epoch && durableSeq >= unproven.seq) this.#connection.keep({ unproven: null }, false);
    if (!mirror.isApplied(appliedSeq)) return;
    this.#noteUnproven();
    mirror.end("done", new Date().toISOString());
    const left = mirror.report();
    this.hooks.ended(left, "done");
    const now = new Date().toISOString();
    if (this.#isPart) {
      this.#keep({ mirrorNeed: record.mirrorNeed ?? needAfter(record.partMirror ?? null, left.leftAlone, now, left.leftEmpty), partMirror: null });
    } else {
      problems.keepSince(left.startedAt ?? "");
      const { record: current } = this.#connection;
      this.#keep({
        mirrorNeed: needAfter(current.mirrorNeed, left.leftAlone, now, left.leftEmpty),
        wasMirrored: true,
        sweep: sweepAfter(current, mirror.id, now),
      });
    }
    logEvent(options.log, "mirrorEnded", namesOf(record));
    this.startNeeded();
    this.#onDone();
  }
}

function namesOf({ id: connection, repset, peer: target }: ConnectionRecord): {
  readonly connection: number;
  readonly repset: string;
  readonly target: string;
} {
  return { connection, repset, target };
}

/**
 * Begun anew, it would do more than compare sizes and times of what is done: of a first mirror onto an empty target that is all. What it left
 * out is counted over all of it, so one that leaves empty files out begins anew.
 */
function isWorthKeeping(need: MirrorNeed | null): need is MirrorNeed {
  return need !== null && need.skipsEmpty !== true && (need.mode === "full" || need.content === "checksum-all");
}

function goesByContents({ mode, content, isSettling }: MirrorNeed): boolean {
  return mode === "full" || content === "checksum-all" || isSettling === true;
}

/** All is sent, and nothing is too much; but what is made there meanwhile is not to be overwritten where a person wanted that. */
function ofEmptyTarget(owed: MirrorNeed): ConnectionMirror {
  const sparesNone = owed.newerOnly !== true && owed.missingOnly !== true;
  return { ...owed, mode: sparesNone ? "full" : owed.mode, extras: "keep" };
}

function unpaused({ paused: _, ...owed }: MirrorNeed): MirrorNeed {
  return owed;
}

/** What a mirror of some paths leaves behind that is ended at hard links: nobody knows any more which names are to be looked at. */
function stillOpen(part: MirrorNeed | null): MirrorNeed | null {
  if (part?.isSettling !== true) return null;
  const { paths: _, ...whole } = part;
  return stopped(whole);
}

function stopped({ paused: _, doneThrough: __, ...owed }: MirrorNeed, message = "the mirror was stopped by hand"): MirrorNeed {
  return { ...owed, message, isAutomatic: false };
}

function wishOf({ mode, content = "times", newerOnly = false, missingOnly = false, skipsEmpty = false, paths, orphans }: ConnectionMirror): MirrorWish {
  return {
    mode,
    content,
    newerOnly,
    ...(missingOnly ? { missingOnly } : {}),
    ...(skipsEmpty ? { skipsEmpty } : {}),
    ...(paths === undefined ? {} : { paths }),
    ...(orphans == null ? {} : { orphans }),
  };
}

/** What a mirror wanted of orphans waits for its job; what waits already goes on waiting. */
function sweepAfter({ mirrorNeed, sweep = null }: ConnectionRecord, mirrorId: number, now: string): Sweep | null {
  const orphans = mirrorNeed?.orphans ?? null;
  return orphans === null ? sweep : { orphans, behind: { kind: "mirror", id: mirrorId }, since: now };
}
