// The one listener for peers: HTTPS with a certificate on both sides. A pinned peer may open channels on /sm; a stranger may
// only try a token on /pair. Everything else is refused before a WebSocket exists.

import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { type WebSocket, WebSocketServer } from "ws";
import { type Clock, systemClock } from "../base/clock.js";
import { SmError, toSmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import { RateWindow } from "../base/rate-window.js";
import type { AcceptChannel, DismissConnection, PeerAddress } from "../model/channel-port.js";
import { Admission, type AdmissionLimits } from "./admission.js";
import type { Bootstrap } from "./bootstrap.js";
import { OFFER, OFFER_HEADER } from "./compression-offer.js";
import { displayAddress } from "./dial-socket.js";
import { ACK_FRAME_BYTES_MAX, SET_FRAME_BYTES_MAX, STRIPE_FRAME_BYTES_MAX } from "./frame-codec.js";
import { FrameLink, LINK_TIMING, type LinkTiming } from "./frame-link.js";
import { type Identity, LOCALHOST } from "./identity.js";
import { JoinTable, serveJoinedSocket } from "./joined-sockets.js";
import { NextIdentity } from "./next-identity.js";
import { ORPHANS_HEADER, ORPHANS_OFFER } from "./orphans-offer.js";
import { respondToPairing } from "./pair-responder.js";
import type { PeerStore } from "./peer-store.js";
import { REBUILD_HEADER, REBUILD_OFFER } from "./rebuild-offer.js";
import { type AcceptRestore, serveRestoreSession } from "./restore-call.js";
import { SOCKETS_HEADER, SOCKETS_OFFER } from "./socket-offer.js";
import { serveTargetSession } from "./target-session.js";
import { TASKS_HEADER, TASKS_OFF, TASKS_ON } from "./tasks-offer.js";
import * as wire from "./tls-options.js";
import { offers, refuse } from "./upgrade-answer.js";

export interface PeerServerLimits extends AdmissionLimits, LinkTiming {
  readonly helloTimeoutMs: number;
  readonly channelsPerPeerMax: number;
  /** Further sockets of its channels, all together. */
  readonly joinedPerPeerMax: number;
  readonly failedPairingsMax: number;
  readonly failedPairingsWindowMs: number;
}

export const PEER_SERVER_LIMITS: PeerServerLimits = {
  ...LINK_TIMING,
  strangersMax: 64,
  strangerMs: 10_000,
  helloTimeoutMs: 10_000,
  channelsPerPeerMax: 64,
  joinedPerPeerMax: 256,
  failedPairingsMax: 10,
  failedPairingsWindowMs: 60_000,
};

/** A request that asks for no WebSocket, of whoever sent it. */
export interface PlainRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly remoteAddress: string;
  /** Of the certificate that was shown, unless it is that of a peer or of this agent: those are for channels alone. */
  readonly fingerprint: string | undefined;
  /** Whoever it is, is known: the socket is under the deadline for strangers no more. */
  admit(): void;
}

export interface PeerServerOptions {
  readonly identity: Identity;
  readonly peers: PeerStore;
  readonly bootstrap: Bootstrap;
  readonly listen: PeerAddress;
  readonly accept: AcceptChannel;
  readonly dismiss: DismissConnection;
  /** Absent: nothing is restored from this agent. */
  readonly acceptRestore?: AcceptRestore;
  /** Sources may have programs run here; absent: they may not. */
  readonly runsTasks?: boolean;
  /** True: it is answered there. False, or absent: it is refused here, as nothing that there is. */
  readonly takeRequest?: (plain: PlainRequest) => boolean;
  /** Of what is sent back: smaller sets are not compressed. */
  readonly compressBytesMin?: number;
  readonly log: Log;
  readonly limits?: Partial<PeerServerLimits>;
  readonly clock?: Clock;
}

type Refusal = readonly [status: number, line: string];

