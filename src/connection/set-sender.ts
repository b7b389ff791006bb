// Streams a connection's change sets from the journal over one channel, within the window (sent, neither applied nor held).

import { failpoint } from "../base/failpoint.js";
import type { SendPace, SourceChannel } from "../model/channel-port.js";
import type { Journal, JournalRecord } from "../model/journal-port.js";

export interface SentCounts {
  bytes: number;
  wireBytes: number;
  mirrorBytes: number;
  mirrorWireBytes: number;
}

/** Decides when sets go, and how fast. */
export interface SendGate {
  /** A set of so many bytes may begin now. */
  mayBegin(bytes: number): boolean;
  /** Calls back when what was held may go on. Returns the unsubscribe. */
  onOpen(listener: () => void): () => void;
  pace(signal: AbortSignal): SendPace;
}

/** What may be sent at all. */
export interface SendGuard {
  /** The last set that may be. */
  readonly lastSeq: number;
  /** Calls back when more may be. Returns the unsubscribe. */
  onOpen(listener: () => void): () => void;
}

export interface SetSenderOptions {
  readonly connectionId: number;
  readonly journal: Journal;
  readonly channel: SourceChannel;
  readonly sentSeq: number;
  readonly windowBytes: number;
  /** It is not for the target: replication is, or was, stopped. */
  readonly passesOver: (record: JournalRecord) => boolean;
  /** What is not for the target is behind, up to this set; the last before it that was sent. */
  readonly onPassedOver: (seq: number, goneSeq: number) => void;
  readonly guard: SendGuard;
  readonly counts: SentCounts;
  readonly gate: SendGate;
  /** All of a mirror's set has gone. */
  readonly onMirrorSent: (seq: number) => void;
  /** Told of each live set before it is sent. */
  readonly onSend: (record: JournalRecord) => void;
  /** Whether a set for this connection alone may go, once it may; false also when the signal aborts. Absent: it may. */
  readonly mayGo?: (seq: number, signal: AbortSignal) => Promise<boolean>;
}

export class SetSender {
  readonly #options: SetSenderOptions;
  #sentSeq: number;
  #goneSeq: number;
  #inFlightBytes = 0;
  readonly #inFlight: { readonly seq: number; readonly bytes: number }[] = [];
  /** The next set, where it was seen and may not be sent yet. */
  #heldSeq = 0;
  #wake: () => void = () => undefined;

  constructor(options: SetSenderOptions) {
    this.#options = options;
    this.#sentSeq = options.sentSeq;
    this.#goneSeq = options.sentSeq;
  }

  get sentSeq(): number {
    return this.#sentSeq;
  }

  get isIdle(): boolean {
    return this.#inFlight.length === 0;
  }

  /** The target has applied everything up to here, or holds it. */
  taken(seq: number): void {
    let count = 0;
    for (const set of this.#inFlight) {
      if (set.seq > seq) break;
      this.#inFlightBytes -= set.bytes;
      count += 1;
    }
    if (count === 0) return;
    this.#inFlight.splice(0, count);
    this.#wake();
  }

  /** Sends until the signal aborts; rejects with CHANNEL_LOST when the channel breaks. */
  async run(signal: AbortSignal): Promise<void> {
    const { journal, connectionId, windowBytes, gate, guard } = this.#options;
    const pace = gate.pace(signal);
    const wake = (): void => this.#wake();
    const unsubscribers = [journal.onAppend(wake), gate.onOpen(wake), guard.onOpen(wake)];
    const onAbort = (): void => this.#wake();
    signal.addEventListener("abort", onAbort);
    try {
      while (!signal.aborted) {
        const woken = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        const mayRead = this.#inFlightBytes < windowBytes && this.#heldSeq <= guard.lastSeq;
        const record = mayRead ? await journal.next(connectionId, this.#sentSeq) : undefined;
        if (signal.aborted) return;
        this.#heldSeq = record?.seq ?? this.#heldSeq;
        if (record === undefined || record.seq > guard.lastSeq || !gate.mayBegin(record.bytes.length)) await woken;
        else await this.#send(record, pace, signal);
      }
    } finally {
      for (const unsubscribe of unsubscribers) unsubscribe();
      signal.removeEventListener("abort", onAbort);
    }
  }

  async #send(record: JournalRecord, pace: SendPace, signal: AbortSignal): Promise<void> {
    const { channel, counts, onMirrorSent } = this.#options;
    this.#sentSeq = record.seq;
    if (this.#options.passesOver(record)) return this.#options.onPassedOver(record.seq, this.#goneSeq);
    const isMirror = record.connectionId !== 0;
    if (!isMirror) this.#options.onSend(record);
    else if ((await this.#options.mayGo?.(record.seq, signal)) === false) return;
    this.#goneSeq = record.seq;
    failpoint("source.set.beforeSend");
    this.#inFlight.push({ seq: record.seq, bytes: record.bytes.length });
    this.#inFlightBytes += record.bytes.length;
    await channel.sendSet(record.bytes, {
      pace,
      onWire: (wireBytes) => {
        counts.bytes += record.bytes.length;
        counts.wireBytes += wireBytes;
        if (!isMirror) return;
        counts.mirrorBytes += record.bytes.length;
        counts.mirrorWireBytes += wireBytes;
        onMirrorSent(record.seq);
      },
    });
  }
}
