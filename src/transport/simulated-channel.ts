// A channel to a target in the same process that is none: sets are compressed, paced and counted as on a true one, wait as long as a
// link would let them, and are then given to whoever acknowledges them. Nothing is copied, nothing is sent.

import { type Clock, systemClock } from "../base/clock.js";
import { SmError, toSmError } from "../base/errors.js";
import { defer, delay } from "../base/wait.js";
import type { ChannelStats, PathView, SendHow, SendPace, SourceChannel } from "../model/channel-port.js";
import type { Compression } from "../model/compression.js";
import type { Ack, Welcome } from "../model/session.js";
import { SIMULATION_WORDS, type SimulatedLink } from "../model/simulation.js";
import type { SocketsReport } from "../model/sockets.js";
import { encodePart, SET_FRAME_BYTES_MAX } from "./frame-codec.js";
import { packSet } from "./set-compression.js";
import { LinkTime } from "./simulated-link.js";

export interface SimulatedChannelOptions {
  readonly welcome: Welcome;
  readonly link: SimulatedLink;
  /** Smaller sets are not compressed. */
  readonly compressBytesMin: number;
  /** Takes each set as it was before compression, in order; not kept. */
  readonly target: { take(set: Buffer): Ack };
  readonly clock?: Clock;
}

interface Arriving {
  readonly set: Buffer;
  /** When the answer to it comes. */
  readonly atMs: number;
}

/** As on a true channel. */
const PACKED_AT_ONCE_MAX = 4;
const PART_HEADER_BYTES = encodePart(SET_FRAME_BYTES_MAX, Buffer.alloc(0)).length;
/** What a link takes at once: so much of a second, within these bounds. Nobody waits longer to end it. */
const STEP_SECONDS = 0.05;
const STEP_BYTES_MIN = 4 * 1024;
const STEP_BYTES_MAX = 256 * 1024;

export class SimulatedChannel implements SourceChannel, PathView {
  readonly welcome: Welcome;
  readonly remoteAddress = SIMULATION_WORDS;
  readonly sweepsOrphans = false;
  readonly rebuildsFiles = false;
  readonly tasks = null;
  compression: Compression = "off";
  readonly count = 1;
  readonly leastRoundTripMs: number;
  readonly #options: SimulatedChannelOptions;
  readonly #clock: Clock;
  readonly #time: LinkTime;
  readonly #connectedAtMs: number;
  readonly #closed = new AbortController();
  readonly #ended = defer<SmError>();
  #listener: (ack: Ack) => void = () => undefined;
  /** Sets on their way to the link, oldest first. */
  readonly #turns: Promise<void>[] = [];
  readonly #arriving: Arriving[] = [];
  #isAnswering = false;
  #sentBytes = 0;
  #wireBytes = 0;

  constructor(options: SimulatedChannelOptions) {
    this.#options = options;
    this.welcome = options.welcome;
    this.#clock = options.clock ?? systemClock;
    this.#time = new LinkTime(options.link, this.#clock);
    this.#connectedAtMs = this.#clock.nowMs();
    this.leastRoundTripMs = options.link.roundTripMs;
  }

  get ended(): Promise<SmError> {
    return this.#ended.promise;
  }

  get path(): PathView {
    return this;
  }

  setCompression(level: Compression): void {
    this.compression = level;
  }

  onAck(listener: (ack: Ack) => void): void {
    this.#listener = listener;
  }

  sendCopy(): void {
    // Nobody is told: nothing is a copy here.
  }

  sendMended(): void {
    // Nothing was asked for.
  }

  onQuarantine(): void {
    // There is nothing that could refuse a change.
  }

  onPause(): void {
    // Nor anybody who could pause it.
  }

