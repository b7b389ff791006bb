// A watch-dog on the progress of one connection, seen from its source: something waits, the link is there, nothing explains why
// nothing moves. It says so with what is waited for, and opens the channel anew where that can help and does no harm. ADR 0027.
//   second by second: what is waited for ─▶ for how long nothing moved ─▶ reason, remedy

import { type Clock, systemClock } from "../base/clock.js";
import { logEvent } from "../base/events.js";
import { StillTime } from "../base/still-time.js";
import type { SourceChannel } from "../model/channel-port.js";
import type { Retrying } from "../model/session.js";
import type { Reason } from "../model/status.js";
import type { SourceConnectionOptions } from "./connection-options.js";
import type { ConnectionRecord } from "./connection-record.js";
import type { ConnectionState } from "./connection-state.js";
import { type StallKind, stallMessage, stallNext } from "./stall-words.js";

/** The connection as it is watched. */
export interface StalledConnection {
  readonly id: number;
  readonly record: Pick<ConnectionRecord, "peer" | "options" | "mirrorNeed">;
  readonly state: ConnectionState;
  readonly channel: Pick<SourceChannel, "stats" | "close"> | null;
  readonly sender: { readonly isIdle: boolean } | null;
  readonly sentSeq: number;
  readonly appliedSeq: number;
  readonly durableSeq: number;
  readonly isSourceHalted: boolean;
  readonly retrying: Retrying | null;
  readonly transmission: { readonly isOpen: boolean };
  readonly guard: { readonly isHeld: boolean; readonly isRejected: boolean };
  readonly mirror: { readonly isRunning: boolean; readonly isPaused?: boolean; readonly waitsForHook?: string | null; readonly standing: string };
  readonly quarantine: { readonly count: number };
  readonly pendingRepairs: number;
  readonly repair: { readonly lastSeq: number };
  readonly lastFile: string;
  readonly options: Pick<SourceConnectionOptions, "journal" | "feed" | "stallMs" | "log" | "clock" | "onChange">;
}

/** What is not said at once is said after so many times the limit: a slow network looks the same. */
const LINK_PATIENCE = 3;
/** A target that watches itself knows more, and says it first. */
const TARGET_FIRST_MS = 5000;
/** The channel is opened anew after so many times the time after which it is said, and again after as long, but not more often than this. */
const REMEDY_AFTER = 3;
const UNSENT_STEP_BYTES = 64 * 1024;
const REMEDY_EVERY_MS = 300_000;
/** Another channel resumes at the target: it helps where a word was lost, and resends what was not acknowledged. */
const REMEDIED: ReadonlySet<StallKind> = new Set(["target", "sender", "link", "closing"]);

/** What is waited for now; null = nothing, or what explains itself. */
export function waitsFor(c: StalledConnection): StallKind | null {
  if (c.state.kind !== "streaming" || c.channel === null || c.sender === null) return null;
  if (!c.transmission.isOpen || c.guard.isHeld || c.guard.isRejected || c.isSourceHalted || c.retrying !== null) return null;
  if (!c.sender.isIdle) return c.channel.stats().unsentBytes > 0 ? "link" : "target";
  if (c.appliedSeq < c.sentSeq && c.record.options.replicate) return "closing";
  if (c.durableSeq < c.appliedSeq) return "disk";
  if (c.record.options.replicate && c.options.journal.backlog(c.id).records > 0) return "sender";
  // A worker that is arming is known to be, and none is said.
  if (c.options.feed.pulse === null) return null;
  // A hook has its own limit, and is told of.
  if (c.mirror.isRunning && c.mirror.isPaused !== true && c.mirror.waitsForHook == null) return "mirror";
  const isRepairing = c.pendingRepairs > 0 && c.record.mirrorNeed === null && c.quarantine.count === 0;
  return isRepairing ? "repairs" : null;
}

export class ConnectionStallWatch {
  readonly #connection: StalledConnection;
  readonly #clock: Clock;
  readonly #still = new StillTime();
  readonly #heard = new StillTime();
  #stall: { readonly kind: StallKind; readonly since: string } | null = null;
  /** As it was a moment ago: what is behind in status is not news. */
  #reason: Reason | null = null;
  #remedies = 0;
  #remediedMs: number | null = null;

  constructor(connection: StalledConnection) {
    this.#connection = connection;
    this.#clock = connection.options.clock ?? systemClock;
  }

  get reason(): Reason | null {
    return this.#reason;
  }

