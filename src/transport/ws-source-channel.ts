// The source's end of a channel: sends sets in order, hands out acknowledgements.

import { assert } from "../base/assert.js";
import { type Clock, systemClock } from "../base/clock.js";
import { SmError } from "../base/errors.js";
import { defer } from "../base/wait.js";
import type { ChannelStats, SourceChannel } from "../model/channel-port.js";
import type { Ack, CopyClaim, Mended, QuarantineNews, Welcome } from "../model/session.js";
import { encodeCopy, encodeMended, SET_FRAME_BYTES_MAX } from "./frame-codec.js";
import type { FrameLink, OwnerFrame } from "./frame-link.js";
import { packSet } from "./set-compression.js";

export interface SourceChannelFacts {
  readonly welcome: Welcome;
  readonly remoteAddress: string;
  readonly compression: "off" | "lz4";
}

const EARLY_MAX = 1000;

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
  #quarantineListener: ((news: QuarantineNews) => void) | null = null;
  readonly #earlyNews: QuarantineNews[] = [];
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
    if (frame.kind === "quarantine") {
      this.#hearQuarantine(frame.news);
      return;
    }
    if (frame.kind !== "ack") throw new SmError("PROTOCOL", `a ${frame.kind} frame came on an open channel, where a target sends acknowledgements`);
    if (this.#listeners.length === 0) this.#early.push(frame.ack);
    if (this.#early.length > EARLY_MAX) throw new SmError("PROTOCOL", "acknowledgements came before any set was sent");
    for (const listener of this.#listeners) listener(frame.ack);
  }

  sendCopy(claim: CopyClaim): void {
    if (!this.#link.isEnded) this.#link.send(encodeCopy(claim));
  }

  sendMended(mended: Mended): void {
    if (!this.#link.isEnded) this.#link.send(encodeMended(mended));
  }

  onQuarantine(listener: (news: QuarantineNews) => void): void {
    this.#quarantineListener = listener;
    for (const news of this.#earlyNews.splice(0)) listener(news);
  }

  #hearQuarantine(news: QuarantineNews): void {
    if (this.#quarantineListener === null) this.#earlyNews.push(news);
    else this.#quarantineListener(news);
    if (this.#earlyNews.length > EARLY_MAX) throw new SmError("PROTOCOL", "the quarantine was told of without an end before anybody listened");
  }

  onAck(listener: (ack: Ack) => void): void {
    this.#listeners.push(listener);
    const early = this.#early;
    this.#early = [];
    for (const ack of early) listener(ack);
  }

  /** The bytes must not change afterwards: the socket sends from them. */
  async sendSet(bytes: Buffer): Promise<{ readonly wireBytes: number }> {
    assert(bytes.length <= SET_FRAME_BYTES_MAX, `a change set of ${bytes.length} bytes is larger than a frame`);
    if (this.#compression === "off") return this.#send(bytes, bytes);
    const packed = packSet(bytes);
    const before = this.#turn;
    const turn = defer<void>();
    this.#turn = turn.promise;
    await before;
    let taken: Promise<{ readonly wireBytes: number }>;
    try {
      taken = this.#send(bytes, await packed);
    } finally {
      turn.resolve();
    }
    return taken;
  }

  async #send(set: Buffer, wire: Buffer): Promise<{ wireBytes: number }> {
    const taken = this.#link.sendPaced(wire);
    this.#sentSetBytes += set.length;
    this.#sentWireBytes += wire.length;
    await taken;
    return { wireBytes: wire.length };
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
    await this.#turn;
    this.#link.end(new SmError("CHANNEL_LOST", "the source closed the channel"));
    await this.#link.closed;
  }
}
