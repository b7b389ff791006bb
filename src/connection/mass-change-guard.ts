// Holds a connection back when the source loses, or overwrites, too many of its files at once (a mistaken removal or restore, an
// attack, an emptied volume): nothing of the set that crosses the threshold, or behind it, is sent before a person decides. ADR 0022, 0028.
//   source worker ─ set, with what it takes away ─▶ guard ─ on record first ─▶ gate ─▶ sender
// Invariant: what crosses the threshold is held on disk before it can be sent.

import { type Clock, systemClock } from "../base/clock.js";
import { SmError } from "../base/errors.js";
import type { GuardReport, Reason } from "../model/status.js";
import { ChangedWindow } from "./changed-window.js";
import type { Fault } from "./connection-state.js";
import { isOver, lossLimitOf, numbersOf } from "./guard-limits.js";
import type { GuardHold, GuardRecord } from "./guard-record.js";
import { LossWindow } from "./loss-window.js";
import type { SendGuard } from "./set-sender.js";

export interface GuardPolicy {
  /** Share of the files of the set that may be lost within the window, in percent; null = any. */
  readonly lostPercent: number | null;
  /** How many may, whatever their share; null = any number. */
  readonly lostFiles: number | null;
  /** The same share of files that are overwritten or replaced. */
  readonly changedPercent: number | null;
  /** Fewer files than this are let go, whatever their share. */
  readonly lostFilesMin: number;
  readonly windowSeconds: number;
}

export interface GuardOptions {
  readonly connectionId: number;
  readonly record: GuardRecord;
  /** Asked each time, for it may be set while the connection runs; null = off. */
  readonly policy: () => GuardPolicy | null;
  /** A mirror is to come, or under way, that may remove: until it has begun nobody knows what was lost before. */
  readonly isMirrorOwed: () => boolean;
  readonly save: (record: GuardRecord, isUrgent: boolean) => void;
  /** What was held until then is not to be kept in the queue for this connection. */
  readonly discard: (seq: number) => void;
  readonly clock?: Clock;
}

/** A set as it comes from the source worker. */
export interface GuardedSet {
  readonly seq: number;
  readonly lost: number;
  readonly files: number;
  /** Of each file that was overwritten or replaced. */
  readonly changed: Uint32Array;
}

export class MassChangeGuard implements SendGuard {
  readonly #options: GuardOptions;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #record: GuardRecord;
  #window: { readonly seconds: number; readonly losses: LossWindow; readonly changed: ChangedWindow } | null = null;
  /** Files of the set by the last set that came, sent or held. */
  #files: number | null = null;

  constructor(options: GuardOptions) {
    this.#options = options;
    this.#record = options.record;
    this.#clock = options.clock ?? systemClock;
  }

  get isHeld(): boolean {
    return this.#record.hold?.decision === "open";
  }

  get isRejected(): boolean {
    return this.#record.hold?.decision === "rejected";
  }

  /** The last set that may be sent. */
  get lastSeq(): number {
    const { hold } = this.#record;
    return hold === null ? Number.POSITIVE_INFINITY : hold.fromSeq - 1;
  }

