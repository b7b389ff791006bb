// Opens channels to peers: dials, says hello, waits for the welcome. Knows the channels it opened, so that removing a
// peer ends them at once.

import { randomBytes } from "node:crypto";
import { type Clock, systemClock } from "../base/clock.js";
import { SmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import type { Greeting, Peer, SourceChannel, SourceDialer } from "../model/channel-port.js";
import type { SocketRule } from "../model/sockets.js";
import { OFFER_HEADER, readOffer } from "./compression-offer.js";
import { type DialledSocket, displayAddress, step } from "./dial-socket.js";
import {
  ACK_FRAME_BYTES_MAX,
  encodeGoodbye,
  encodeHello,
  encodeJoin,
  encodeProbe,
  JOIN_KEY_BYTES,
  NONCE_BYTES,
  reasonToError,
  STRIPE_FRAME_BYTES_MAX,
} from "./frame-codec.js";
import { FrameLink, LINK_TIMING, type LinkTiming, type OwnerFrame } from "./frame-link.js";
import type { Identity } from "./identity.js";
import { ORPHANS_HEADER, readOrphansOffer } from "./orphans-offer.js";
import { type Door, PeerDial } from "./peer-dial.js";
import type { PeerStore } from "./peer-store.js";
import { REBUILD_HEADER, readRebuildOffer } from "./rebuild-offer.js";
import { SocketGrowth } from "./socket-growth.js";
import { readSocketsOffer, SOCKETS_HEADER } from "./socket-offer.js";
import { readTasksOffer, TASKS_HEADER } from "./tasks-offer.js";
import { CHANNEL_PATH, JOIN_PATH } from "./tls-options.js";
import { WsSourceChannel } from "./ws-source-channel.js";

const CHANNEL: Door = { path: CHANNEL_PATH, frameBytesMax: ACK_FRAME_BYTES_MAX };
const JOIN: Door = { path: JOIN_PATH, frameBytesMax: STRIPE_FRAME_BYTES_MAX };

export interface DialTiming extends LinkTiming {
  readonly connectTimeoutMs: number;
  /** From hello to welcome: the target may have to open a connection first. */
  readonly welcomeTimeoutMs: number;
}

export const DIAL_TIMING: DialTiming = { ...LINK_TIMING, connectTimeoutMs: 5_000, welcomeTimeoutMs: 15_000 };

export interface DialerOptions {
  readonly identity: Identity;
  readonly peers: PeerStore;
  readonly log: Log;
  /** Smaller sets are not compressed. */
  readonly compressBytesMin: number;
  /** Of each channel; default 1. */
  readonly sockets?: SocketRule;
  readonly timing?: Partial<DialTiming>;
  readonly clock?: Clock;
}

export class WsSourceDialer implements SourceDialer {
  readonly #options: DialerOptions;
  readonly #clock: Clock;
  readonly #links = new Map<FrameLink, string>();
  /** By fingerprint: when, monotonic, a further socket to that target was lost. */
  readonly #lostAtMs = new Map<string, number>();
  readonly #peerDial: PeerDial;
  readonly #unsubscribes: readonly (() => void)[];

  private constructor(options: DialerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#peerDial = new PeerDial(options);
    this.#unsubscribes = [
      options.peers.onRemoved((peer) => this.endLinks(peer.fingerprint, new SmError("PEER_UNKNOWN", `the source removed its peer "${peer.name}"`))),
      options.peers.onReplaced((name, former) => this.endLinks(former, new SmError("CHANNEL_LOST", `the certificate of ${name} was replaced`))),
    ];
  }

  /** Looked up for each link: it may have been set anew meanwhile. */
  get #timing(): DialTiming {
    return { ...DIAL_TIMING, ...this.#options.timing };
  }

  static async open(options: DialerOptions): Promise<WsSourceDialer> {
    return new WsSourceDialer(options);
  }

  async dial(peer: Peer, hello: Greeting, signal: AbortSignal): Promise<SourceChannel> {
    const dialled = await this.#connect(peer, CHANNEL, signal);
    const link = this.#link(peer, dialled, CHANNEL);
    const readable = readOffer(dialled.headers[OFFER_HEADER]);
    // Who wants no further socket does not tell a key that would open one.
    const isSingle = (this.#options.sockets ?? 1) === 1;
    const offered = readSocketsOffer(dialled.headers[SOCKETS_HEADER]);
    const joinKey = randomBytes(JOIN_KEY_BYTES);
    const growth = this.#growth(link, offered, (joining) => this.#join({ ...peer, addresses: [dialled.address] }, joinKey, joining));
    const { compressBytesMin } = this.#options;
    const what = `the welcome of ${peer.name}`;
    return step<SourceChannel>({ what, timeoutMs: this.#timing.welcomeTimeoutMs, signal }, (resolve, reject) => {
      let channel: WsSourceChannel | undefined;
      link.start((frame) => {
        if (channel !== undefined) {
          channel.handle(frame);
        } else if (frame.kind === "welcome") {
          const facts = { welcome: frame.welcome, remoteAddress: displayAddress(dialled.address), readable, compressBytesMin };
          const sweepsOrphans = readOrphansOffer(dialled.headers[ORPHANS_HEADER]);
          const rebuildsFiles = readRebuildOffer(dialled.headers[REBUILD_HEADER]);
          const tasks = readTasksOffer(dialled.headers[TASKS_HEADER]);
          channel = new WsSourceChannel(link, { ...facts, sweepsOrphans, rebuildsFiles, tasks, socketsWhy: () => growth.why() }, this.#clock);
          growth.follow(channel.bundle);
          resolve(channel);
        } else if (frame.kind === "refuse") {
          reject(reasonToError(frame, peer.name));
        } else {
          throw unexpected(frame, "a welcome");
        }
      });
      link.send(encodeHello({ ...hello, compression: readable, ...(isSingle || offered === 1 ? {} : { joinKey: joinKey.toString("hex") }) }));
      void link.ended.then(reject);
      return () => link.end(new SmError("CHANNEL_LOST", "the source gave up the handshake"));
    });
  }

  #growth(link: FrameLink, offered: number, join: (signal: AbortSignal) => Promise<FrameLink>): SocketGrowth {
    const fingerprint = this.#links.get(link) ?? "";
    const nowMs = (): number => this.#clock.monotonicMs();
    return new SocketGrowth({
      rule: this.#options.sockets ?? 1,
      offered,
      link,
      join,
      heldSinceMs: this.#lostAtMs.get(fingerprint) ?? null,
      onLost: () => this.#lostAtMs.set(fingerprint, nowMs()),
      nowMs,
      log: this.#options.log,
    });
  }

  /** A further socket of the channel whose hello had this key: dialled and authenticated as the first one was. */
  async #join(peer: Peer, joinKey: Buffer, signal: AbortSignal): Promise<FrameLink> {
    const link = this.#link(peer, await this.#connect(peer, JOIN, signal), JOIN);
    return step<FrameLink>({ what: `the further socket to ${peer.name}`, timeoutMs: this.#timing.welcomeTimeoutMs, signal }, (resolve, reject) => {
      let isJoined = false;
      link.start((frame) => {
        if (isJoined || (frame.kind !== "joined" && frame.kind !== "refuse")) throw unexpected(frame, "the answer to a join");
        isJoined = true;
        if (frame.kind === "refuse") reject(reasonToError(frame, peer.name));
        else resolve(link);
      });
      link.send(encodeJoin(joinKey));
      void link.ended.then(reject);
      return () => link.end(new SmError("CHANNEL_LOST", "the source gave up a further socket"));
    });
  }

  /** Proves the link both ways without opening a channel: milliseconds of one round trip. */
  async probe(peer: Peer, signal: AbortSignal): Promise<number> {
    const link = this.#link(peer, await this.#connect(peer, CHANNEL, signal), CHANNEL);
    try {
      return await step<number>({ what: `the probe of ${peer.name}`, timeoutMs: this.#timing.connectTimeoutMs, signal }, (resolve, reject) => {
        const nonce = randomBytes(NONCE_BYTES);
        let sentMs = 0;
        link.start((frame) => {
          if (frame.kind !== "probe" || !frame.nonce.equals(nonce)) throw unexpected(frame, "the answer to a probe");
          resolve(this.#clock.monotonicMs() - sentMs);
        });
        sentMs = this.#clock.monotonicMs();
        link.send(encodeProbe(nonce));
        void link.ended.then(reject);
        return () => link.end(new SmError("CHANNEL_LOST", "the probe was given up"));
      });
    } finally {
      link.end(new SmError("CHANNEL_LOST", "the probe is done"));
      await link.closed;
    }
  }

  /** An authenticated link that says nothing yet: whoever takes it starts it. */
  async openLink(peer: Peer, door: Door, signal: AbortSignal): Promise<FrameLink> {
    return this.#link(peer, await this.#connect(peer, door, signal), door);
  }

  async sayGoodbye(peer: Peer, connectionKey: string, signal: AbortSignal): Promise<void> {
    const link = this.#link(peer, await this.#connect(peer, CHANNEL, signal), CHANNEL);
    const what = `the goodbye of ${peer.name}`;
    try {
      await step<void>({ what, timeoutMs: this.#timing.welcomeTimeoutMs, signal }, (resolve, reject) => {
        link.start((frame) => {
          if (frame.kind === "refuse") reject(reasonToError(frame, peer.name));
          else if (frame.kind === "goodbye" && frame.connectionKey === connectionKey) resolve();
          else throw unexpected(frame, "a goodbye");
        });
        link.send(encodeGoodbye(connectionKey));
        void link.ended.then(reject);
        return () => link.end(new SmError("CHANNEL_LOST", "the goodbye was given up"));
      });
    } finally {
      link.end(new SmError("CHANNEL_LOST", "the goodbye is said"));
      await link.closed;
    }
  }

  /** Sockets that it has open to one peer. */
  openTo(fingerprint: string): number {
    return [...this.#links.values()].filter((other) => other === fingerprint).length;
  }

  /** Ends all channels it opened. */
  async close(): Promise<void> {
    for (const unsubscribe of this.#unsubscribes) unsubscribe();
    const links = [...this.#links.keys()];
    for (const link of links) link.end(new SmError("CHANNEL_LOST", "the source agent stops"));
    await Promise.all(links.map((link) => link.closed));
  }

  #connect(peer: Peer, door: Door, signal: AbortSignal): Promise<DialledSocket> {
    return this.#peerDial.dial(peer, { door, connectTimeoutMs: this.#timing.connectTimeoutMs, signal });
  }

  /** Has a peer take the next certificate of this agent, and no other from then on. */
  introduceNext(peer: Peer, signal: AbortSignal): Promise<void> {
    return this.#peerDial.introduceNext(peer, this.#timing.connectTimeoutMs, signal);
  }

  #link(peer: Peer, dialled: DialledSocket, { frameBytesMax }: Door): FrameLink {
    const { log } = this.#options;
    const link = new FrameLink({
      ws: dialled.ws,
      socket: dialled.socket,
      side: "dialled",
      frameBytesMax,
      peerName: peer.name,
      timing: this.#timing,
      log,
      clock: this.#clock,
    });
    this.#links.set(link, dialled.shown);
    void link.closed.then(() => this.#links.delete(link));
    return link;
  }

  /** Ends what is open to whoever showed this certificate. */
  endLinks(fingerprint: string, reason: SmError): void {
    for (const [link, shown] of this.#links) if (shown === fingerprint) link.end(reason);
  }
}

function unexpected(frame: OwnerFrame, wanted: string): SmError {
  return new SmError("PROTOCOL", `a ${frame.kind} frame came in place of ${wanted}`);
}
