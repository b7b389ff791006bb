// The source's end of a channel: sends sets in order, hands out acknowledgements.

import { assert } from "../base/assert.js";
import { type Clock, systemClock } from "../base/clock.js";
import { SmError } from "../base/errors.js";
import { delay } from "../base/wait.js";
import type { ChannelStats, OnWire, PathView, SendHow, SendPace, SourceChannel, TargetPause } from "../model/channel-port.js";
import { type Compression, lowerOf } from "../model/compression.js";
import type { Ack, CopyClaim, Mended, QuarantineNews, Welcome } from "../model/session.js";
import type { SocketsReport } from "../model/sockets.js";
import { encodeCopy, encodeMended, encodePart, SET_FRAME_BYTES_MAX } from "./frame-codec.js";
import type { FrameLink, OwnerFrame } from "./frame-link.js";
import { packSet } from "./set-compression.js";
import { SocketBundle } from "./socket-bundle.js";

export interface SourceChannelFacts {
  readonly welcome: Welcome;
  readonly remoteAddress: string;
  /** The highest level that the target reads. */
  readonly readable: Compression;
  readonly sweepsOrphans: boolean;
  readonly rebuildsFiles: boolean;
  readonly tasks: "on" | "off" | null;
  /** Smaller sets are not compressed. */
  readonly compressBytesMin: number;
  /** How many sockets there are, and why, is decided by whoever opens them. */
  readonly socketsWhy: () => string;
}

/** As many as the thread pool works on. */
const PACKED_AT_ONCE_MAX = 4;
const EARLY_MAX = 1000;
const PART_HEADER_BYTES = encodePart(SET_FRAME_BYTES_MAX, Buffer.alloc(0)).length;
/** What was sent over several sockets has so long to arrive before an orderly end. */
const FLUSH_MS_MAX = 5_000;

export class WsSourceChannel implements SourceChannel {
  readonly welcome: Welcome;
  readonly remoteAddress: string;
  readonly sweepsOrphans: boolean;
  readonly rebuildsFiles: boolean;
  readonly tasks: "on" | "off" | null;
  readonly ended: Promise<SmError>;
  readonly #link: FrameLink;
  readonly bundle: SocketBundle;
  readonly #facts: SourceChannelFacts;
  #wanted: Compression = "off";
  readonly #connectedAtMs: number;
  readonly #listeners: ((ack: Ack) => void)[] = [];
  /** Acknowledgements that came before anybody listened; the peer sends none before it got a set, so there are few. */
  #early: Ack[] = [];
  #pause: TargetPause | undefined;
  #pauseListener: (pause: TargetPause) => void = () => undefined;
  #quarantineListener: ((news: QuarantineNews) => void) | null = null;
  readonly #earlyNews: QuarantineNews[] = [];
  #sentSetBytes = 0;
  #sentWireBytes = 0;
  /** Sets that are being compressed, and those behind them: a small one must not overtake a large one. Oldest first. */
  readonly #turns: Promise<void>[] = [];
  /** Resolves when the socket has room for more than what it was given. */
  #room: Promise<void> = Promise.resolve();
  #isBroken = false;

