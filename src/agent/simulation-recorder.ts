// What one simulation is like, interval by interval: written to its statistics file.
//   source worker ─ sets as captured ─▶ row ◀─ counts of the sender, queue, lag, looked at each second
//   null target ─ sets as they passed ─▶ samples of each compression level

import { type Clock, systemClock } from "../base/clock.js";
import type { SentCounts } from "../connection/set-sender.js";
import { addSums, formatRow, NO_SUMS, type PackingSums } from "../model/simulation-row.js";
import type { SourceEvent } from "../model/source-messages.js";

export interface RecordedConnection {
  readonly id: number;
  readonly counts: Readonly<SentCounts>;
  readonly mirror: { readonly id: number; readonly isRunning: boolean };
  readonly oldestPendingMs: number | null;
  readonly options: {
    readonly journal: { backlog(connectionId: number): { readonly bytes: number } };
    /** What a restart, or a full queue, left to be compared. */
    readonly places: { readonly isEmpty: boolean };
  };
}

export interface SimulationRecorderOptions {
  readonly connection: RecordedConnection;
  readonly set: () => { readonly files: number; readonly bytes: number };
  readonly file: { append(line: string): void };
  readonly sampler: { take(set: Buffer): PackingSums };
  readonly intervalMs: number;
  readonly clock?: Clock;
}

/** A look that comes a little before its time is not worth another second. */
const EARLY_MS = 300;
/** An agent that stops writes what it has of an interval, unless that is next to nothing. */
const WRITTEN_MS_MIN = 100;

const NOTHING = { changes: 0, bytes: 0, sentBytes: 0, wireBytes: 0, mirrorBytes: 0, mirrorWireBytes: 0, queueBytes: 0, lagMs: 0 };

export class SimulationRecorder {
  readonly #options: SimulationRecorderOptions;
  readonly #clock: Clock;
  #figures = { ...NOTHING, live: NO_SUMS, mirror: NO_SUMS };
  /** Monotonic. */
  #beganMs: number;
  #seen: SentCounts;
  #mirrorSeen = 0;
  #wasMending = false;

  constructor(options: SimulationRecorderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#beganMs = this.#clock.monotonicMs();
    this.#seen = { ...options.connection.counts };
  }

  /** A set is counted when it was captured: what a limit does to its sending says nothing about the changes. */
  takeEvent(event: SourceEvent): void {
    if (event.kind !== "set") return;
    // Contents of changed files that had to be compared come as sets of this connection alone, as those of a mirror do.
    const isChange = event.connectionId === 0 || (event.connectionId === this.#options.connection.id && !this.#isMending);
    if (!isChange) return;
    this.#figures.changes += event.changes;
    this.#figures.bytes += event.bytes.byteLength;
  }

  /** Sets of jobs carry what is no change of now. */
  get #isMending(): boolean {
    const { mirror, options } = this.#options.connection;
    return mirror.isRunning || !options.places.isEmpty;
  }

  /** A set has passed. */
  takeSet(bytes: Buffer, isOfJob: boolean): void {
    const kind = isOfJob && this.#isMending ? "mirror" : "live";
    const sums = this.#options.sampler.take(bytes);
    if (sums.bytes > 0) this.#figures[kind] = addSums(this.#figures[kind], sums);
  }

  /** Called about once a second. */
  look(): void {
    this.#takeCounts();
    const { connection, intervalMs } = this.#options;
    const { bytes } = connection.options.journal.backlog(connection.id);
    const lagMs = connection.oldestPendingMs === null ? 0 : Math.max(0, this.#clock.nowMs() - connection.oldestPendingMs);
    this.#figures.queueBytes = Math.max(this.#figures.queueBytes, bytes);
    this.#figures.lagMs = Math.max(this.#figures.lagMs, Math.round(lagMs));
    if (this.#clock.monotonicMs() - this.#beganMs >= intervalMs - EARLY_MS) this.#write();
  }

  #takeCounts(): void {
    const { counts, mirror } = this.#options.connection;
    const [figures, seen] = [this.#figures, this.#seen];
    const ofJobs = { bytes: counts.mirrorBytes - seen.mirrorBytes, wireBytes: counts.mirrorWireBytes - seen.mirrorWireBytes };
    const all = { bytes: counts.bytes - seen.bytes, wireBytes: counts.wireBytes - seen.wireBytes };
    const isMending = this.#isMending || this.#wasMending || mirror.id !== this.#mirrorSeen;
    const ofMirror = isMending ? ofJobs : { bytes: 0, wireBytes: 0 };
    figures.mirrorBytes += ofMirror.bytes;
    figures.mirrorWireBytes += ofMirror.wireBytes;
    figures.sentBytes += all.bytes - ofMirror.bytes;
    figures.wireBytes += all.wireBytes - ofMirror.wireBytes;
    this.#seen = { ...counts };
    this.#mirrorSeen = mirror.id;
    this.#wasMending = this.#isMending;
  }

  #write(): void {
    const nowMs = this.#clock.monotonicMs();
    const { files, bytes } = this.#options.set();
    const seconds = (nowMs - this.#beganMs) / 1000;
    this.#options.file.append(formatRow({ ...this.#figures, endMs: this.#clock.nowMs(), seconds, setFiles: files, setBytes: bytes }));
    this.#figures = { ...NOTHING, live: NO_SUMS, mirror: NO_SUMS };
    this.#beganMs = nowMs;
  }

  /** Writes what there is of the interval. */
  close(): void {
    this.#takeCounts();
    if (this.#clock.monotonicMs() - this.#beganMs >= WRITTEN_MS_MIN) this.#write();
  }
}
