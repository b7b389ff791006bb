// One WebSocket as a link of frames, the same on both sides: sends with backpressure, beats its heart, notices a dead
// peer, ends once with one reason that it tells and is told. What the frames mean is decided by whoever owns the link.

import type { TLSSocket } from "node:tls";
import { WebSocket } from "ws";
import { assert } from "../base/assert.js";
import { type Clock, systemClock } from "../base/clock.js";
import { SmError, toSmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import { MiB } from "../base/units.js";
import { type Deferred, defer } from "../base/wait.js";
import { BULK_BYTES_MIN, BulkReceiver, bulkHeader } from "./bulk-frame.js";
import { readDirectly } from "./direct-read.js";
import { decodeFrame, encodePing, encodePong, encodeReason, type Frame, reasonToError } from "./frame-codec.js";

export interface LinkTiming {
  /** A ping at least this often, both ways. */
  readonly heartbeatMs: number;
  /** A peer from which no byte came for so long is dead. */
  readonly deadMs: number;
  /** How long an orderly end waits for what was sent to leave. */
  readonly closeMs: number;
}

export const LINK_TIMING: LinkTiming = { heartbeatMs: 2_000, deadMs: 10_000, closeMs: 5_000 };

/** Senders wait above this: enough to keep the socket busy, little enough that heartbeats pass within a moment. */
const HIGH_WATER_BYTES = 4 * MiB;
const LOW_WATER_BYTES = 2 * MiB;
/** A pong may be late by so much, beside the way, because its agent is busy. */
const LATE_MS = 50;
/** A peer that takes nothing while answers for it pile up is cut off here. */
const UNPACED_BYTES_MAX = 128 * MiB;

export interface FrameLinkOptions {
  readonly ws: WebSocket;
  readonly socket: TLSSocket;
  /** Who opened the socket: WebSocket clients mask what they send. */
  readonly side: "dialled" | "accepted";
  readonly frameBytesMax: number;
  readonly peerName: string;
  readonly timing: LinkTiming;
  readonly log: Log;
  readonly clock?: Clock;
}

/** Frames that the owner sees; the rest is the link's own. */
export type OwnerFrame = Exclude<Frame, { kind: "ping" | "pong" | "bye" }>;

export class FrameLink {
  readonly peerName: string;
  readonly ended: Promise<SmError>;
  /** The socket is gone. Comes after `ended`. */
  readonly closed: Promise<void>;
  readonly #ws: WebSocket;
  readonly #socket: TLSSocket;
  readonly #side: "dialled" | "accepted";
  readonly #bulk: BulkReceiver;
  /** What the WebSocket is given to read; what it reads on its own, of a socket that closes, belongs to no frame. */
  #isPassing = false;
  #passOn: ((chunk: Buffer) => void) | undefined;
  readonly #timing: LinkTiming;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #ended = defer<SmError>();
  readonly #closed = defer<void>();
  readonly #waiters: Deferred<void>[] = [];
  /** Frames that wait for their turn at the socket, in order. */
  readonly #paced: Buffer[] = [];
  #pacedBytes = 0;
  #onFrame: ((frame: OwnerFrame) => void) | undefined;
  #reason: SmError | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #killTimer: NodeJS.Timeout | undefined;
  #ping = { token: 0, sentMs: 0, answered: true };
  #lastToken = 0;
  #roundTripMs = 0;
  #leastRoundTripMs = Number.POSITIVE_INFINITY;
  /** Told whenever something has left. */
  #onDrained: () => void = () => undefined;
  /** By the ping that waits behind what they wait for. */
  readonly #flushes = new Map<number, Deferred<void>>();
  #seen = { bytes: 0, atMs: 0 };
  #sentBytes = 0;
  #receivedBytes = 0;

  constructor(options: FrameLinkOptions) {
    this.#ws = options.ws;
    this.#socket = options.socket;
    this.#side = options.side;
    this.#bulk = new BulkReceiver({
      isMasked: options.side === "accepted",
      bytesMax: options.frameBytesMax,
      pass: (chunk) => this.#pass(chunk),
      take: (message) => this.#receive(message, true),
    });
    this.peerName = options.peerName;
    this.#timing = options.timing;
    this.#log = options.log;
    this.#clock = options.clock ?? systemClock;
    this.ended = this.#ended.promise;
    this.closed = this.#closed.promise;
  }

  /** To be called once, in the turn in which the socket was opened (or while it is paused), so that no message is missed. */
  start(onFrame: (frame: OwnerFrame) => void): void {
    assert(this.#onFrame === undefined, "a link is started once");
    this.#onFrame = onFrame;
    this.#seen = { bytes: this.#socket.bytesRead, atMs: this.#clock.monotonicMs() };
    this.#ws.on("message", (data, isBinary) => {
      if (this.#isPassing) this.#receive(data as Buffer, isBinary);
    });
    this.#tapSocket();
    this.#ws.on("error", (error) => {
      this.#passOn = undefined;
      this.#finish(socketError(error, this.peerName));
    });
    this.#ws.on("close", (code, text) => this.#onClose(code, text.toString("utf8")));
    this.#heartbeat = setInterval(() => this.#beat(), this.#timing.heartbeatMs);
    if (this.#ws.isPaused) this.#ws.resume();
    this.#sendPing();
  }

  get isEnded(): boolean {
    return this.#reason !== undefined;
  }

  get roundTripMs(): number {
    return this.#roundTripMs;
  }

  /** The shortest so far: without what waits in front of it. 0 = none yet. */
  get leastRoundTripMs(): number {
    return Number.isFinite(this.#leastRoundTripMs) ? this.#leastRoundTripMs : 0;
  }

  /** More was sent than the path takes: it waits here, or a ping that stands behind it is late. */
  get isBackedUp(): boolean {
    if (this.unsentBytes >= BULK_BYTES_MIN) return true;
    const { answered, sentMs } = this.#ping;
    return !answered && this.#clock.monotonicMs() - sentMs > 2 * this.leastRoundTripMs + LATE_MS;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Sends without waiting: for what is small and must not wait. The buffer must not change afterwards. */
  send(frame: Buffer): void {
    if (this.#reason !== undefined) return;
    if (this.#ws.bufferedAmount > UNPACED_BYTES_MAX) {
      this.end(new SmError("CHANNEL_LOST", `${this.peerName} does not read what it is sent: ${this.#ws.bufferedAmount} bytes wait`), { abrupt: true });
      return;
    }
    this.#write(frame);
  }

  /** Sends, and resolves when there is room for more. Order of calls = order on the wire. The buffer must not change afterwards. */
  sendPaced(frame: Buffer): Promise<void> {
    if (this.#reason !== undefined) return Promise.reject(lost(this.#reason));
    this.#paced.push(frame);
    this.#pacedBytes += frame.length;
    this.#sendNext();
    if (this.unsentBytes < HIGH_WATER_BYTES) return Promise.resolve();
    const waiter = defer<void>();
    this.#waiters.push(waiter);
    return waiter.promise;
  }

  onDrained(listener: () => void): void {
    this.#onDrained = listener;
  }

  /** Resolves when the peer has handled all that was sent before, or the link has ended. */
  flushed(): Promise<void> {
    if (this.#reason !== undefined) return Promise.resolve();
    this.#sendNext(true);
    return this.pong();
  }

  /** Resolves when the peer has handled all that was given to the socket before, or the link has ended. */
  pong(): Promise<void> {
    if (this.#reason !== undefined) return Promise.resolve();
    const flush = defer<void>();
    const token = this.#nextToken();
    this.#flushes.set(token, flush);
    this.#write(encodePing(token));
    return flush.promise;
  }

  /** Reading stops: what the peer sends waits in the network, and with it the peer. */
  pause(): void {
    if (this.#reason === undefined) this.#ws.pause();
  }

  resume(): void {
    this.#seen.atMs = this.#clock.monotonicMs();
    if (this.#reason === undefined) this.#ws.resume();
  }

  /** Ends the link and tells the peer why. What was sent before still leaves, unless the end is `abrupt`. */
  end(reason: SmError, options: { readonly abrupt?: boolean; readonly tell?: "refuse" | "bye" } = {}): void {
    if (this.#reason !== undefined) return;
    if (options.abrupt !== true && this.#ws.readyState === WebSocket.OPEN) {
      this.#sendNext(true);
      this.#write(encodeReason(options.tell ?? "bye", reason));
      this.#ws.close(1000);
      // A paused socket would never see the peer's side of the closing handshake.
      if (this.#ws.isPaused) this.#ws.resume();
    }
    this.#finish(reason);
    if (options.abrupt === true) this.#ws.terminate();
  }

  /** Puts the bulk receiver between the socket and the WebSocket. */
  #tapSocket(): void {
    const [listener, ...others] = this.#socket.listeners("data") as ((chunk: Buffer) => void)[];
    assert(listener !== undefined && others.length === 0, "a socket has one reader, its WebSocket");
    this.#passOn = listener;
    this.#socket.off("data", listener);
    const take = (chunk: Buffer): void => this.#bulk.push(chunk);
    this.#socket.on("data", take);
    readDirectly(this.#socket, take);
  }

  #pass(chunk: Buffer): void {
    this.#isPassing = true;
    this.#passOn?.call(this.#socket, Buffer.from(chunk));
    this.#isPassing = false;
  }

  /** Handed over, and not taken by the network. */
  get unsentBytes(): number {
    return this.#ws.bufferedAmount + this.#pacedBytes;
  }

  /**
   * Large frames go to the socket one at a time: what a socket finds waiting it first copies into one piece. Meanwhile
   * heartbeats and acknowledgements pass those that wait here.
   */
  #sendNext(isAll = false): void {
    for (let frame = this.#paced[0]; frame !== undefined; frame = this.#paced[0]) {
      if (frame.length >= BULK_BYTES_MIN && this.#socket.writableLength > 0 && !isAll) return;
      this.#paced.shift();
      this.#pacedBytes -= frame.length;
      this.#write(frame);
    }
  }

  #write(frame: Buffer): void {
    this.#sentBytes += frame.length;
    if (frame.length >= BULK_BYTES_MIN && this.#ws.readyState === WebSocket.OPEN) {
      this.#socket.write(bulkHeader(frame.length, this.#side === "dialled"));
      this.#socket.write(frame, () => this.#drained());
      return;
    }
    this.#ws.send(frame, { binary: true }, () => this.#drained());
  }

  /** Called after each message that left or failed. A socket that failed has an empty buffer too: then #finish tells those who wait. */
  #drained(): void {
    if (this.#socket.errored !== null || this.#socket.destroyed) return;
    this.#sendNext();
    this.#onDrained();
    if (this.#waiters.length === 0 || this.unsentBytes > LOW_WATER_BYTES) return;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve();
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#reason !== undefined) return;
    this.#receivedBytes += data.length;
    try {
      if (!isBinary) throw new SmError("PROTOCOL", "a text message came, sm.1 has binary ones only");
      this.#dispatch(decodeFrame(data));
    } catch (error) {
      const reason = toSmError(error, "INTERNAL", `a frame of ${this.peerName} could not be handled`);
      if (reason.code === "INTERNAL") this.#log.error(reason.message, { peer: this.peerName, error });
      this.end(reason.code === "PROTOCOL" ? new SmError("PROTOCOL", `${this.peerName} breaks sm.1: ${reason.message}`, { cause: reason }) : reason);
    }
  }

  #dispatch(frame: Frame): void {
    switch (frame.kind) {
      case "ping":
        // A peer that sends pings and reads no pongs gets no more of them.
        if (this.#ws.bufferedAmount < HIGH_WATER_BYTES) this.send(encodePong(frame.token));
        return;
      case "pong":
        this.#flushes.get(frame.token)?.resolve();
        this.#flushes.delete(frame.token);
        if (this.#ping.answered || frame.token < this.#ping.token) return;
        this.#ping.answered = true;
        // The peer may leave pings unanswered: then the answer to a later one says nothing of this one's way.
        if (frame.token > this.#ping.token) return;
        this.#roundTripMs = this.#clock.monotonicMs() - this.#ping.sentMs;
        this.#leastRoundTripMs = Math.min(this.#leastRoundTripMs, this.#roundTripMs);
        return;
      case "bye":
        this.#finish(reasonToError(frame, this.peerName));
        this.#ws.close(1000);
        return;
      default:
        this.#onFrame?.(frame);
    }
  }

  #beat(): void {
    const now = this.#clock.monotonicMs();
    if (this.#socket.bytesRead !== this.#seen.bytes || this.#ws.isPaused) {
      this.#seen = { bytes: this.#socket.bytesRead, atMs: now };
    } else if (now - this.#seen.atMs >= this.#timing.deadMs) {
      // After a stall of this process, what came meanwhile is still unread: look again once the event loop has read it.
      setImmediate(() => setImmediate(() => this.#buryIfSilent()));
      return;
    }
    this.#sendPing();
  }

  #buryIfSilent(): void {
    if (this.#reason !== undefined || this.#ws.isPaused || this.#socket.bytesRead !== this.#seen.bytes) return;
    const ms = Math.round(this.#clock.monotonicMs() - this.#seen.atMs);
    this.end(new SmError("CHANNEL_LOST", `${this.peerName} is silent: no byte for ${ms} ms`, { data: { silentMs: ms } }), { abrupt: true });
  }

  /** Not behind a full buffer: the bytes in it prove as much, and pings would pile up. */
  #sendPing(): void {
    if (this.#ws.bufferedAmount >= HIGH_WATER_BYTES) return;
    const token = this.#nextToken();
    // One that is still on its way is waited for: how long it takes is what is measured.
    if (this.#ping.answered) this.#ping = { token, sentMs: this.#clock.monotonicMs(), answered: false };
    this.send(encodePing(token));
  }

  #nextToken(): number {
    this.#lastToken += 1;
    return this.#lastToken;
  }

  #onClose(code: number, text: string): void {
    const detail = text === "" ? `code ${code}` : `code ${code}: ${text.slice(0, 200)}`;
    // 1002 to 1011 are the verdicts of a WebSocket on what it was sent.
    const isVerdict = code >= 1002 && code <= 1011 && code !== 1005 && code !== 1006;
    this.#finish(new SmError(isVerdict ? "PROTOCOL" : "CHANNEL_LOST", `the link to ${this.peerName} was closed (${detail})`));
    clearTimeout(this.#killTimer);
    this.#closed.resolve();
  }

  #finish(reason: SmError): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    clearInterval(this.#heartbeat);
    this.#killTimer = setTimeout(() => this.#ws.terminate(), this.#timing.closeMs);
    this.#paced.length = 0;
    this.#pacedBytes = 0;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(lost(reason));
    for (const flush of this.#flushes.values()) flush.resolve();
    this.#flushes.clear();
    this.#ended.resolve(reason);
  }
}

/** Whoever sends learns that the channel is lost; why it ended is the cause. */
export function lost(reason: SmError): SmError {
  return reason.code === "CHANNEL_LOST" ? reason : new SmError("CHANNEL_LOST", `the channel has ended: ${reason.message}`, { cause: reason });
}

function socketError(error: Error, peerName: string): SmError {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (code.startsWith("WS_ERR")) return new SmError("PROTOCOL", `${peerName} breaks the WebSocket protocol: ${error.message}`, { cause: error });
  return new SmError("CHANNEL_LOST", `the link to ${peerName} broke: ${error.message}`, { cause: error });
}