const HEADER_BYTES_MAX = 8 * 1024;
const COMPRESS_BYTES_MIN = 1024;
const ADDRESSES_COUNTED_MAX = 1024;
/** Refusals logged per address and minute: a stranger must not be able to fill the log. */
const REFUSALS_LOGGED_MAX = 3;

/** Where a WebSocket is opened, and what becomes of it. */
interface Door {
  readonly sockets: WebSocketServer;
  readonly links: Map<FrameLink, string>;
  /** The most that comes on it in one message. */
  readonly frameBytesMax: number;
}

interface Comer {
  readonly socket: TLSSocket;
  readonly remoteAddress: string;
  readonly fingerprint: string | undefined;
  /** Name of the peer whose pinned certificate this is. */
  readonly peerName: string | undefined;
}

export class PeerServer {
  readonly #options: PeerServerOptions;
  readonly #limits: PeerServerLimits;
  readonly #https: Server;
  readonly #channelSockets: WebSocketServer;
  readonly #joinSockets: WebSocketServer;
  readonly #pairSockets: WebSocketServer;
  readonly #restoreSockets: WebSocketServer;
  readonly #admission: Admission;
  /** By the fingerprint of the peer. */
  readonly #links = new Map<FrameLink, string>();
  /** Further sockets of channels, likewise. */
  readonly #joined = new Map<FrameLink, string>();
  readonly #joins = new JoinTable();
  readonly #next: NextIdentity;
  readonly #failedPairings: RateWindow;
  readonly #loggedRefusals: RateWindow;
  #unsubscribes: readonly (() => void)[] = [];
  #closing: Promise<void> | undefined;