  async sendSet(bytes: Buffer, how: SendHow = {}): Promise<void> {
    this.#refuseClosed();
    const packed = packSet(bytes, this.compression, this.#options.compressBytesMin);
    const turn = this.#sendInTurn(bytes, packed, how);
    this.#turns.push(turn);
    void turn.then(() => this.#turns.shift());
    if (Buffer.isBuffer(packed) || (how.pace?.pieceBytes ?? null) !== null) await turn;
    while (this.#turns.length >= PACKED_AT_ONCE_MAX) await this.#turns[0];
    this.#refuseClosed();
  }

  #refuseClosed(): void {
    if (this.#closed.signal.aborted) throw new SmError("CHANNEL_LOST", "the simulated channel is closed");
  }

  /** Never rejects: what goes wrong ends the channel. */
  async #sendInTurn(set: Buffer, packed: Buffer | Promise<Buffer>, { pace, onWire }: SendHow): Promise<void> {
    await this.#turns.at(-1);
    try {
      const { length } = await packed;
      const wireBytes = await this.#carry(length, pace);
      if (this.#closed.signal.aborted) return;
      this.#sentBytes += set.length;
      onWire?.(wireBytes);
      this.#arriving.push({ set, atMs: this.#time.answeredAtMs });
      void this.#answerAll();
    } catch (error) {
      this.#end(toSmError(error));
    }
  }

  /** In pieces where the pace wants that. Returns the bytes that a wire would have had. */
  async #carry(bytesTotal: number, pace: SendPace | undefined): Promise<number> {
    const { signal } = this.#closed;
    const { bytesPerSecond } = this.#options.link;
    const stepBytes = bytesPerSecond === null ? bytesTotal : Math.min(STEP_BYTES_MAX, Math.max(STEP_BYTES_MIN, Math.floor(bytesPerSecond * STEP_SECONDS)));
    let sent = 0;
    for (let at = 0; at < bytesTotal && !signal.aborted; ) {
      const ofPace = pace?.pieceBytes ?? null;
      const pieceBytes = Math.min(bytesTotal - at, ofPace ?? stepBytes);
      const wireBytes = ofPace === null || pieceBytes === bytesTotal ? pieceBytes : PART_HEADER_BYTES + pieceBytes;
      if (pace !== undefined && !(await pace.take(wireBytes))) throw new SmError("CHANNEL_LOST", "the transmission was ended while a set was being sent");
      await this.#time.send(wireBytes, signal);
      this.#wireBytes += wireBytes;
      sent += wireBytes;
      at += pieceBytes;
    }
    return sent;
  }

  async #answerAll(): Promise<void> {
    if (this.#isAnswering) return;
    this.#isAnswering = true;
    const { signal } = this.#closed;
    try {
      for (let next = this.#arriving.shift(); next !== undefined; next = this.#arriving.shift()) {
        const waitMs = next.atMs - this.#clock.monotonicMs();
        if (waitMs > 0) await delay(waitMs, signal);
        else await new Promise((resolve) => setImmediate(resolve));
        if (signal.aborted) return;
        this.#listener(this.#options.target.take(next.set));
      }
    } catch (error) {
      this.#end(toSmError(error));
    } finally {
      this.#isAnswering = false;
    }
  }

  async mark(): Promise<number | null> {
    const bytes = this.#wireBytes;
    await delay(this.roundTripMs, this.#closed.signal);
    return this.#closed.signal.aborted ? null : bytes;
  }

  get isBackedUp(): boolean {
    return this.#time.isBackedUp;
  }

  get roundTripMs(): number {
    return this.#time.behindMs + this.leastRoundTripMs;
  }

  stats(): ChannelStats {
    return {
      sentBytes: this.#sentBytes,
      sentCompressedBytes: this.#wireBytes,
      receivedBytes: 0,
      unsentBytes: this.#time.unsentBytes,
      roundTripMs: this.roundTripMs,
      connectedAtMs: this.#connectedAtMs,
    };
  }

  sockets(): SocketsReport {
    return { open: 0, why: SIMULATION_WORDS };
  }

  async close({ isAbrupt } = { isAbrupt: false }): Promise<void> {
    if (!isAbrupt) await this.#turns.at(-1);
    this.#end(new SmError("CHANNEL_LOST", "the source closed the channel"));
  }

  #end(reason: SmError): void {
    this.#closed.abort();
    this.#arriving.length = 0;
    this.#ended.resolve(reason);
  }
}
