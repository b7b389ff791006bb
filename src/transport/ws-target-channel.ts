// The target's end of a channel: hands out sets in order, sends acknowledgements, and lets the source wait when what was
// received and not worked off reaches its limit, over whatever number of sockets.

import { SmError } from "../base/errors.js";
import { MiB } from "../base/units.js";
import type { TargetChannel, TargetPause } from "../model/channel-port.js";
import { lowerOf } from "../model/compression.js";
import type { Ack, CopyClaim, Hello, Mended, QuarantineNews } from "../model/session.js";
import { SOCKETS_MAX } from "../model/sockets.js";
import { type AckProgress, encodeAckFrames } from "./ack-frames.js";
import { decodeFrame, encodePause, encodeQuarantine, type Frame } from "./frame-codec.js";
import type { FrameLink, OwnerFrame } from "./frame-link.js";
import type { Joinable } from "./joined-sockets.js";
import { PartAssembly } from "./part-assembly.js";
import { SetInbox } from "./set-inbox.js";
import { type Stripe, StripeOrder, type StripeSource } from "./stripe-order.js";

/** Reading pauses at this much in hand, and goes on at half of it. */
export const UNRELEASED_BYTES_MAX = 64 * MiB;

interface ChannelSocket extends StripeSource {
  readonly link: FrameLink;
  isPaused: boolean;
}

export class WsTargetChannel implements TargetChannel, Joinable {
  readonly peerName: string;
  readonly hello: Hello;
  readonly ended: Promise<SmError>;
  readonly #link: FrameLink;
  #listener: ((bytes: Buffer) => void) | undefined;
  /** Sets not handed out yet: nobody listens, or one before them is still being decompressed. Bounded by the pause. */
  readonly #inbox: SetInbox;
  readonly #parts = new PartAssembly();
  readonly #order = new StripeOrder((stripe) => this.#takeStripe(stripe));
  /** The first one is that of the channel. */
  readonly #sockets: [ChannelSocket, ...ChannelSocket[]];
  #unreleasedBytes = 0;
  /** Too much is in hand: no socket is read. */
  #isFull = false;
  #copyListener: ((claim: CopyClaim) => void) | undefined;
  /** Nothing was asked before somebody listened. */
  #mendedListener: (mended: Mended) => void = () => undefined;
  /** The last claim that came before somebody listened. */
  #unheardClaim: CopyClaim | undefined;
  #sent: AckProgress;

