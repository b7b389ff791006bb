// The target's end of a channel: hands out sets in order, sends acknowledgements, and lets the source wait when what was
// received and not worked off reaches its limit.

import { SmError } from "../base/errors.js";
import { MiB } from "../base/units.js";
import type { TargetChannel, TargetPause } from "../model/channel-port.js";
import { lowerOf } from "../model/compression.js";
import type { Ack, CopyClaim, Hello, Mended, QuarantineNews } from "../model/session.js";
import { type AckProgress, encodeAckFrames } from "./ack-frames.js";
import { decodeFrame, encodePause, encodeQuarantine, type Frame } from "./frame-codec.js";
import type { FrameLink, OwnerFrame } from "./frame-link.js";
import { PartAssembly } from "./part-assembly.js";
import { SetInbox } from "./set-inbox.js";

/** Reading pauses at this much in hand, and goes on at half of it. */
export const UNRELEASED_BYTES_MAX = 64 * MiB;

export class WsTargetChannel implements TargetChannel {
  readonly peerName: string;
  readonly hello: Hello;
  readonly ended: Promise<SmError>;
  readonly #link: FrameLink;
  #listener: ((bytes: Buffer) => void) | undefined;
  /** Sets not handed out yet: nobody listens, or one before them is still being decompressed. Bounded by the pause. */
  readonly #inbox: SetInbox;
  readonly #parts = new PartAssembly();
  #unreleasedBytes = 0;
  #isPaused = false;
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
    void link.ended.then(() => this.#inbox.close());
    this.#sent = { appliedSeq, durableSeq, takenSeq: appliedSeq, consistentSeq: 0, consistentTimeMs: 0, doubt: null };
  }

  /** What the link delivers once the channel is open. */
  handle(frame: OwnerFrame): void {
    if (frame.kind === "copy") {
      this.#hearClaim(frame.claim);
    } else if (frame.kind === "mended") {
      this.#mendedListener(frame.mended);
    } else if (frame.kind === "part") {
      const message = this.#parts.add(frame.bytesTotal, frame.piece);
      if (message !== null) this.#handleSet(decodeFrame(message));
    } else {
      if (this.#parts.isOpen) throw new SmError("PROTOCOL", `a ${frame.kind} frame came between the pieces of a change set`);
      this.#handleSet(frame);
    }
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
    if (!this.#isPaused || this.#unreleasedBytes > UNRELEASED_BYTES_MAX / 2) return;
    this.#isPaused = false;
    this.#link.resume();
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
    if (this.#unreleasedBytes < UNRELEASED_BYTES_MAX || this.#isPaused) return;
    this.#isPaused = true;
    this.#link.pause();
  }
}
