// The side that was given the token: proves to hold it, checks the proof of the other side, pins it, and shows by a round
// trip over the pinned link that both sides now accept each other.

import type { WebSocket } from "ws";
import { type Clock, systemClock } from "../base/clock.js";
import { SmError } from "../base/errors.js";
import type { Peer, PeerAddress } from "../model/channel-port.js";
import { decodeToken, keyOfSecret, type PairFacts, pairProof, proofsEqual, type TokenData } from "./bootstrap-token.js";
import { dialSocket, displayAddress, step } from "./dial-socket.js";
import type { Identity } from "./identity.js";
import { LOCALHOST } from "./identity.js";
import { type PairReply, type PairRequest, pairReplySchema, parseMessage } from "./pair-messages.js";
import type { PeerStore } from "./peer-store.js";
import type { WsSourceDialer } from "./source-dialer.js";
import { PAIR_MESSAGE_BYTES_MAX, PAIR_PATH, PAIR_PROTOCOL } from "./tls-options.js";

export interface RedeemOptions {
  readonly identity: Identity;
  readonly peers: PeerStore;
  readonly dialer: WsSourceDialer;
  /** Name that this agent will have on the other side. */
  readonly siteName: string;
  /** Where the other side reaches this agent. */
  readonly addresses: readonly PeerAddress[];
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  readonly timeoutMs?: number;
}

export interface Redeemed {
  readonly peer: Peer;
  readonly roundTripMs: number;
}

const REPLY_TIMEOUT_MS = 10_000;

/** Rejects with TOKEN_INVALID, ALREADY_EXISTS, or what dialling gives. Nothing is pinned here before the other side gave its proof. */
export async function redeemToken(text: string, options: RedeemOptions): Promise<Redeemed> {
  const { identity, peers, dialer, signal } = options;
  const clock = options.clock ?? systemClock;
  const token = decodeToken(text, clock.nowMs());
  if (identity.isOwn(token.fingerprint)) {
    throw new SmError(
      "TOKEN_INVALID",
      `the token was made by this agent itself: import it on the other server; this agent is its own peer "${LOCALHOST}" already`,
    );
  }
  // Before the token is used up: afterwards the other side would know us, and we not it.
  peers.checkFree(token.site, token.fingerprint);
  const shows = identity.newest;
  await exchangeProofs(token, shows, options);
  const addedAt = new Date(clock.nowMs()).toISOString();
  const peer: Peer = { name: token.site, fingerprint: token.fingerprint, addresses: token.addresses, addedAt };
  await peers.add(peer);
  if (shows === identity.next) await identity.confirm(peer);
  return { peer, roundTripMs: await dialer.probe(peer, signal) };
}

async function exchangeProofs(token: TokenData, shows: string, options: RedeemOptions): Promise<void> {
  const key = keyOfSecret(Buffer.from(token.secret, "base64"));
  const facts: PairFacts = {
    id: token.id,
    sourceFingerprint: shows,
    targetFingerprint: token.fingerprint,
    sourceSite: options.siteName,
    sourceAddresses: options.addresses,
  };
  const timeoutMs = options.timeoutMs ?? REPLY_TIMEOUT_MS;
  const { ws, address } = await dialSocket(
    {
      identity: options.identity,
      shows,
      peerName: token.site,
      fingerprint: token.fingerprint,
      addresses: token.addresses,
      path: PAIR_PATH,
      protocol: PAIR_PROTOCOL,
      frameBytesMax: PAIR_MESSAGE_BYTES_MAX,
      connectTimeoutMs: timeoutMs,
    },
    options.signal,
  );
  const reply = await ask(ws, {
    request: {
      id: token.id,
      proof: pairProof(key, "source", facts, options.siteName).toString("base64"),
      site: options.siteName,
      addresses: options.addresses.map(({ host, port }) => ({ host, port })),
    },
    what: `pairing with ${token.site} at ${displayAddress(address)}`,
    timeoutMs,
    signal: options.signal,
  });
  checkReply(reply, token, pairProof(key, "target", facts, token.site));
}

function checkReply(reply: PairReply, token: TokenData, proof: Buffer): void {
  if (!reply.paired) {
    const code = reply.code === "ALREADY_EXISTS" ? "ALREADY_EXISTS" : "TOKEN_INVALID";
    throw new SmError(code, `${token.site} refuses: ${reply.message}`);
  }
  if (reply.site !== token.site || !proofsEqual(Buffer.from(reply.proof, "base64"), proof)) {
    throw new SmError("PROTOCOL", `${token.site} does not prove that it made this token: nothing was pinned`);
  }
}

interface Question {
  readonly request: PairRequest;
  readonly what: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

function ask(ws: WebSocket, question: Question): Promise<PairReply> {
  const { what, timeoutMs, signal } = question;
  return step<PairReply>({ what, timeoutMs, signal }, (resolve, reject) => {
    ws.once("message", (data, isBinary) => {
      try {
        if (isBinary) throw new SmError("PROTOCOL", `${what}: a binary message came`);
        resolve(parseMessage(pairReplySchema, data.toString()));
        ws.close(1000);
      } catch (error) {
        reject(error instanceof SmError ? error : new SmError("INTERNAL", `${what} failed`, { cause: error }));
      }
    });
    ws.on("error", (error) => reject(new SmError("CHANNEL_LOST", `${what}: ${error.message}`, { cause: error })));
    ws.once("close", () => reject(new SmError("CHANNEL_LOST", `${what}: the connection was closed without an answer`)));
    ws.resume();
    ws.send(JSON.stringify(question.request));
    return () => ws.terminate();
  });
}
