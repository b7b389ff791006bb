// Dials a peer while keys change on either side (ADR 0048). Of ours it shows the one that the peer is known to take, and the other one where
// that was refused: whichever of the two a crash left in force over there. Of the peer's it takes what is pinned and what was announced;
// an announcement that comes with an answer is written down, and proven at once by dialling anew.

import { SmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import type { Peer } from "../model/channel-port.js";
import { type DialledSocket, dialSocket } from "./dial-socket.js";
import { type Identity, LOCALHOST } from "./identity.js";
import { fingerprintSchema, type PeerStore } from "./peer-store.js";
import { CHANNEL_PROTOCOL, IDENTITY_PATH, NEXT_HEADER } from "./tls-options.js";

/** Where a socket is opened, and the most that comes back on it in one message. */
export interface Door {
  readonly path: string;
  readonly frameBytesMax: number;
}

export interface PeerDialOptions {
  readonly identity: Identity;
  readonly peers: PeerStore;
  readonly log: Log;
}

const UNKNOWN_STATUS = 403;
const NOTHING_THERE_STATUS = 404;
const IDENTITY: Door = { path: IDENTITY_PATH, frameBytesMax: 1024 };

interface How {
  readonly door: Door;
  readonly connectTimeoutMs: number;
  readonly signal: AbortSignal;
}

export class PeerDial {
  readonly #options: PeerDialOptions;

  constructor(options: PeerDialOptions) {
    this.#options = options;
  }

  async dial(peer: Peer, how: How): Promise<DialledSocket> {
    const dialled = await this.#inAnyName(peer, how);
    const announced = fingerprintSchema.safeParse(dialled.headers[NEXT_HEADER]).data;
    const pinned = this.#known(peer);
    if (announced === undefined || peer.name === LOCALHOST || announced === pinned.fingerprint) return dialled;
    dialled.ws.terminate();
    await takeAnnouncement(this.#options, peer.name, announced);
    return this.#inAnyName(peer, how);
  }

  /** Tells a peer the next certificate of this agent, and shows it there: it takes no other when this resolves. */
  async introduceNext(peer: Peer, connectTimeoutMs: number, signal: AbortSignal): Promise<void> {
    const { identity } = this.#options;
    const { next } = identity;
    if (next === undefined) return;
    const how = { door: IDENTITY, connectTimeoutMs, signal };
    try {
      (await this.#once(peer, identity.fingerprint, how, { [NEXT_HEADER]: next })).ws.terminate();
    } catch (error) {
      if (statusOf(error) === NOTHING_THERE_STATUS) {
        throw new SmError("PROTOCOL", `the version of sm on ${peer.name} takes no new certificate of a peer: update it, or pair it anew`, { cause: error });
      }
      // It may have taken the next one for good, and been told so by an agent that ended before it knew.
      if (statusOf(error) !== UNKNOWN_STATUS) throw error;
    }
    (await this.#once(peer, next, how)).ws.terminate();
  }

  async #inAnyName(peer: Peer, how: How): Promise<DialledSocket> {
    const [first, second] = this.#names(peer);
    try {
      return await this.#once(peer, first, how);
    } catch (error) {
      if (second === undefined || statusOf(error) !== UNKNOWN_STATUS) throw error;
      return this.#once(peer, second, how);
    }
  }

  /** Certificates of ours, the one first that the peer is to know. */
  #names(peer: Peer): readonly [string, string | undefined] {
    const { identity } = this.#options;
    const { fingerprint, next } = identity;
    if (next === undefined || peer.name === LOCALHOST) return [fingerprint, undefined];
    return identity.isConfirmed(this.#known(peer)) ? [next, fingerprint] : [fingerprint, next];
  }

  async #once(peer: Peer, shows: string, { door, connectTimeoutMs, signal }: How, headers: Readonly<Record<string, string>> = {}): Promise<DialledSocket> {
    const { identity, peers } = this.#options;
    const pinned = this.#known(peer);
    const { path, frameBytesMax } = door;
    const onPinned = async (shown: string): Promise<void> => {
      if (shown === pinned.next) await takeProof(this.#options, peer.name, shown);
    };
    const { name: peerName, addresses } = peer;
    const { fingerprint, next } = pinned;
    const request = { identity, shows, peerName, fingerprint, next, addresses, onPinned, headers };
    const dialled = await dialSocket({ ...request, path, protocol: CHANNEL_PROTOCOL, frameBytesMax, connectTimeoutMs }, signal);
    try {
      this.#requireCurrent(peer, dialled.shown);
      if (shows === identity.next && peers.get(peer.name) !== undefined) await identity.confirm(pinned);
      return dialled;
    } catch (error) {
      dialled.ws.terminate();
      throw error;
    }
  }

  /** The peer may have been removed while we dialled, or may have shown another certificate elsewhere, which made this one worthless. */
  #requireCurrent(peer: Peer, shown: string): void {
    const { fingerprint, next } = this.#known(peer);
    if (shown === fingerprint || shown === next || (peer.name === LOCALHOST && this.#options.identity.isOwn(shown))) return;
    throw new SmError("CHANNEL_LOST", `the certificate of ${peer.name} was replaced while it was dialled`);
  }

  /** What is pinned now, which may be another certificate than when the caller looked. Throws PEER_UNKNOWN for whom was removed. */
  #known(peer: Peer): Peer {
    const { identity, peers } = this.#options;
    if (peer.name === LOCALHOST && identity.wasOwn(peer.fingerprint)) return { ...peer, fingerprint: identity.fingerprint };
    const named = peers.get(peer.name);
    if (named !== undefined && named.addedAt === peer.addedAt) return named;
    const pinned = peers.findByFingerprint(peer.fingerprint);
    if (pinned !== undefined) return pinned;
    throw new SmError("PEER_UNKNOWN", `"${peer.name}" is no peer of this agent (any more)`);
  }
}

/** A peer said, by the certificate that is pinned, which one it will have. Durable when it resolves. */
export async function takeAnnouncement({ identity, peers, log }: PeerDialOptions, name: string, next: string): Promise<void> {
  if (identity.isOwn(next)) throw new SmError("ALREADY_EXISTS", `certificate ${next} is that of this agent itself`);
  if (peers.get(name)?.next === next) return;
  await peers.announce(name, next);
  logEvent(log, "peerKeyAnnounced", { peer: name, fingerprint: next });
}

/** A peer has shown what it announced: from now on it is known by that alone. */
export async function takeProof({ peers, log }: PeerDialOptions, name: string, shown: string): Promise<void> {
  const former = peers.get(name)?.fingerprint ?? null;
  await peers.promote(name, shown);
  logEvent(log, "peerKeyReplaced", { peer: name, fingerprint: shown }, { former });
}

function statusOf(error: unknown): number | undefined {
  const status = error instanceof SmError ? error.data?.status : undefined;
  return typeof status === "number" ? status : undefined;
}
