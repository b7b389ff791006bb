// A channel: one authenticated link between two agents, as the connection uses it.

import type { SmError } from "../base/errors.js";
import type { Compression } from "./compression.js";
import type { Ack, CopyClaim, Hello, Mended, QuarantineNews, Welcome } from "./session.js";
import type { SocketsReport } from "./sockets.js";

export interface ChannelStats {
  readonly sentBytes: number;
  readonly sentCompressedBytes: number;
  readonly receivedBytes: number;
  /** Handed to the socket and not taken by the network. */
  readonly unsentBytes: number;
  readonly roundTripMs: number;
  readonly connectedAtMs: number;
}

/** Told when a set goes to the socket, of how many bytes it is there. */
export type OnWire = (wireBytes: number) => void;

/** What a connection says of itself; the transport adds what the target reads. */
export type Greeting = Omit<Hello, "compression" | "joinKey">;

/** How fast a channel may send change sets. What is not a set passes. */
export interface SendPace {
  /** The most that goes at once; null = sets go whole. */
  readonly pieceBytes: number | null;
  /** Resolves when so many bytes may go; with false when nothing may any more. */
  take(bytes: number): Promise<boolean>;
}

/** The target applies nothing for now, or soon. */
export interface TargetPause {
  readonly pause: "no" | "pending" | "paused";
  /** Clock of the target. */
  readonly sinceMs: number;
}

export interface SendHow {
  readonly pace?: SendPace;
  readonly onWire?: OnWire;
}

/** The path to the target, as measurements look at it. */
export interface PathView {
  /** Resolves when all that has left so far is with the target: with the bytes of it since the channel was opened; null when the channel ended. */
  mark(): Promise<number | null>;
  /** There is more to send than the path takes. */
  readonly isBackedUp: boolean;
  /** The last one, and the shortest so far; 0 = none yet. */
  readonly roundTripMs: number;
  readonly leastRoundTripMs: number;
  /** Over how many sockets it goes. */
  readonly count: number;
}

/** The source's end. Opened by dialling; the hello was answered by a welcome. */
export interface SourceChannel {
  readonly welcome: Welcome;
  readonly remoteAddress: string;
  /** The target understands orphans changes. */
  readonly sweepsOrphans: boolean;
  /** The target understands index and rebuild changes. */
  readonly rebuildsFiles: boolean;
  /** Whether the target runs tasks; null = it does not know what they are. */
  readonly tasks: "on" | "off" | null;
  /** The level in use: the one set last, or the highest below it that the target reads. "off" to begin with. */
  readonly compression: Compression;
  /** Holds for the sets that are sent from now on. */
  setCompression(level: Compression): void;
  /**
   * Sends one encoded change set, in pieces where the pace wants that. Resolves when there is room for another (backpressure); rejects
   * with CHANNEL_LOST. Order of calls = order of arrival.
   */
  sendSet(bytes: Buffer, how?: SendHow): Promise<void>;
  /** Tells whether the target is known to be a copy; in order with the sets. */
  sendCopy(claim: CopyClaim): void;
  /** Answers what the target asked on account of its quarantine. */
  sendMended(mended: Mended): void;
  onQuarantine(listener: (news: QuarantineNews) => void): void;
  onAck(listener: (ack: Ack) => void): void;
  /** Called with what the target said last, and with all that follows. */
  onPause(listener: (pause: TargetPause) => void): void;
  /** Resolves, with the reason, when the channel has ended. Never rejects. */
  readonly ended: Promise<SmError>;
  stats(): ChannelStats;
  sockets(): SocketsReport;
  readonly path: PathView;
  /** Orderly: waits for what was sent to leave, then closes. `isAbrupt`: what has not left yet is dropped. */
  close(options?: { readonly isAbrupt: boolean }): Promise<void>;
}

export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

export interface Peer {
  /** Site name, unique on this agent. */
  readonly name: string;
  /** sha256 of the certificate, lower-case hex. */
  readonly fingerprint: string;
  /** Of the certificate that it announced: taken as well, and alone from the moment when the peer shows it. */
  readonly next?: string | undefined;
  readonly addresses: readonly PeerAddress[];
  /** ISO 8601. */
  readonly addedAt: string;
}

export interface SourceDialer {
  /** Connects, authenticates both ways, says hello. Rejects with PEER_*, CHANNEL_LOST, PROTOCOL, or the target's refusal. */
  dial(peer: Peer, hello: Greeting, signal: AbortSignal): Promise<SourceChannel>;
  /** Tells a peer that a connection is over for good; resolves when it has forgotten it. Rejects as `dial` does. */
  sayGoodbye(peer: Peer, connectionKey: string, signal: AbortSignal): Promise<void>;
}

/** The target's end of one connection. */
export interface TargetChannel {
  readonly peerName: string;
  readonly hello: Hello;
  /** Each buffer belongs to the listener: it is never reused. It may be a view of a larger block that lives as long as it does. */
  onSet(listener: (bytes: Buffer) => void): void;
  onCopy(listener: (claim: CopyClaim) => void): void;
  onMended(listener: (mended: Mended) => void): void;
  /** Tells of the quarantine, in order with the acknowledgements. */
  sendQuarantine(news: QuarantineNews): void;
  /** Tells that `bytes` of the sets received were worked off: what was received and not released is bounded, the source waits at the limit. */
  release(bytes: number): void;
  sendAck(ack: Ack): void;
  sendPause(pause: TargetPause): void;
  readonly ended: Promise<SmError>;
  /** Ends the channel; the reason is told to the source. */
  close(reason?: SmError): Promise<void>;
}

/** Forgets a connection that its source ended for good; resolves when that is durable. Rejects with an SmError that is told to the source. */
export type DismissConnection = (peerName: string, connectionKey: string) => Promise<void>;

/** What the target's side decides about an incoming hello: a welcome with a taker of the channel, or an SmError (refusal). */
export type AcceptChannel = (peerName: string, hello: Hello) => Promise<{ readonly welcome: Welcome; readonly take: (channel: TargetChannel) => void }>;