  constructor(link: FrameLink, hello: Hello, appliedSeq: number, durableSeq: number) {
    this.#link = link;
    this.peerName = link.peerName;
    this.hello = hello;
    this.ended = link.ended;
    this.#inbox = new SetInbox({
      canDeliver: () => this.#listener !== undefined && !link.isEnded,
      deliver: (set) => this.#listener?.(set),
      fail: (error) => link.end(error),
    });
    this.#sockets = [{ link, last: 0, isPaused: false }];
    void link.ended.then((reason) => {
      this.#inbox.close();
      this.#order.clear();
      for (const socket of this.#sockets.slice(1)) socket.link.end(reason);
    });
    this.#sent = { appliedSeq, durableSeq, takenSeq: appliedSeq, consistentSeq: 0, consistentTimeMs: 0, doubt: null };
  }

  /** What the link delivers once the channel is open. */
  handle(frame: OwnerFrame): void {
    const [first] = this.#sockets;
    switch (frame.kind) {
      case "copy":
        this.#hearClaim(frame.claim);
        return;
      case "mended":
        this.#mendedListener(frame.mended);
        return;
      case "stripe":
        this.#take(first, frame);
        return;
      case "part":
        this.#handlePiece(frame.bytesTotal, frame.piece);
        break;
      default:
        this.#handleWhole(frame);
    }
    this.#order.plain(first);
    this.#settleReading();
  }

  join(link: FrameLink): (frame: OwnerFrame) => void {
    if (this.#link.isEnded) throw new SmError("REFUSED", "the channel has ended");
    if (this.#sockets.length >= SOCKETS_MAX) throw new SmError("REFUSED", `a channel has at most ${SOCKETS_MAX} sockets`);
    const socket: ChannelSocket = { link, last: 0, isPaused: false };
    this.#sockets.push(socket);
    // What was on its way there is missing for good: the source sends it again on another channel.
    void link.ended.then((reason) => this.#link.end(reason));
    return (frame) => {
      if (frame.kind !== "stripe") throw new SmError("PROTOCOL", `a ${frame.kind} frame came on a further socket of a channel`);
      if (!this.#link.isEnded) this.#take(socket, frame);
    };
  }

  #take(socket: ChannelSocket, stripe: Stripe): void {
    this.#order.take(socket, stripe);
    this.#settleReading();
  }

  #takeStripe({ bytesTotal, piece }: Stripe): void {
    if (piece.length < bytesTotal) this.#handlePiece(bytesTotal, piece);
    else this.#handleWhole(decodeFrame(piece));
  }

  #handlePiece(bytesTotal: number, piece: Buffer): void {
    const message = this.#parts.add(bytesTotal, piece);
    if (message !== null) this.#handleSet(decodeFrame(message));
  }

  #handleWhole(frame: Frame): void {
    if (this.#parts.isOpen) throw new SmError("PROTOCOL", `a ${frame.kind} frame came between the pieces of a change set`);
    this.#handleSet(frame);
  }

  #handleSet(frame: Frame): void {
    switch (frame.kind) {
      case "set":
        this.#received(frame.bytes.length);
        this.#inbox.push(frame.bytes);
        return;
      case "lz4":
      case "brotli":
        if (lowerOf(frame.kind, this.hello.compression) !== frame.kind) break;
        this.#received(frame.rawBytes);
        this.#inbox.pushPacked(frame);
        return;
    }
    throw new SmError("PROTOCOL", `a ${frame.kind} frame came on an open channel, where a source sends change sets`);
  }

  onSet(listener: (bytes: Buffer) => void): void {
    this.#listener = listener;
    this.#inbox.deliver();
  }

  onCopy(listener: (claim: CopyClaim) => void): void {
    this.#copyListener = listener;
    const unheard = this.#unheardClaim;
    this.#unheardClaim = undefined;
    if (unheard !== undefined) listener(unheard);
  }

  onMended(listener: (mended: Mended) => void): void {
    this.#mendedListener = listener;
  }

  sendQuarantine(news: QuarantineNews): void {
    if (!this.#link.isEnded) this.#link.send(encodeQuarantine(news));
  }

  /** A claim names the set it depends on: it may overtake a set that is still being decompressed. */
  #hearClaim(claim: CopyClaim): void {
    if (this.#copyListener === undefined) this.#unheardClaim = claim;
    else this.#copyListener(claim);
  }

  release(bytes: number): void {
    this.#unreleasedBytes = Math.max(0, this.#unreleasedBytes - bytes);
    if (!this.#isFull || this.#unreleasedBytes > UNRELEASED_BYTES_MAX / 2) return;
    this.#isFull = false;
    this.#settleReading();
  }

  sendAck(ack: Ack): void {
    if (this.#link.isEnded) return;
    for (const frame of encodeAckFrames(ack, this.#sent)) this.#link.send(frame);
    const { answers: _, retrying: __, ...sent } = ack;
    this.#sent = sent;
  }

  sendPause(pause: TargetPause): void {
    if (!this.#link.isEnded) this.#link.send(encodePause(pause));
  }

  async close(reason?: SmError): Promise<void> {
    this.#link.end(reason ?? new SmError("CHANNEL_LOST", "the target closed the channel"));
    await this.#link.closed;
  }

  /** What counts is what the set takes once it is there: `bytes`. */
  #received(bytes: number): void {
    this.#unreleasedBytes += bytes;
    this.#isFull ||= this.#unreleasedBytes >= UNRELEASED_BYTES_MAX;
  }

  #settleReading(): void {
    for (const socket of this.#sockets) {
      const mustPause = this.#isFull || this.#order.mustWait(socket);
      if (mustPause === socket.isPaused) continue;
      socket.isPaused = mustPause;
      if (mustPause) socket.link.pause();
      else socket.link.resume();
    }
  }
}
