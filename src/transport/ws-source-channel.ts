// The source's end of a channel: sends sets in order, hands out acknowledgements.

import { assert } from "../base/assert.js";
import { type Clock, systemClock } from "../base/clock.js";
import { SmError } from "../base/errors.js";
import { defer } from "../base/wait.js";
import type { ChannelStats, SendPace, SourceChannel, TargetPause } from "../model/channel-port.js";
import type { Ack, CopyClaim, Welcome } from "../model/session.js";
import { encodeCopy, encodePart, SET_FRAME_BYTES_MAX } from "./frame-codec.js";
import type { FrameLink, OwnerFrame } from "./frame-link.js";
import { packSet } from "./set-compression.js";

export interface SourceChannelFacts {
  readonly welcome: Welcome;
  readonly remoteAddress: string;
  readonly compression: "off" | "lz4";
}

export class WsSourceChannel implements SourceChannel {
  readonly welcome: Welcome;
  readonly remoteAddress: string;
  readonly ended: Promise<SmError>;
  readonly #link: FrameLink;
  readonly #compression: "off" | "lz4";
  readonly #connectedAtMs: number;
  readonly #listeners: ((ack: Ack) => void)[] = [];
  /** Acknowledgements that came before anybody listened; the peer sends none before it got a set, so there are few. */
  #early: Ack[] = [];
  #pause: TargetPause | undefined;
  #pauseListener: (pause: TargetPause) => void = () => undefined;
  #sentSetBytes = 0;
  #sentWireBytes = 0;
  /** Compressed sets take their turn: a small one must not overtake a large one that is still being compressed. */
  #turn: Promise<void> = Promise.resolve();

  constructor(link: FrameLink, facts: SourceChannelFacts, clock: Clock = systemClock) {
    this.#link = link;
    this.welcome = facts.welcome;
    this.remoteAddress = facts.remoteAddress;
    this.#compression = facts.compression;
    this.#connectedAtMs = clock.nowMs();
    this.ended = link.ended;
  }

  /** What the link delivers once the channel is open. */
  handle(frame: OwnerFrame): void {
    if (frame.kind === "pause") {
      this.#pause = frame.pause;
      this.#pauseListener(frame.pause);
      return;
    }
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

  /** The bytes must not change afterwards: the socket sends from them. */
  async sendSet(bytes: Buffer, pace?: SendPace): Promise<{ readonly wireBytes: number }> {
    assert(bytes.length <= SET_FRAME_BYTES_MAX, `a change set of ${bytes.length} bytes is larger than a frame`);
    if (this.#compression === "off") return this.#send(bytes, bytes, pace);
    const packed = packSet(bytes);
    const before = this.#turn;
    const turn = defer<void>();
    this.#turn = turn.promise;
    await before;
    let taken: Promise<{ readonly wireBytes: number }>;
    try {
      taken = this.#send(bytes, await packed, pace);
    } finally {
      turn.resolve();
    }
    return taken;
  }

  async #send(set: Buffer, wire: Buffer, pace: SendPace | undefined): Promise<{ wireBytes: number }> {
    const before = this.#sentWireBytes;
    if (pace === undefined) await this.#sendFrame(wire);
    else await this.#sendAtPace(wire, pace);
    this.#sentSetBytes += set.length;
    return { wireBytes: this.#sentWireBytes - before };
  }

  #sendFrame(frame: Buffer): Promise<void> {
    this.#sentWireBytes += frame.length;
    return this.#link.sendPaced(frame);
  }

  /** What is larger than a piece goes in pieces, so that heartbeats pass and the rate holds within a set, too. */
  async #sendAtPace(wire: Buffer, pace: SendPace): Promise<void> {
    let pieceBytes = pace.pieceBytes;
    if (pieceBytes === null || wire.length <= pieceBytes) {
      await this.#sendWhenTime(wire, pace);
      return;
    }
    for (let at = 0; at < wire.length; at += pieceBytes) {
      // Other pieces, should the pace have changed: what a message was begun as it must end as.
      if (at > 0) pieceBytes = pace.pieceBytes ?? pieceBytes;
      await this.#sendWhenTime(encodePart(wire.length, wire.subarray(at, at + pieceBytes)), pace);
    }
  }

  async #sendWhenTime(frame: Buffer, pace: SendPace): Promise<void> {
    if (!(await pace.take(frame.length))) throw new SmError("CHANNEL_LOST", "the transmission was ended while a set was being sent");
    await this.#sendFrame(frame);
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

  onPause(listener: (pause: TargetPause) => void): void {
    this.#pauseListener = listener;
    if (this.#pause !== undefined) listener(this.#pause);
  }

  async close({ isAbrupt } = { isAbrupt: false }): Promise<void> {
    if (!isAbrupt) await this.#turn;
    this.#link.end(new SmError("CHANNEL_LOST", "the source closed the channel"), { abrupt: isAbrupt });
    await this.#link.closed;
  }
}
