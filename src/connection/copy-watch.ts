// Whether the target of a connection is a copy, as far as the source knows: told to the target, which keeps it, so that it
// can be asked for when the source is gone.

import type { Answer } from "../model/change.js";
import type { SourceChannel } from "../model/channel-port.js";
import type { CopyClaim } from "../model/session.js";
import type { SourceFeed } from "../model/source-messages.js";
import type { ConnectionRecord } from "./connection-record.js";

export interface CopyView {
  readonly record: Pick<ConnectionRecord, "mirrorNeed" | "options">;
  readonly mirror: { readonly isRunning: boolean; readonly isPaused?: boolean };
  readonly problems: { readonly count: number };
  readonly quarantine: { readonly count: number };
  readonly pendingRepairs: number;
  readonly appliedSeq: number;
}

export interface CopyWatchOptions {
  readonly view: CopyView;
  /** Places that wait for repair, and the last set that a repair emitted; asked of the source worker. */
  readonly probe: () => Promise<{ readonly pending: number; readonly repairSeq: number }>;
  readonly onClaim: (claim: CopyClaim) => void;
}

/** Null = nothing is known that the target lacks. */
export function lackOf({ record, mirror, pendingRepairs, problems, quarantine }: CopyView): string | null {
  if (!record.options.replicate) return "replication is stopped: changes are not sent";
  if (mirror.isPaused === true) return "the mirror is paused";
  if (mirror.isRunning) return "a mirror is in progress";
  if (record.mirrorNeed?.isScan === true) return `what changed is compared: ${record.mirrorNeed.message}`;
  if (record.mirrorNeed !== null) return `a mirror is required: ${record.mirrorNeed.message}`;
  if (pendingRepairs > 0) return "repairs are pending";
  if (quarantine.count > 0) return "some paths are in quarantine on the target";
  return problems.count > 0 ? "some files could not be carried over" : null;
}

export class CopyWatch {
  readonly #options: CopyWatchOptions;
  #claim: CopyClaim = { fromSeq: null, why: "the connection was not streaming yet" };
  #sinceMs = Date.now();
  /** How often something may have been missing, and how much of that the source worker has answered for. */
  #suspicions = 0;
  #cleared = 0;
  #isAsking = false;
  /** All that repairs a difference known by now is in this set or before it. */
  #repairedSeq = 0;

  constructor(options: CopyWatchOptions) {
    this.#options = options;
  }

  /** What the target is told; with the time since when it is so. */
  get claim(): CopyClaim & { readonly sinceMs: number } {
    return { ...this.#claim, sinceMs: this.#sinceMs };
  }

  take(answers: readonly Answer[]): void {
    for (const { kind, seq } of answers) if (kind === "stale" || kind === "problem") this.suspect(seq);
  }

  /** Something of a set up to this one may be missing on the target. */
  suspect(seq: number): void {
    this.#suspicions += 1;
    this.#noteRepair(seq);
  }

  get #isSuspect(): boolean {
    return this.#cleared < this.#suspicions;
  }

  /** A repair may have shipped up to this set. */
  repaired(seq: number): void {
    this.#noteRepair(seq);
  }

  #noteRepair(seq: number): void {
    this.#repairedSeq = Math.max(this.#repairedSeq, seq);
  }

  /** Looks again, and tells what is different. */
  look(): void {
    if (this.#isSuspect) void this.#ask();
    const { view, onClaim } = this.#options;
    const why = lackOf(view) ?? (this.#isSuspect ? "repairs are pending" : null);
    const before = this.#claim;
    if (why === null ? before.fromSeq !== null : before.why === why && before.fromSeq === null) return;
    this.#claim = why === null ? { fromSeq: Math.max(view.appliedSeq, this.#repairedSeq), why: "" } : { fromSeq: null, why };
    if ((before.fromSeq === null) !== (this.#claim.fromSeq === null)) this.#sinceMs = Date.now();
    onClaim(this.#claim);
  }

  async #ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const asked = this.#suspicions;
    const { pending, repairSeq } = await this.#options.probe().catch(() => ({ pending: 1, repairSeq: 0 }));
    this.#isAsking = false;
    this.#noteRepair(repairSeq);
    if (pending > 0) return;
    this.#cleared = asked;
    if (!this.#isSuspect) this.look();
  }
}

/** A target that becomes a copy is at a state from the next closed set on, which is asked for. */
export function tellClaim(feed: Pick<SourceFeed, "send">, channel: Pick<SourceChannel, "sendCopy"> | null, claim: CopyClaim): void {
  channel?.sendCopy(claim);
  if (claim.fromSeq !== null) feed.send({ kind: "cut" });
}
