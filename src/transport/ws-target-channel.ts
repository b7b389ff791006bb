// The target's end of a channel: hands out sets in order, sends acknowledgements, and lets the source wait when what was
// received and not worked off reaches its limit.

import { SmError, toSmError } from "../base/errors.js";
import { MiB } from "../base/units.js";
import type { TargetChannel } from "../model/channel-port.js";
import type { Ack, CopyClaim, Hello, Mended, QuarantineNews } from "../model/session.js";
import { type AckProgress, encodeAckFrames } from "./ack-frames.js";
import { encodeQuarantine } from "./frame-codec.js";
import type { FrameLink, OwnerFrame } from "./frame-link.js";
import { unpackSet } from "./set-compression.js";

/** Reading pauses at this much in hand, and goes on at half of it. */
export const UNRELEASED_BYTES_MAX = 64 * MiB;

export class WsTargetChannel implements TargetChannel {
  readonly peerName: string;
  readonly hello: Hello;
  readonly ended: Promise<SmError>;
  readonly #link: FrameLink;
  #listener: ((bytes: Buffer) => void) | undefined;
  /** Sets not handed out yet: nobody listens, or one before them is still being decompressed. Bounded by the pause. */
  readonly #inbox: (Buffer | Promise<Buffer | SmError>)[] = [];
  #isPumping = false;
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
    this.#sent = { appliedSeq, durableSeq, takenSeq: appliedSeq, consistentSeq: 0, consistentTimeMs: 0, doubt: null };
  }

  /** What the link delivers once the channel is open. */
  handle(frame: OwnerFrame): void {
    if (frame.kind === "set") this.#receive(frame.bytes, frame.bytes.length);
    else if (frame.kind === "lz4" && this.hello.compression === "lz4") this.#receive(unpackSet(frame.block, frame.rawBytes), frame.rawBytes);
    else if (frame.kind === "copy") this.#hearClaim(frame.claim);
    else if (frame.kind === "mended") this.#mendedListener(frame.mended);
    else throw new SmError("PROTOCOL", `a ${frame.kind} frame came on an open channel, where a source sends change sets`);
  }

  onSet(listener: (bytes: Buffer) => void): void {
    this.#listener = listener;
    this.#pump();
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

  async close(reason?: SmError): Promise<void> {
    this.#link.end(reason ?? new SmError("CHANNEL_LOST", "the target closed the channel"));
    await this.#link.closed;
  }

  #receive(set: Buffer | Promise<Buffer | SmError>, bytes: number): void {
    this.#unreleasedBytes += bytes;
    if (this.#unreleasedBytes >= UNRELEASED_BYTES_MAX && !this.#isPaused) {
      this.#isPaused = true;
      this.#link.pause();
    }
    this.#inbox.push(set);
    this.#pump();
  }

  #pump(): void {
    while (!this.#isPumping && this.#listener !== undefined && !this.#link.isEnded) {
      const next = this.#inbox[0];
      if (next === undefined) return;
      if (next instanceof Promise) {
        this.#isPumping = true;
        void next.then((set) => this.#unpacked(set));
        return;
      }
      this.#inbox.shift();
      this.#listener(next);
    }
  }

  #unpacked(set: Buffer | SmError): void {
    this.#isPumping = false;
    if (set instanceof SmError) {
      this.#link.end(set);
      return;
    }
    this.#inbox[0] = set;
    try {
      this.#pump();
    } catch (error) {
      this.#link.end(toSmError(error, "INTERNAL", `a change set of ${this.peerName} could not be handled`));
    }
  }
}
