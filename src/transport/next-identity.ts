// What the listener for peers does while a key is rotated, ours or that of a peer: it shows the certificate that whoever dials asks for,
// tells peers which one is to come, and notes who has proven what (ADR 0048).

import type { IncomingMessage } from "node:http";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { SmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import { serverNameOf } from "../base/server-name.js";
import { LOCALHOST } from "./identity.js";
import { type PeerDialOptions, takeAnnouncement, takeProof } from "./peer-dial.js";
import { fingerprintSchema } from "./peer-store.js";
import { NEXT_HEADER, peerFingerprint, shownFingerprint, tlsOptions } from "./tls-options.js";

interface Comer {
  readonly socket: TLSSocket;
  readonly fingerprint: string | undefined;
  readonly peerName: string | undefined;
}

export class NextIdentity {
  readonly #options: PeerDialOptions;
  #context: { readonly fingerprint: string; readonly secure: SecureContext } | undefined;

  constructor(options: PeerDialOptions) {
    this.#options = options;
  }

  /** The next certificate for whoever asks for it by name; the present one for everybody else. */
  readonly contextOf = (name: string, answer: (error: Error | null, context?: SecureContext) => void): void => {
    const { identity } = this.#options;
    const { next } = identity;
    if (next === undefined || name !== serverNameOf(next)) answer(null);
    else {
      if (this.#context?.fingerprint !== next) this.#context = { fingerprint: next, secure: createSecureContext(tlsOptions(identity, next)) };
      answer(null, this.#context.secure);
    }
  };

  /** Headers of the answer to a peer's request: what is to come, unless the peer has it already. */
  headersFor({ socket }: IncomingMessage): readonly string[] {
    const { identity, peers } = this.#options;
    if (identity.next === undefined || !(socket instanceof TLSSocket) || shownFingerprint(socket) === identity.next) return [];
    const peer = peers.findByFingerprint(peerFingerprint(socket) ?? "");
    return peer === undefined || identity.isConfirmed(peer) ? [] : [`${NEXT_HEADER}: ${identity.next}`];
  }

  /** Undefined: nothing is to be awaited. Else the peer came by the certificate that it announced; resolves when that is kept. */
  proofOf({ socket, fingerprint, peerName }: Comer): Promise<void> | undefined {
    const { identity, peers, log } = this.#options;
    if (fingerprint === undefined || peerName === undefined || peerName === LOCALHOST) return undefined;
    const peer = peers.get(peerName);
    if (peer === undefined) return undefined;
    // Whoever asked for the next certificate, and goes on when it saw it, has given up the one before.
    if (identity.next !== undefined && shownFingerprint(socket) === identity.next) {
      identity.confirm(peer).catch((error: unknown) => log.warn("what a peer confirmed could not be written", { peer: peerName, error }));
    }
    return peer.next === fingerprint ? takeProof(this.#options, peerName, fingerprint) : undefined;
  }

  /** What a peer says on the path for it. Rejects with what is to be told. */
  async take({ headers }: IncomingMessage, peerName: string): Promise<void> {
    const value = headers[NEXT_HEADER];
    if (value === undefined) return;
    const next = fingerprintSchema.safeParse(value).data;
    if (next === undefined || peerName === LOCALHOST) throw new SmError("USAGE", `${NEXT_HEADER} is no certificate of a peer`);
    try {
      await takeAnnouncement(this.#options, peerName, next);
    } catch (error) {
      logEvent(this.#options.log, "peerKeyRefused", { peer: peerName, reason: error instanceof Error ? error.message : String(error) });
      throw error;
    }
  }
}
