// The side that made the token: checks the proof of whoever comes to /pair, uses the token up, pins the comer's certificate
// and proves itself. A comer without proof learns one sentence, whatever was wrong.

import type { RawData, WebSocket } from "ws";
import { type Clock, systemClock } from "../base/clock.js";
import { SmError, toSmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import type { Bootstrap } from "./bootstrap.js";
import { pairProof } from "./bootstrap-token.js";
import { type PairReply, pairRequestSchema, parseMessage } from "./pair-messages.js";
import type { PeerStore } from "./peer-store.js";

export interface PairResponderOptions {
  readonly bootstrap: Bootstrap;
  readonly peers: PeerStore;
  readonly ownFingerprint: string;
  readonly log: Log;
  readonly clock?: Clock;
}

export interface PairComer {
  readonly fingerprint: string;
  readonly remoteAddress: string;
}

const NOT_ACCEPTED: PairReply = { paired: false, code: "TOKEN_INVALID", message: "token not accepted" };

/** Answers the one request of this socket; resolves with whether it paired. The caller closes sockets that stay silent. */
export function respondToPairing(ws: WebSocket, comer: PairComer, options: PairResponderOptions): Promise<boolean> {
  return new Promise((resolve) => {
    ws.once("message", (data: RawData, isBinary: boolean) => {
      void answer(isBinary ? "" : data.toString(), comer, options).then((reply) => {
        ws.send(JSON.stringify(reply));
        ws.close(1000);
        resolve(reply.paired);
      });
    });
    ws.once("close", () => resolve(false));
    ws.on("error", (error) => options.log.debug("a pairing socket failed", { remoteAddress: comer.remoteAddress, error: error.message }));
  });
}

/** Never rejects. */
async function answer(text: string, comer: PairComer, options: PairResponderOptions): Promise<PairReply> {
  const { log } = options;
  try {
    return await pair(text, comer, options);
  } catch (error) {
    const reason = toSmError(error);
    logEvent(log, "pairingRefused", { address: comer.remoteAddress, reason: reason.message }, { fingerprint: comer.fingerprint, code: reason.code });
    // Names already taken are told, for only a comer with a valid proof gets that far.
    return reason.code === "ALREADY_EXISTS" ? { paired: false, code: reason.code, message: reason.message.slice(0, 2000) } : NOT_ACCEPTED;
  }
}

async function pair(text: string, comer: PairComer, options: PairResponderOptions): Promise<PairReply> {
  const { bootstrap, peers, ownFingerprint, log } = options;
  const request = parseMessage(pairRequestSchema, text);
  const facts = {
    id: request.id,
    sourceFingerprint: comer.fingerprint,
    targetFingerprint: ownFingerprint,
    sourceSite: request.site,
    sourceAddresses: request.addresses,
  };
  const token = bootstrap.verify(facts, Buffer.from(request.proof, "base64"));
  if (token === undefined) throw new SmError("TOKEN_INVALID", "unknown, expired or used token, or a wrong proof");
  peers.checkFree(request.site, comer.fingerprint);
  if (!(await bootstrap.consume(request.id))) throw new SmError("TOKEN_INVALID", "the token was used by another request meanwhile");
  const addedAt = new Date((options.clock ?? systemClock).nowMs()).toISOString();
  await peers.add({ name: request.site, fingerprint: comer.fingerprint, addresses: request.addresses, addedAt });
  logEvent(log, "peerPaired", { peer: request.site, address: comer.remoteAddress }, { fingerprint: comer.fingerprint });
  return { paired: true, site: token.site, proof: pairProof(token.key, "target", facts, token.site).toString("base64") };
}