  private constructor(options: PeerServerOptions) {
    const clock = options.clock ?? systemClock;
    this.#options = options;
    this.#limits = { ...PEER_SERVER_LIMITS, ...options.limits };
    this.#admission = new Admission(this.#limits);
    const { failedPairingsMax, failedPairingsWindowMs } = this.#limits;
    this.#failedPairings = new RateWindow({ eventsMax: failedPairingsMax, windowMs: failedPairingsWindowMs, keysMax: ADDRESSES_COUNTED_MAX, clock });
    this.#loggedRefusals = new RateWindow({ eventsMax: REFUSALS_LOGGED_MAX, windowMs: 60_000, keysMax: ADDRESSES_COUNTED_MAX, clock });
    const common = { noServer: true, clientTracking: false, perMessageDeflate: false, autoPong: false } as const;
    this.#next = new NextIdentity(options);
    const tellNext = (headers: string[], request: IncomingMessage): void => void headers.push(...this.#next.headersFor(request));
    this.#channelSockets = new WebSocketServer({ ...common, maxPayload: SET_FRAME_BYTES_MAX, handleProtocols: () => wire.CHANNEL_PROTOCOL });
    this.#channelSockets.on("headers", (headers) =>
      headers.push(
        `${OFFER_HEADER}: ${OFFER}`,
        `${SOCKETS_HEADER}: ${SOCKETS_OFFER}`,
        `${ORPHANS_HEADER}: ${ORPHANS_OFFER}`,
        `${REBUILD_HEADER}: ${REBUILD_OFFER}`,
        `${TASKS_HEADER}: ${options.runsTasks === true ? TASKS_ON : TASKS_OFF}`,
      ),
    );
    this.#channelSockets.on("headers", tellNext);
    this.#joinSockets = new WebSocketServer({ ...common, maxPayload: STRIPE_FRAME_BYTES_MAX, handleProtocols: () => wire.CHANNEL_PROTOCOL });
    this.#restoreSockets = new WebSocketServer({ ...common, maxPayload: ACK_FRAME_BYTES_MAX, handleProtocols: () => wire.CHANNEL_PROTOCOL });
    this.#restoreSockets.on("headers", tellNext);
    this.#pairSockets = new WebSocketServer({ ...common, maxPayload: wire.PAIR_MESSAGE_BYTES_MAX, handleProtocols: () => wire.PAIR_PROTOCOL });
    this.#https = createServer({
      ...wire.tlsOptions(options.identity),
      SNICallback: this.#next.contextOf,
      requestCert: true,
      honorCipherOrder: true,
      handshakeTimeout: this.#limits.strangerMs,
      headersTimeout: this.#limits.strangerMs,
      requestTimeout: this.#limits.strangerMs,
      keepAlive: false,
      maxHeaderSize: HEADER_BYTES_MAX,
    });
  }

  static async open(options: PeerServerOptions): Promise<PeerServer> {
    const server = new PeerServer(options);
    await server.#listen();
    return server;
  }

  get address(): PeerAddress {
    const bound = this.#https.address() as AddressInfo;
    return { host: bound.address, port: bound.port };
  }

  /** Open channels (and those about to say hello) of one peer, or of all. */
  channels(peerName?: string): number {
    return countOf(this.#links, peerName);
  }

  /** Sockets that one peer has open here. */
  openFrom(fingerprint: string): number {
    return [...this.#links.values(), ...this.#joined.values()].filter((other) => other === fingerprint).length;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const unsubscribe of this.#unsubscribes) unsubscribe();
    const stopped = new Promise<void>((resolve) => this.#https.close(() => resolve()));
    this.#admission.close();
    const links = [...this.#links.keys(), ...this.#joined.keys()];
    for (const link of links) link.end(new SmError("CHANNEL_LOST", "the target agent stops"));
    await Promise.all(links.map((link) => link.closed));
    this.#https.closeAllConnections();
    await stopped;
  }

  #listen(): Promise<void> {
    const { listen, log, peers, identity } = this.#options;
    const server = this.#https;
    return new Promise((resolve, reject) => {
      const onError = (error: Error): void =>
        reject(new SmError("LISTEN_FAILED", `cannot listen on ${displayAddress(listen)}: ${error.message}`, { cause: error, data: { ...listen } }));
      server.once("error", onError);
      server.listen(listen.port, listen.host, () => {
        server.off("error", onError);
        server.on("error", (error) => log.error("the listener for peers failed", { error }));
        this.#unsubscribes = [
          peers.onRemoved((peer) => this.endLinks(peer.fingerprint, new SmError("PEER_UNKNOWN", `the target removed its peer "${peer.name}"`))),
          peers.onReplaced((name, former) => this.endLinks(former, new SmError("CHANNEL_LOST", `the certificate of ${name} was replaced`))),
          identity.onChanged(() => server.setSecureContext(wire.tlsOptions(identity))),
        ];
        resolve();
      });
      server.on("connection", (socket: Socket) => this.#admission.enter(socket));
      server.on("tlsClientError", (error, socket) => {
        log.debug("a TLS handshake failed", { remoteAddress: socket.remoteAddress, error: error.message });
        socket.destroy();
      });
      server.on("clientError", (_error, socket) => socket.destroy());
      server.on("request", (request, response) => this.#onRequest(request, response));
      server.on("upgrade", (request, socket, head) => this.#onUpgrade(request, socket, head));
    });
  }

  #identify(socket: Duplex): Comer | undefined {
    if (!(socket instanceof TLSSocket)) return undefined;
    const fingerprint = wire.peerFingerprint(socket);
    const { identity, peers } = this.#options;
    let peerName: string | undefined;
    if (fingerprint !== undefined) peerName = identity.isOwn(fingerprint) ? LOCALHOST : peers.findByFingerprint(fingerprint)?.name;
    return { socket, remoteAddress: socket.remoteAddress ?? "unknown", fingerprint, peerName };
  }

  /** Whatever no other part of the agent takes has nothing to find here. */
  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const comer = this.#identify(request.socket);
    if (comer !== undefined && this.#isTaken(comer, request, response)) return;
    const [status, line] = comer?.peerName === undefined ? [403, UNKNOWN_LINE] : [404, "nothing is here"];
    if (comer !== undefined && status === 403) this.#logRefusal(comer);
    response.writeHead(status, { "content-type": "text/plain", connection: "close" });
    response.end(`${line}\n`, () => request.socket.destroySoon());
  }

  #isTaken(comer: Comer, request: IncomingMessage, response: ServerResponse): boolean {
    const { socket, remoteAddress } = comer;
    const fingerprint = comer.peerName === undefined ? comer.fingerprint : undefined;
    return this.#options.takeRequest?.({ request, response, remoteAddress, fingerprint, admit: () => this.#admission.admit(socket) }) ?? false;
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", (error: Error) => this.#options.log.debug("a socket of a peer failed", { error: error.message }));
    const comer = this.#identify(socket);
    if (comer === undefined) {
      socket.destroy();
      return;
    }
    // Nothing is said to a peer by a certificate that is not the one of it yet.
    const proof = this.#next.proofOf(comer);
    if (proof === undefined) this.#answerUpgrade(request, comer, head);
    else
      void proof.then(
        () => this.#answerUpgrade(request, this.#identify(socket) ?? comer, head),
        () => refuse(socket, 503, "your new certificate could not be kept, try again later"),
      );
  }

  #answerUpgrade(request: IncomingMessage, comer: Comer, head: Buffer): void {
    const { socket } = comer;
    const isPairing = request.url === wire.PAIR_PATH;
    const refusal = isPairing ? this.#pairRefusal(request, comer) : this.#channelRefusal(request, comer);
    if (refusal !== undefined) refuse(socket, ...refusal);
    else if (isPairing) this.#pair(request, comer, head);
    else if (request.url === wire.IDENTITY_PATH) this.#takeNext(request, comer, head);
    else this.#openChannel(request, comer, head);
  }

  #channelRefusal(request: IncomingMessage, comer: Comer): Refusal | undefined {
    const { peerName } = comer;
    if (peerName === undefined) {
      this.#logRefusal(comer);
      return [403, UNKNOWN_LINE];
    }
    const isJoin = request.url === wire.JOIN_PATH;
    const isRestore = request.url === wire.RESTORE_PATH && this.#options.acceptRestore !== undefined;
    const isOther = request.url !== wire.CHANNEL_PATH && request.url !== wire.IDENTITY_PATH;
    if (!isJoin && !isRestore && isOther) return [404, "nothing is here"];
    if (!offers(request, wire.CHANNEL_PROTOCOL)) return [400, `this agent speaks ${wire.CHANNEL_PROTOCOL}`];
    const { channelsPerPeerMax, joinedPerPeerMax } = this.#limits;
    // Counted apart, so that sockets of one channel never keep another channel out.
    if (isJoin) return countOf(this.#joined, peerName) >= joinedPerPeerMax ? [503, `${peerName} has ${joinedPerPeerMax} further sockets already`] : undefined;
    return this.channels(peerName) >= channelsPerPeerMax ? [503, `${peerName} has ${channelsPerPeerMax} channels already`] : undefined;
  }

  #pairRefusal(request: IncomingMessage, comer: Comer): Refusal | undefined {
    if (comer.fingerprint === undefined) return [403, "pairing needs a client certificate"];
    if (!offers(request, wire.PAIR_PROTOCOL)) return [400, `this agent pairs by ${wire.PAIR_PROTOCOL}`];
    return this.#failedPairings.isFull(comer.remoteAddress) ? [429, "too many failed pairings, try again later"] : undefined;
  }

  #openChannel(request: IncomingMessage, comer: Comer, head: Buffer): void {
    const { fingerprint = "" } = comer;
    const { log, accept, dismiss, acceptRestore, compressBytesMin = COMPRESS_BYTES_MIN } = this.#options;
    const { helloTimeoutMs } = this.#limits;
    const joins = this.#joins;
    if (request.url === wire.JOIN_PATH) {
      this.#upgrade(request, comer, head, { sockets: this.#joinSockets, links: this.#joined, frameBytesMax: STRIPE_FRAME_BYTES_MAX }, (link) =>
        serveJoinedSocket({ link, fingerprint, joins, helloTimeoutMs }),
      );
    } else if (request.url === wire.RESTORE_PATH && acceptRestore !== undefined) {
      this.#upgrade(request, comer, head, { sockets: this.#restoreSockets, links: this.#links, frameBytesMax: ACK_FRAME_BYTES_MAX }, (link) =>
        serveRestoreSession({ link, accept: acceptRestore, requestTimeoutMs: helloTimeoutMs, compressBytesMin }),
      );
    } else {
      this.#upgrade(request, comer, head, { sockets: this.#channelSockets, links: this.#links, frameBytesMax: SET_FRAME_BYTES_MAX }, (link) =>
        serveTargetSession({ link, fingerprint, joins, accept, dismiss, helloTimeoutMs, log }),
      );
    }
  }

  #upgrade(request: IncomingMessage, comer: Comer, head: Buffer, door: Door, serve: (link: FrameLink) => void): void {
    const { socket, peerName = "", fingerprint = "" } = comer;
    const { sockets, links, frameBytesMax } = door;
    sockets.handleUpgrade(request, socket, head, (ws: WebSocket) => {
      this.#admission.admit(socket);
      socket.setKeepAlive(true, wire.KEEP_ALIVE_MS);
      const { log, clock = systemClock } = this.#options;
      const link = new FrameLink({ ws, socket, side: "accepted", frameBytesMax, peerName, timing: { ...this.#limits, ...this.#options.limits }, log, clock });
      links.set(link, fingerprint);
      void link.closed.then(() => links.delete(link));
      serve(link);
    });
  }

  /** The peer says which certificate it will have, or shows it: the answer is that it is kept. The socket serves nothing else. */
  #takeNext(request: IncomingMessage, comer: Comer, head: Buffer): void {
    const { socket, peerName = "" } = comer;
    void this.#next.take(request, peerName).then(
      () => this.#joinSockets.handleUpgrade(request, socket, head, (ws: WebSocket) => ws.close(1000)),
      (error: unknown) => refuse(socket, 409, toSmError(error).message),
    );
  }

  /** The socket stays a stranger: its deadline and its number are bounded by the admission. */
  #pair(request: IncomingMessage, comer: Comer, head: Buffer): void {
    const { socket, fingerprint = "", remoteAddress } = comer;
    const { bootstrap, peers, identity, log, clock } = this.#options;
    const ownFingerprint = wire.shownFingerprint(socket) ?? identity.fingerprint;
    this.#pairSockets.handleUpgrade(request, socket, head, (ws: WebSocket) => {
      const options = { bootstrap, peers, ownFingerprint, log, clock: clock ?? systemClock };
      void respondToPairing(ws, { fingerprint, remoteAddress }, options).then((paired) => {
        if (!paired) this.#failedPairings.count(remoteAddress);
      });
    });
  }

  /** Ends what whoever has this certificate has open. */
  endLinks(fingerprint: string, reason: SmError): void {
    for (const [link, shown] of [...this.#links, ...this.#joined]) if (shown === fingerprint) link.end(reason);
  }

  #logRefusal(comer: Comer): void {
    if (!this.#loggedRefusals.count(comer.remoteAddress)) return;
    logEvent(this.#options.log, "strangerRefused", { address: comer.remoteAddress }, { fingerprint: comer.fingerprint ?? null });
  }
}

function countOf(links: ReadonlyMap<FrameLink, string>, peerName: string | undefined): number {
  let count = 0;
  for (const link of links.keys()) if (peerName === undefined || link.peerName === peerName) count += 1;
  return count;
}

const UNKNOWN_LINE = "this agent does not know your certificate: pair with it first";
