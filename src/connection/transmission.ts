// Whether a connection may send at this moment, and how fast: the person's word first, then the schedule, then the limit.
//   settings (connection record) ─▶ look, each second and at each set ─▶ link wanted? · gate of the sender · bytes per second
// Durations are measured by the monotonic clock; whether the window is open is read from the wall clock for every piece sent.

import { type Clock, systemClock } from "../base/clock.js";
import { SmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import { delay } from "../base/wait.js";
import type { PathView, SendPace, TargetPause } from "../model/channel-port.js";
import {
  type BandwidthLimit,
  DEFAULT_TRANSMISSION,
  isAutomatic,
  type LimitRate,
  type ScheduleChange,
  type TransmissionSettings,
} from "../model/transmission.js";
import { changeSchedule, endNow, hasStart, isInWindow, type QueueLook, rateAt, startNow } from "../model/transmission-schedule.js";
import { AutomaticRate } from "./automatic-rate.js";
import type { SourceConnectionOptions } from "./connection-options.js";
import type { ConnectionRecord } from "./connection-record.js";
import { lookAtQueue, type QueueView } from "./queue-look.js";
import { TokenBucket } from "./token-bucket.js";

export type TransmissionVerb = "start" | "stop" | "pause" | "resume";

export interface TransmissionOptions {
  readonly id: number;
  readonly settings: TransmissionSettings | undefined;
  /** Keeps the settings on disk: at once, or within a second or so. */
  readonly keep: (settings: TransmissionSettings, isUrgent: boolean) => void;
  readonly queue: () => QueueLook;
  /** The link is wanted, or is not wanted any more. */
  readonly onLink: () => void;
  /** The rate of what is sent from now on; null = none. Told again and again while there is one: whoever hears it may be new. */
  readonly onRate: (bytesPerSecond: number | null) => void;
  /** Told while there is a rate: a job's sets up to here have gone. */
  readonly onMirrorSent: (seq: number) => void;
  readonly onChange: () => void;
  readonly log: Log;
  readonly clock?: Clock;
}

/** Pieces are so much of a second, within these bounds: a limit holds over short stretches, too, and what must pass does between them. */
const PIECE_SECONDS = 0.05;
const PIECE_BYTES_MIN = 4 * 1024;
const PIECE_BYTES_MAX = 256 * 1024;
/** A limit may be lifted, a window may close: nobody sleeps longer. */
const SLEEP_MS_MAX = 250;
const SAVE_EVERY_MS = 1000;

export class Transmission {
  readonly #options: TransmissionOptions;
  readonly #clock: Clock;
  readonly #bucket: TokenBucket;
  readonly automatic: AutomaticRate;
  readonly #listeners = new Set<() => void>();
  #settings: TransmissionSettings;
  /** Monotonic, of the last look. */
  #lookedMs: number;
  #savedMs = 0;
  #isLinkWanted: boolean;
  /** Since the schedule holds sending back; ISO 8601. */
  heldSince: string;
  /** The target applies nothing for now. */
  targetPause: TargetPause["pause"] = "no";
  targetPauseSince = "";

  constructor(options: TransmissionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#bucket = new TokenBucket(this.#clock);
    this.#settings = options.settings ?? DEFAULT_TRANSMISSION;
    this.automatic = new AutomaticRate({
      connectionId: options.id,
      measured: this.#settings.measured,
      keep: (measured) => this.#keep({ ...this.#settings, measured }, false),
      onRate: () => this.#setRate(),
      sleep: delay,
      clock: this.#clock,
      log: options.log,
    });
    this.#lookedMs = this.#clock.monotonicMs();
    this.heldSince = new Date(this.#clock.nowMs()).toISOString();
    this.#setRate();
    this.#isLinkWanted = this.#wantsLink();
  }

  get settings(): TransmissionSettings {
    return this.#settings;
  }

  /** The rate that holds now; null = no limit. */
  get bytesPerSecond(): number | null {
    return this.#bucket.bytesPerSecond;
  }

  /** False: the connection is to be there without a link (stopped, or waiting for its schedule). */
  get isLinkWanted(): boolean {
    return this.#isLinkWanted;
  }

  /** The link must be cut without waiting for what was handed to it: the window is closed. */
  get mustCut(): boolean {
    const { schedule } = this.#settings;
    return schedule?.enabled === true && !isInWindow(schedule, this.#clock.nowMs());
  }

  get isScheduled(): boolean {
    return this.#settings.schedule?.enabled === true;
  }

  /** What is sent next may go now. */
  get isOpen(): boolean {
    return this.#settings.manual === "started" && this.targetPause === "no" && this.#passesSchedule();
  }

  #wantsLink(): boolean {
    return this.#settings.manual !== "stopped" && this.#passesSchedule();
  }

  #passesSchedule(): boolean {
    const { schedule, session } = this.#settings;
    if (schedule === null || !schedule.enabled) return true;
    if (!isInWindow(schedule, this.#clock.nowMs())) return false;
    if (!hasStart(schedule)) return true;
    if (session === null) return false;
    const elapsedMs = session.elapsedMs + this.#clock.monotonicMs() - this.#lookedMs;
    return schedule.stopAfterMs === null || elapsedMs < schedule.stopAfterMs;
  }

  /** A set of at most so many bytes may begin now. A session that has sent nothing may send one that is larger than it may be. */
  mayBegin(bytes: number): boolean {
    const { schedule, session } = this.#settings;
    if (!this.isOpen) return false;
    if (schedule === null || !schedule.enabled || schedule.stopAfterBytes === null || session === null || session.bytes === 0) return true;
    if (session.bytes + bytes <= schedule.stopAfterBytes) return true;
    this.#endSession("its bytes are sent");
    return false;
  }

  /** Calls back when what was held may go on. Returns the unsubscribe. */
  onOpen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tellOpen(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** How one channel sends, as long as the signal does not abort. */
  pace(signal: AbortSignal): SendPace {
    const self = this;
    return {
      get pieceBytes() {
        const rate = self.#bucket.bytesPerSecond;
        return rate === null ? null : Math.min(PIECE_BYTES_MAX, Math.max(PIECE_BYTES_MIN, Math.floor(rate * PIECE_SECONDS)));
      },
      take: (bytes) => this.#take(bytes, signal),
    };
  }

  /** False: it may not go any more. */
  async #take(bytes: number, signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      const waitMs = this.isOpen ? this.#bucket.take(bytes) : SLEEP_MS_MAX;
      if (waitMs === 0) {
        this.#count(bytes);
        return true;
      }
      await delay(Math.min(waitMs, SLEEP_MS_MAX), signal);
    }
    return false;
  }

  #count(bytes: number): void {
    const { session } = this.#settings;
    if (session !== null) this.#settings = { ...this.#settings, session: { ...session, bytes: session.bytes + bytes } };
  }

  /** Looks at the clocks and at the queue; called once a second, and after each change. */
  look(): void {
    const nowMs = this.#clock.nowMs();
    const monotonicMs = this.#clock.monotonicMs();
    const passedMs = monotonicMs - this.#lookedMs;
    this.#lookedMs = monotonicMs;
    const { session } = this.#settings;
    if (session !== null) this.#settings = { ...this.#settings, session: { ...session, elapsedMs: session.elapsedMs + passedMs } };
    this.#lookAtSchedule(nowMs);
    this.automatic.look(this.isOpen && isAutomatic(this.rateNow) && !this.#options.queue().isEmpty);
    this.#setRate();
    if (this.#settings.session !== null && monotonicMs - this.#savedMs >= SAVE_EVERY_MS) this.#keep(this.#settings, false);
    this.#settleLink();
    if (this.isOpen) this.#tellOpen();
  }

  #lookAtSchedule(nowMs: number): void {
    const { schedule, session, startsSeenMs, manual } = this.#settings;
    if (schedule === null || !schedule.enabled || !hasStart(schedule) || manual === "stopped") {
      // Starts that nobody wanted are not made up for.
      this.#settings = { ...this.#settings, startsSeenMs: nowMs };
      return;
    }
    const queue = this.#options.queue();
    if (session !== null) {
      const why = endNow(schedule, session, nowMs, queue.isEmpty);
      if (why !== null) this.#endSession(why);
    }
    // Not in the same moment: a session that ended would not have ended.
    if (session === null) {
      const why = startNow({ schedule, seenMs: startsSeenMs, nowMs, queue });
      if (why !== null && !queue.isEmpty) this.#beginSession(why, nowMs);
      // A start that found nothing to send is over, for the next process too.
      else if (why !== null) this.#keep({ ...this.#settings, startsSeenMs: nowMs }, false);
    }
    this.#settings = { ...this.#settings, startsSeenMs: nowMs };
  }

  #beginSession(why: string, nowMs: number): void {
    const session = { why, startedAt: new Date(nowMs).toISOString(), elapsedMs: 0, bytes: 0 };
    this.#keep({ ...this.#settings, session, startsSeenMs: nowMs }, true);
    logEvent(this.#options.log, "transmitBegan", { connection: this.#options.id, reason: why });
  }

  #endSession(why: string): void {
    const { session } = this.#settings;
    if (session === null) return;
    this.#keep({ ...this.#settings, session: null }, true);
    const figures = { bytes: session.bytes, seconds: Math.round(session.elapsedMs / 1000) };
    logEvent(this.#options.log, "transmitEnded", { connection: this.#options.id, reason: why }, figures);
    this.#settleLink();
  }

  /** Of the limits the one that holds now. */
  get rateNow(): LimitRate | null {
    return rateAt(this.#settings.limit, this.#clock.nowMs(), this.automatic.bytesPerSecond);
  }

  /** The channel that is there now, or none. */
  followPath(path: PathView | null): void {
    this.automatic.follow(path);
  }

  #setRate(): void {
    const now = this.rateNow;
    const rate = now !== null && "automatic" in now ? this.automatic.bytesPerSecond : (now?.bytesPerSecond ?? null);
    const before = this.#bucket.bytesPerSecond;
    this.#bucket.set(rate);
    if (rate !== null || before !== null) this.#options.onRate(rate);
  }

  #settleLink(): void {
    const isWanted = this.#wantsLink();
    if (isWanted === this.#isLinkWanted) return;
    this.#isLinkWanted = isWanted;
    this.heldSince = new Date(this.#clock.nowMs()).toISOString();
    this.#options.onLink();
  }

  #keep(settings: TransmissionSettings, isUrgent: boolean): void {
    this.#settings = settings;
    this.#savedMs = this.#clock.monotonicMs();
    this.#options.keep(settings, isUrgent);
  }

  /** Repeating a word is harmless. TRANSMISSION_SETTING when it does not fit. */
  command(verb: TransmissionVerb): void {
    const { manual, schedule } = this.#settings;
    const { id } = this.#options;
    if (manual === "stopped" && (verb === "pause" || verb === "resume")) {
      throw new SmError("TRANSMISSION_SETTING", `the transmission of connection ${id} is stopped: start it with \`sm transmission start ${id}\``);
    }
    const next = verb === "stop" ? "stopped" : verb === "pause" ? "paused" : "started";
    const nowMs = this.#clock.nowMs();
    if (next !== manual) {
      this.#keep({ ...this.#settings, manual: next, since: new Date(nowMs).toISOString() }, true);
      if (next === "started") logEvent(this.#options.log, "transmissionStarted", { connection: id });
      else logEvent(this.#options.log, "transmissionStopped", { connection: id, state: next });
    }
    if (verb === "stop") this.#endSession("it was stopped by hand");
    const isHeld = schedule?.enabled === true && hasStart(schedule) && this.#settings.session === null;
    if (verb === "start" && isHeld && isInWindow(schedule, nowMs)) this.#beginSession("started by hand", nowMs);
    this.look();
  }

  /** Null takes all of it away. */
  setSchedule(change: ScheduleChange | null): void {
    const nowMs = this.#clock.nowMs();
    const schedule = change === null ? null : changeSchedule(this.#settings.schedule, change);
    const isPast = typeof change?.startAt === "string" && Date.parse(change.startAt) <= nowMs;
    if (isPast && schedule !== null && schedule.everyMs === null) throw new SmError("TRANSMISSION_SETTING", `the start ${change.startAt} is in the past`);
    const isOver = schedule === null || !schedule.enabled || !hasStart(schedule);
    this.#keep({ ...this.#settings, schedule, startsSeenMs: nowMs, session: isOver ? null : this.#settings.session }, true);
    this.look();
  }

  setLimit(limit: BandwidthLimit): void {
    this.#keep({ ...this.#settings, limit }, true);
    this.look();
  }

  mirrorSent(seq: number): void {
    if (this.#bucket.bytesPerSecond !== null) this.#options.onMirrorSent(seq);
  }

  /** What the target says; null = it is not there to say anything. */
  hearTarget(said: TargetPause | null): void {
    const pause = said?.pause ?? "no";
    const { log, id: connection } = this.#options;
    if (said !== null && pause !== this.targetPause) {
      if (pause === "no") logEvent(log, "connectionResumed", { connection });
      else logEvent(log, "connectionPaused", { connection, state: pause === "pending" ? "pausing" : "paused" });
    }
    this.targetPause = pause;
    this.targetPauseSince = pause === "no" ? "" : new Date(said?.sinceMs ?? 0).toISOString();
    this.#options.onChange();
    if (this.isOpen) this.#tellOpen();
  }
}

/** Of a source connection: `hooks` are what it does about it. */
export function openTransmission(connection: QueueView & TransmissionHost, hooks: Pick<TransmissionOptions, "onLink">): Transmission {
  const { record, options } = connection;
  const { feed, log, onChange, clock } = options;
  const { id: connectionId } = record;
  return new Transmission({
    id: connectionId,
    settings: record.transmission,
    queue: () => lookAtQueue(connection),
    onRate: (bytesPerSecond) => feed.send({ kind: "pace", connectionId, bytesPerSecond }),
    onMirrorSent: (seq) => feed.send({ kind: "sent", connectionId, seq }),
    keep: (transmission, isUrgent) => {
      connection.keep({ transmission }, isUrgent);
      onChange();
    },
    onChange,
    log,
    ...(clock === undefined ? {} : { clock }),
    ...hooks,
  });
}

interface TransmissionHost {
  keep(part: Pick<ConnectionRecord, "transmission">, isUrgent: boolean): void;
  readonly record: Pick<ConnectionRecord, "transmission">;
  readonly options: Pick<SourceConnectionOptions, "feed" | "log" | "clock" | "onChange">;
}