  constructor(link: FrameLink, facts: SourceChannelFacts, clock: Clock = systemClock) {
    this.#link = link;
    this.bundle = new SocketBundle(link);
    this.welcome = facts.welcome;
    this.remoteAddress = facts.remoteAddress;
    this.sweepsOrphans = facts.sweepsOrphans;
    this.rebuildsFiles = facts.rebuildsFiles;
    this.tasks = facts.tasks;
    this.#facts = facts;
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

  /** The level wanted, or the highest below it that the target reads. */
  get compression(): Compression {
    return lowerOf(this.#wanted, this.#facts.readable);
  }

  setCompression(level: Compression): void {
    this.#wanted = level;
  }

  /** The bytes must not change afterwards: the socket sends from them. */
  async sendSet(bytes: Buffer, how: SendHow = {}): Promise<void> {
    assert(bytes.length <= SET_FRAME_BYTES_MAX, `a change set of ${bytes.length} bytes is larger than a frame`);
    const packed = this.#link.isEnded ? bytes : packSet(bytes, this.compression, this.#facts.compressBytesMin);
    const isReady = Buffer.isBuffer(packed);
    if (this.#turns.length === 0 && isReady && how.pace === undefined) {
      this.#tell(this.#handOver(packed, { setBytes: bytes.length, bytesTotal: packed.length }), how.onWire);
      return this.#room;
    }
    const turn = this.#handOverInTurn(bytes.length, packed, how);
    this.#turns.push(turn);
    void turn.then(() => this.#turns.shift());
    // What is held to a rate is not taken ahead of its time.
    if (isReady || (how.pace?.pieceBytes ?? null) !== null) await turn;
    while (this.#turns.length >= PACKED_AT_ONCE_MAX) await this.#turns[0];
    return this.#room;
  }

  /** Never rejects: `#room` does, and nothing is sent after it. */
  async #handOverInTurn(setBytes: number, packed: Buffer | Promise<Buffer>, { pace, onWire }: SendHow): Promise<void> {
    await this.#turns.at(-1);
    if (this.#isBroken) return;
    try {
      const wire = await packed;
      const wireBytes = pace === undefined ? this.#handOver(wire, { setBytes, bytesTotal: wire.length }) : await this.#sendAtPace(wire, setBytes, pace);
      this.#tell(wireBytes, onWire);
    } catch (error) {
      this.#isBroken = true;
      this.#room = Promise.reject(error);
      this.#room.catch(() => undefined);
    }
  }

  #tell(wireBytes: number, onWire: OnWire | undefined): void {
    if (wireBytes > 0) onWire?.(wireBytes);
  }

  /** Of a message of `bytesTotal`; the set of its last piece takes `setBytes`, 0 before. Returns the bytes that the socket took: none when it has ended. */
  #handOver(piece: Buffer, { setBytes, bytesTotal }: PieceOf): number {
    const isSent = !this.#link.isEnded;
    this.#room = this.bundle.send(piece, bytesTotal);
    // Whoever sends next hears of it.
    this.#room.catch(() => undefined);
    if (!isSent) return 0;
    const bytes = wireBytesOf(piece, bytesTotal);
    this.#sentSetBytes += setBytes;
    this.#sentWireBytes += bytes;
    return bytes;
  }

  /** What is larger than a piece goes in pieces, so that heartbeats pass and the rate holds within a set, too. */
  async #sendAtPace(wire: Buffer, setBytes: number, pace: SendPace): Promise<number> {
    const bytesTotal = wire.length;
    let pieceBytes = pace.pieceBytes;
    if (pieceBytes === null || bytesTotal <= pieceBytes) return this.#sendWhenTime(wire, { setBytes, bytesTotal }, pace);
    let sent = 0;
    for (let at = 0; at < bytesTotal; at += pieceBytes) {
      // Other pieces, should the pace have changed: what a message was begun as it must end as.
      if (at > 0) pieceBytes = pace.pieceBytes ?? pieceBytes;
      const isLast = at + pieceBytes >= bytesTotal;
      sent += await this.#sendWhenTime(wire.subarray(at, at + pieceBytes), { setBytes: isLast ? setBytes : 0, bytesTotal }, pace);
      if (!isLast) await this.#room;
    }
    return sent;
  }

  async #sendWhenTime(piece: Buffer, of: PieceOf, pace: SendPace): Promise<number> {
    if (!(await pace.take(wireBytesOf(piece, of.bytesTotal)))) {
      throw new SmError("CHANNEL_LOST", "the transmission was ended while a set was being sent");
    }
    return this.#handOver(piece, of);
  }

  get path(): PathView {
    return this.bundle;
  }

  sockets(): SocketsReport {
    return { open: this.bundle.count, why: this.#facts.socketsWhy() };
  }

  stats(): ChannelStats {
    return {
      sentBytes: this.#sentSetBytes,
      sentCompressedBytes: this.#sentWireBytes,
      receivedBytes: this.#link.receivedBytes,
      unsentBytes: this.bundle.unsentBytes,
      roundTripMs: this.#link.roundTripMs,
      connectedAtMs: this.#connectedAtMs,
    };
  }

  onPause(listener: (pause: TargetPause) => void): void {
    this.#pauseListener = listener;
    if (this.#pause !== undefined) listener(this.#pause);
  }

  async close({ isAbrupt } = { isAbrupt: false }): Promise<void> {
    if (!isAbrupt) await this.#turns.at(-1);
    if (!isAbrupt) await this.#flushed();
    this.#link.end(new SmError("CHANNEL_LOST", "the source closed the channel"), { abrupt: isAbrupt });
    await this.#link.closed;
  }

  async #flushed(): Promise<void> {
    const over = new AbortController();
    await Promise.race([this.bundle.flushed(), delay(FLUSH_MS_MAX, over.signal)]);
    over.abort();
  }
}

interface PieceOf {
  readonly setBytes: number;
  readonly bytesTotal: number;
}

/** With its header, when it is a piece; that of a piece that goes over one of several sockets is some bytes longer. */
function wireBytesOf(piece: Buffer, bytesTotal: number): number {
  return piece.length === bytesTotal ? piece.length : PART_HEADER_BYTES + piece.length;
}
