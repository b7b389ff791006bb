// What the target holds in quarantine, and the source's part in healing it: the paths asked about are compared and shipped
// again as they are now, and the target is told when that is done. What takes a mirror is put on record first.

import { displayPath } from "../model/byte-path.js";
import type { StaleAnswer } from "../model/change.js";
import type { SourceChannel } from "../model/channel-port.js";
import type { QuarantineNews } from "../model/session.js";
import type { SourceFeed } from "../model/source-messages.js";
import type { ConnectionRecord, MirrorNeed } from "./connection-record.js";

/** What of its connection it needs. */
export interface QuarantinedConnection {
  readonly id: number;
  readonly record: Pick<ConnectionRecord, "mirrorNeed" | "cleanUntilMs">;
  readonly mirror: { readonly isRunning: boolean };
  readonly appliedSeq: number;
  readonly channel: Pick<SourceChannel, "sendMended"> | null;
  requireMirror(need: MirrorNeed): void;
}

export interface QuarantineWatchOptions {
  readonly connection: QuarantinedConnection;
  readonly feed: Pick<SourceFeed, "probe">;
  /** These paths are to be compared, and shipped as they are. */
  readonly onAsked: (answers: readonly StaleAnswer[]) => void;
}

export class QuarantineWatch {
  readonly #options: QuarantineWatchOptions;
  #news: QuarantineNews | null = null;
  /** Channels so far: what was asked on one is not answered on another. */
  #channel = 0;
  #mendedAsk = 0;
  #mirrorAsk = 0;
  #isProbing = false;

  constructor(options: QuarantineWatchOptions) {
    this.#options = options;
  }

  /** Null = the target was never heard. */
  get news(): QuarantineNews | null {
    return this.#news;
  }

  get count(): number {
    return this.#news?.count ?? 0;
  }

  /** Another channel: the target asks anew. What was known stays true until it says otherwise. */
  begin(): void {
    this.#channel += 1;
    this.#mendedAsk = 0;
    this.#mirrorAsk = 0;
    if (this.#news !== null) this.#news = { ...this.#news, asked: 0, mirror: null };
  }

  take(news: QuarantineNews): void {
    const { mirror, asks } = news;
    this.#news = news;
    if (mirror !== null && mirror.ask > this.#mirrorAsk) {
      this.#mirrorAsk = mirror.ask;
      this.#options.connection.requireMirror(this.#needFor(mirror.isAutomatic));
    }
    if (asks.length === 0) return;
    this.#options.onAsked(
      asks.map(({ root, path, seq }) => ({ kind: "stale", seq, root, path, reason: `${displayPath(path)} was refused, and is tried again` })),
    );
  }

  #needFor(isAutomatic: boolean): MirrorNeed {
    const message = isAutomatic
      ? "the target refused changes whose repair takes a comparison of everything"
      : "paths that refused changes were dropped from the quarantine of the target";
    const changedSinceMs = this.#options.connection.record.cleanUntilMs;
    return { reason: "problem", message, since: new Date().toISOString(), mode: "difference", extras: "remove", changedSinceMs, isAutomatic };
  }

  /** Looks whether everything asked is done. While a mirror is owed or runs, it is not: that may be what does it. */
  look(): void {
    const asked = this.#news?.asked ?? 0;
    if (asked <= this.#mendedAsk || this.#isProbing || this.#isMirrorOwed) return;
    void this.#probe(asked, this.#channel);
  }

  get #isMirrorOwed(): boolean {
    const { record, mirror } = this.#options.connection;
    return record.mirrorNeed !== null || mirror.isRunning;
  }

  async #probe(asked: number, channel: number): Promise<void> {
    const { connection, feed } = this.#options;
    this.#isProbing = true;
    const { pending, repairSeq } = await feed.probe(connection.id).catch(() => ({ pending: 1, repairSeq: 0 }));
    this.#isProbing = false;
    if (pending > 0 || channel !== this.#channel || this.#isMirrorOwed) return;
    this.#mendedAsk = asked;
    connection.channel?.sendMended({ ask: asked, seq: Math.max(repairSeq, connection.appliedSeq) });
  }
}
