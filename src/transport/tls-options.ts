// TLS as both sides use it: 1.3 only, certificates on both sides, pins instead of authorities.

import type { TLSSocket } from "node:tls";
import { fingerprintOf, type Identity } from "./identity.js";

/** AES-128-GCM first: with AES instructions it is the fastest of the three, and both agents want the same order. */
const CIPHERS = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

export const CHANNEL_PATH = "/sm";
/** A further socket of an open channel. */
export const JOIN_PATH = "/join";
/** A channel whose source is the side that was dialled: a copy comes back. */
export const RESTORE_PATH = "/restore";
export const CHANNEL_PROTOCOL = "sm.1";
/** Where a peer says by which certificate it will be known, and shows that it has it. */
export const IDENTITY_PATH = "/identity";
/** Of a request there, and of the answers to channels: sha256 of a certificate that is to take the place of the one that this socket showed. */
export const NEXT_HEADER = "sm-next-identity";
export const PAIR_PATH = "/pair";
export const PAIR_PROTOCOL = "sm.pair.1";
export const PAIR_MESSAGE_BYTES_MAX = 16 * 1024;

/** How long a silent TCP connection may stay before the kernel asks the other side. */
export const KEEP_ALIVE_MS = 10_000;

/** `fingerprint`: which of its certificates is shown; the present one when there is no such. */
export function tlsOptions(identity: Identity, fingerprint?: string) {
  return {
    ...identity.tls(fingerprint),
    minVersion: "TLSv1.3",
    ciphers: CIPHERS,
    // No authority signs these certificates: the pin is checked by us, right after the handshake.
    rejectUnauthorized: false,
  } as const;
}

/** sha256 of the certificate that this side showed. */
export function shownFingerprint(socket: TLSSocket): string | undefined {
  const certificate = socket.getX509Certificate();
  return certificate === undefined ? undefined : fingerprintOf(certificate.raw);
}

/** sha256 of the certificate that the other side proved to own, or undefined when it showed none. */
export function peerFingerprint(socket: TLSSocket): string | undefined {
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined ? undefined : fingerprintOf(certificate.raw);
}
