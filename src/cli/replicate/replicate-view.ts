// What `sm replicate` shows: a bar and a live line on a terminal, lines elsewhere, JSON lines for scripts.

import type { ConnectionReport } from "../../model/status.js";
import { queueBytes } from "../format/connection-text.js";
import { printable } from "../format/printable.js";
import { formatBytes, formatCount, formatDuration } from "../format/quantities.js";
import { formatReason } from "../format/reason-text.js";
import { openProgress, type Progress } from "../progress/progress.js";
import { RateMeter } from "../progress/rate-meter.js";

/** How a replication ended. */
export interface ReplicateSummary {
  readonly source: string;
  readonly target: string;
  readonly seconds: number;
  /** Everything that was on the source at the end is on the target. */
  readonly synced: boolean;
  /** Why not, when not. */
  readonly reason: { readonly code: string; readonly message: string } | null;
  readonly connection: ConnectionReport | null;
}

export interface ReplicateView {
  starting(pair: { readonly source: string; readonly target: string; readonly home: string }): void;
  update(connection: ConnectionReport): Promise<void>;
  draining(seconds: number): void;
  summary(summary: ReplicateSummary): void;
  close(): void;
}

const CLEAR_LINE = "\r\x1b[K";

export function formatSummary({ source, target, seconds, synced, reason, connection }: ReplicateSummary): string {
  const how = synced
    ? `${target} holds everything that ${source} held`
    : `${target} is behind ${source}${reason === null ? "" : ` (${reason.code}: ${reason.message})`}`;
  if (connection === null) return `stopped after ${formatDuration(seconds * 1000)}: ${how}`;
  const { mirror } = connection;
  const problems = connection.problemCount > 0 ? `, ${formatCount(connection.problemCount)} problems` : "";
  const counts = `${formatCount(mirror.filesDone)} files and ${formatBytes(mirror.bytesDone)} mirrored, ${formatBytes(connection.sentReplicationBytes)} replicated${problems}`;
  return `stopped after ${formatDuration(seconds * 1000)}: ${counts}; ${how}${synced ? "" : "; run the same command again to go on"}`;
}

export function formatLiveLine(connection: ConnectionReport, rates: { readonly setsPerSecond: number; readonly bytesPerSecond: number }): string {
  const rate = `${formatCount(rates.setsPerSecond)} sets/s, ${formatBytes(rates.bytesPerSecond)}/s`;
  const queue = `queued ${formatCount(connection.queuedOps)} ops, ${formatBytes(queueBytes(connection))}`;
  return `${connection.state} | ${rate} | ${queue} | lag ${formatDuration(connection.lagMs)}`;
}

export function jsonView(stdout: NodeJS.WritableStream): ReplicateView {
  const print = (event: string, fields: object): void => void stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
  return {
    starting: (pair) => print("starting", pair),
    update: async (connection) => print("status", { connection }),
    draining: (seconds) => print("draining", { seconds }),
    summary: (summary) => print("summary", { ...summary }),
    close: () => undefined,
  };
}

/** Progress goes to `errors`, what remains to be read to `stdout`. */
export class TextView implements ReplicateView {
  readonly #stdout: NodeJS.WritableStream;
  readonly #errors: NodeJS.WriteStream;
  readonly #sets = new RateMeter();
  readonly #bytes = new RateMeter();
  #progress: Progress | undefined;
  /** Number of the mirror whose end was told last. */
  #told: number | null = null;
  #shown = "";

  constructor(stdout: NodeJS.WritableStream, errors: NodeJS.WriteStream) {
    this.#stdout = stdout;
    this.#errors = errors;
  }

  starting({ source, target, home }: { readonly source: string; readonly target: string; readonly home: string }): void {
    this.#line(`replicating ${source} → ${target} (state in ${home}); Ctrl-C stops`);
  }

  async update(connection: ConnectionReport): Promise<void> {
    // A mirror that is halted is under way still: what holds it up is what counts.
    if (connection.mirror.outcome === "running" && connection.state !== "halted") {
      this.#progress ??= await openProgress({ stream: this.#errors, isSilent: false });
      this.#progress.update(connection.mirror);
      return;
    }
    this.#endProgress(connection);
    const nowMs = performance.now();
    const setsPerSecond = this.#sets.add(connection.appliedSeq, nowMs);
    const bytesPerSecond = this.#bytes.add(connection.sentReplicationBytes, nowMs);
    if (this.#errors.isTTY) this.#redraw(formatLiveLine(connection, { setsPerSecond, bytesPerSecond }), connection);
    else this.#changed([connection.state, ...connection.reasons.flatMap(formatReason)].join("\n"));
  }

  draining(seconds: number): void {
    this.#close();
    this.#line(`draining what is queued, at most ${seconds} s; Ctrl-C again stops at once`);
  }

  summary(summary: ReplicateSummary): void {
    this.#stdout.write(`${printable(formatSummary(summary))}\n`);
  }

  close(): void {
    this.#close();
  }

  #close(): void {
    this.#progress?.close();
    this.#progress = undefined;
    if (this.#errors.isTTY) this.#errors.write(CLEAR_LINE);
  }

  #endProgress(connection: ConnectionReport): void {
    const { mirror } = connection;
    this.#progress?.update(mirror);
    this.#progress?.close();
    this.#progress = undefined;
    // It may have come and gone between two looks.
    if (mirror.outcome === null || mirror.outcome === "running" || mirror.id === this.#told) return;
    this.#told = mirror.id;
    this.#line(`mirror ${mirror.outcome}: ${formatCount(mirror.filesDone)} files, ${formatBytes(mirror.bytesDone)}`);
  }

  /** Reasons stay above the live line, each once. */
  #redraw(line: string, connection: ConnectionReport): void {
    this.#errors.write(CLEAR_LINE);
    this.#changed(connection.reasons.flatMap(formatReason).join("\n"));
    const width = this.#errors.columns || 80;
    this.#errors.write(printable(line).slice(0, Math.max(0, width - 1)));
  }

  #changed(text: string): void {
    if (text === this.#shown) return;
    this.#shown = text;
    if (text !== "") this.#line(text);
  }

  #line(text: string): void {
    this.#errors.write(`${printable(text)}\n`);
  }
}
