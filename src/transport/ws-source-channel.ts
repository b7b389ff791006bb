// The source's end of a channel: sends sets in order, hands out acknowledgements.

import { assert } from "../base/assert.js";
import { type Clock, systemClock } from "../base/clock.js";
import { SmError } from "../base/errors.js";
import type { ChannelStats, OnWire, SourceChannel } from "../model/channel-port.js";
import { type Compression, lowerOf } from "../model/compression.js";
import type { Ack, CopyClaim, Welcome } from "../model/session.js";
import { encodeCopy, SET_FRAME_BYTES_MAX } from "./frame-codec.js";
import type { FrameLink, OwnerFrame } from "./frame-link.js";
import { packSet } from "./set-compression.js";

export interface SourceChannelFacts {
  readonly welcome: Welcome;
  readonly remoteAddress: string;
  /** The highest level that the target reads. */
  readonly readable: Compression;
  /** Smaller sets are not compressed. */
  readonly compressBytesMin: number;
}

/** As many as the thread pool works on. */
const PACKED_AT_ONCE_MAX = 4;

export class WsSourceChannel implements SourceChannel {
  readonly welcome: Welcome;
  readonly remoteAddress: string;
  readonly ended: Promise<SmError>;
  readonly #link: FrameLink;
  readonly #facts: SourceChannelFacts;
  #wanted: Compression = "off";
  readonly #connectedAtMs: number;
  readonly #listeners: ((ack: Ack) => void)[] = [];
  /** Acknowledgements that came before anybody listened; the peer sends none before it got a set, so there are few. */
  #early: Ack[] = [];
  #sentSetBytes = 0;
  #sentWireBytes = 0;
  /** Sets that are being compressed, and those behind them: a small one must not overtake a large one. Oldest first. */
  readonly #turns: Promise<void>[] = [];
  /** Resolves when the socket has room for more than what it was given. */
  #room: Promise<void> = Promise.resolve();

  constructor(link: FrameLink, facts: SourceChannelFacts, clock: Clock = systemClock) {
    this.#link = link;
    this.welcome = facts.welcome;
    this.remoteAddress = facts.remoteAddress;
    this.#facts = facts;
    this.#connectedAtMs = clock.nowMs();
    this.ended = link.ended;
  }

  /** What the link delivers once the channel is open. */
  handle(frame: OwnerFrame): void {
    if (frame.kind !== "ack") throw new SmError("PROTOCOL", `a ${frame.kind} frame came on an open channel, where a target sends acknowledgements`);
    if (this.#listeners.length === 0) this.#early.push(frame.ack);
    if (this.#early.length > 1000) throw new SmError("PROTOCOL", "acknowledgements came before any set was sent");
    for (const listener of this.#listeners) listener(frame.ack);
  }

  sendCopy(claim: CopyClaim): void {
    if (!this.#link.isEnded) this.#link.send(encodeCopy(claim));
  }

  onAck(listener: (ack: Ack) => void): void {
    this.#listeners.push(listener);
    const early = this.#early;
    this.#early = [];
    for (const ack of early) listener(ack);
  }

  /** The level wanted, or the highest below it that the target reads. */
  get compression(): Compression {
    return lowerOf(this.#wanted, this.#facts.readable);
  }

  setCompression(level: Compression): void {
    this.#wanted = level;
  }

  /** The bytes must not change afterwards: the socket sends from them. */
  async sendSet(bytes: Buffer, onWire?: OnWire): Promise<void> {
    assert(bytes.length <= SET_FRAME_BYTES_MAX, `a change set of ${bytes.length} bytes is larger than a frame`);
    const packed = this.#link.isEnded ? bytes : packSet(bytes, this.compression, this.#facts.compressBytesMin);
    if (this.#turns.length === 0 && Buffer.isBuffer(packed)) {
      this.#handOver(bytes, packed, onWire);
      return this.#room;
    }
    const turn = this.#handOverInTurn(bytes, packed, onWire);
    this.#turns.push(turn);
    void turn.then(() => this.#turns.shift());
    while (this.#turns.length >= PACKED_AT_ONCE_MAX) await this.#turns[0];
    return this.#room;
  }

  /** Never rejects. */
  async #handOverInTurn(set: Buffer, packed: Buffer | Promise<Buffer>, onWire: OnWire | undefined): Promise<void> {
    await this.#turns.at(-1);
    this.#handOver(set, await packed, onWire);
  }

  #handOver(set: Buffer, wire: Buffer, onWire: OnWire | undefined): void {
    const isSent = !this.#link.isEnded;
    this.#room = this.#link.sendPaced(wire);
    // Whoever sends next hears of it.
    this.#room.catch(() => undefined);
    if (!isSent) return;
    this.#sentSetBytes += set.length;
    this.#sentWireBytes += wire.length;
    onWire?.(wire.length);
  }

  stats(): ChannelStats {
    return {
      sentBytes: this.#sentSetBytes,
      sentCompressedBytes: this.#sentWireBytes,
      receivedBytes: this.#link.receivedBytes,
      roundTripMs: this.#link.roundTripMs,
      connectedAtMs: this.#connectedAtMs,
    };
  }

  async close(): Promise<void> {
    await this.#turns.at(-1);
    this.#link.end(new SmError("CHANNEL_LOST", "the source closed the channel"));
    await this.#link.closed;
  }
}