  onOpen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A live set, before it can be sent. */
  takeSet({ seq, lost, files, changed }: GuardedSet): void {
    // Of what is lost, that which was emptied is among the files still.
    const filesBefore = Math.max(files, this.#files ?? files + Math.max(0, lost));
    this.#files = files;
    const { hold } = this.#record;
    if (hold !== null) {
      if (hold.decision === "rejected") this.#options.discard(seq);
      else if (lost !== 0) this.#keep({ hold: { ...hold, lost: hold.lost + lost } }, false);
      return;
    }
    const policy = this.#options.policy();
    if (policy === null) return;
    const window = this.#windowOf(policy.windowSeconds);
    const nowMs = this.#clock.monotonicMs();
    window.losses.add(nowMs, lost, filesBefore);
    if (policy.changedPercent !== null) window.changed.add(nowMs, changed);
    const counted = { lost: window.losses.lost, changed: window.changed.count, files: window.losses.files };
    const loss = lost > 0 ? lossLimitOf(policy, counted.lost, counted.files) : null;
    const isChanged = changed.length > 0 && (window.changed.isFull || isOver(policy.changedPercent, policy.lostFilesMin, counted.changed, counted.files));
    if (loss !== null || isChanged) {
      const limit = loss === null ? "changed" : "lost";
      const crossed = loss ?? { limitPercent: policy.changedPercent, limitFiles: null };
      this.#hold({ ...counted, ...crossed, fromSeq: seq, limit, windowSeconds: policy.windowSeconds });
    } else if (this.#record.files !== files && !this.#options.isMirrorOwed()) {
      this.#keep({ files }, false);
    }
  }

  /**
   * A mirror begins whose sets come behind `lastSeq`. What it removes on the target was lost while nobody looked (the agent was down, the queue
   * was given up): that much is known by the number of files.
   */
  takeMirror(mirror: { readonly lastSeq: number; readonly files: number; readonly removesExtras: boolean }): void {
    this.#files = mirror.files;
    const policy = this.#options.policy();
    if (this.#record.hold !== null || policy === null) return;
    const before = this.#record.files;
    const lost = before === null ? 0 : before - mirror.files;
    const loss = mirror.removesExtras && before !== null ? lossLimitOf(policy, lost, before) : null;
    if (loss !== null && before !== null) {
      const counted = { lost, changed: 0, files: before, limit: "lost" } as const;
      this.#hold({ ...counted, ...loss, fromSeq: mirror.lastSeq + 1, windowSeconds: null });
    } else {
      this.#keep({ files: mirror.files }, false);
    }
  }

  /** Other rules make another set: the files that left it are not lost. */
  forgetFiles(): void {
    this.#window = null;
    if (this.#record.files !== null) this.#keep({ files: null }, true);
  }

  /** What was held is sent. Repeating it is harmless. */
  approve(): void {
    if (this.isRejected) throw new SmError("GUARD_NOT_HELD", `what connection ${this.#options.connectionId} held was rejected: it is gone`);
    if (this.isHeld) this.#open();
  }

  /** What was held is never sent, and nothing else until a mirror is started by hand. Repeating it is harmless. */
  reject(lastSeq: number): void {
    const { hold } = this.#record;
    if (hold === null) throw new SmError("GUARD_NOT_HELD", `connection ${this.#options.connectionId} holds nothing back`);
    if (hold.decision === "rejected") return;
    this.#keep({ hold: { ...hold, decision: "rejected" } }, true);
    this.#options.discard(lastSeq);
  }

  /** A mirror by hand ends a rejection. */
  lift(): void {
    if (this.isRejected) this.#open();
  }

  #open(): void {
    this.#window = null;
    this.#keep({ hold: null, files: this.#files }, true);
    for (const listener of this.#listeners) listener();
  }

  #windowOf(seconds: number): { readonly losses: LossWindow; readonly changed: ChangedWindow } {
    if (this.#window?.seconds !== seconds) this.#window = { seconds, losses: new LossWindow(seconds * 1000), changed: new ChangedWindow(seconds * 1000) };
    return this.#window;
  }

  #hold(hold: Omit<GuardHold, "decision" | "since">): void {
    // What it counted so far is on record.
    this.#window = null;
    const since = new Date(this.#clock.nowMs()).toISOString();
    this.#keep({ hold: { ...hold, decision: "open", since } }, true);
  }

  #keep(part: Partial<GuardRecord>, isUrgent: boolean): void {
    this.#record = { ...this.#record, ...part };
    this.#options.save(this.#record, isUrgent);
  }

  get fault(): Fault {
    const { hold } = this.#record;
    return { code: "GUARD_REJECTED", message: `${hold === null ? "" : numbersOf(hold)}; this was rejected, and the target stays as it was before` };
  }

  report(): GuardReport {
    const policy = this.#options.policy();
    const { hold } = this.#record;
    const state = hold === null ? (policy === null ? "off" : "watching") : hold.decision === "open" ? "held" : "rejected";
    return {
      state,
      lostPercent: policy?.lostPercent ?? null,
      lostFiles: policy?.lostFiles ?? null,
      changedPercent: policy?.changedPercent ?? null,
      crossed: hold?.limit ?? null,
      lost: hold?.lost ?? 0,
      changed: hold?.changed ?? 0,
      files: hold?.files ?? null,
      fromSeq: hold?.fromSeq ?? null,
      since: hold?.since ?? null,
    };
  }

  reason(): Reason | null {
    const { hold } = this.#record;
    if (hold === null) return null;
    const { connectionId } = this.#options;
    const common = { object: `connection ${connectionId}`, since: hold.since, nextAt: null };
    if (hold.decision === "rejected") {
      const next = "nothing is sent; a mirror started by hand brings the target to the source again, and removes nothing there";
      return { ...common, ...this.fault, next, command: `sm mirror start ${connectionId}` };
    }
    const message = `${numbersOf(hold)}: nothing from change set ${hold.fromSeq} on is sent`;
    const next = "changes are logged, and wait for a person: approve sends them, reject keeps the target as it is";
    return { ...common, code: "GUARD_HELD", message, next, command: `sm connection approve ${connectionId}, or sm connection reject ${connectionId}` };
  }
}