  /** How often the channel was opened anew since it last moved. */
  get remedies(): number {
    return this.#remedies;
  }

  /** Called about once a second. */
  look(): void {
    const limitMs = this.#connection.options.stallMs ?? null;
    if (limitMs === null) {
      this.#end(false);
      return;
    }
    const nowMs = this.#clock.monotonicMs();
    const waits = waitsFor(this.#connection);
    if (waits === null) {
      this.#still.reset();
      this.#heard.reset();
      this.#end(this.#connection.state.kind === "streaming" && this.#connection.channel !== null);
      return;
    }
    const stats = this.#connection.channel?.stats();
    const forMs = this.#still.look(this.#progress(), nowMs);
    const silentMs = this.#heard.look(`${stats?.receivedBytes}`, nowMs);
    const kind = (waits === "target" || waits === "link") && silentMs >= limitMs ? "silent" : waits;
    const saidAfterMs = kind === "link" ? LINK_PATIENCE * limitMs : kind === "target" ? limitMs + TARGET_FIRST_MS : limitMs;
    if (forMs < saidAfterMs) {
      this.#end(true);
      return;
    }
    this.#say(kind, forMs);
    if (REMEDIED.has(kind) && forMs >= REMEDY_AFTER * saidAfterMs) this.#remedy(nowMs);
  }

  /** Another text whenever anything moves. */
  #progress(): string {
    const c = this.#connection;
    const { sentCompressedBytes, unsentBytes } = c.channel?.stats() ?? { sentCompressedBytes: 0, unsentBytes: 0 };
    // Heartbeats are added to what waits for the network: they are no progress.
    const unsent = Math.ceil(unsentBytes / UNSENT_STEP_BYTES);
    const worker = c.options.feed.pulse?.work ?? 0;
    const repairs = `${c.pendingRepairs} ${c.repair.lastSeq}`;
    const stream = `${c.sentSeq} ${c.appliedSeq} ${c.durableSeq} ${sentCompressedBytes} ${unsent}`;
    // The worker reads the tree for other ends, too: what it does is progress only of what it alone does.
    return c.sender?.isIdle === true ? `${stream} ${c.mirror.standing} ${repairs} ${worker}` : stream;
  }

  #say(kind: StallKind, forMs: number): void {
    const c = this.#connection;
    const { sentSeq, appliedSeq, durableSeq, lastFile } = c;
    const isNew = this.#stall === null;
    const since = this.#stall?.since ?? new Date(this.#clock.nowMs() - forMs).toISOString();
    this.#stall = { kind, since };
    const message = stallMessage(kind, { peer: c.record.peer, sentSeq, appliedSeq, durableSeq, lastSeq: c.options.journal.stats().lastSeq, lastFile, forMs });
    const next = stallNext(kind, { isRemedied: REMEDIED.has(kind), remedies: this.#remedies });
    const object = kind === "mirror" || kind === "repairs" || kind === "closing" ? `connection ${c.id}` : `peer ${c.record.peer}`;
    this.#reason = { code: "STALLED", message, object, since, next, nextAt: null, command: `sm connection show ${c.id}` };
    if (!isNew) return;
    logEvent(c.options.log, "stalled", { connection: c.id, reason: message }, { code: "STALLED", waits: kind });
    c.options.onChange();
  }

  #remedy(nowMs: number): void {
    if (this.#remediedMs !== null && nowMs - this.#remediedMs < REMEDY_EVERY_MS) return;
    const { id, options } = this.#connection;
    this.#remediedMs = nowMs;
    this.#remedies += 1;
    const isAsked = this.#stall?.kind === "closing";
    const deed = isAsked ? "the source worker is asked to complete what the target holds" : "the channel is closed and opened again";
    logEvent(options.log, "channelReopened", { connection: id, reason: deed }, { times: this.#remedies });
    if (isAsked) options.feed.send({ kind: "cut" });
    // What waits to leave would keep an orderly end waiting.
    else void this.#connection.channel?.close({ isAbrupt: true });
  }

  /** `isMoving` false: there is no channel now, and nobody knows yet whether another helps. */
  #end(isMoving: boolean): void {
    if (isMoving && this.#stall !== null) logEvent(this.#connection.options.log, "moves", { connection: this.#connection.id });
    if (this.#stall === null) return;
    if (isMoving) this.#remedies = 0;
    this.#stall = null;
    this.#reason = null;
    this.#connection.options.onChange();
  }
}
