// The token that pairs two agents, and the proofs exchanged with it. One line of base64 of JSON. Whoever holds it may
// pair once, so it travels by hand. Its secret never travels on the wire: each side proves to know it by an HMAC over
// both certificates, so neither side can be made to pin a third one.

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { SmError } from "../base/errors.js";
import type { PeerAddress } from "../model/channel-port.js";
import { ADDRESSES_MAX, addressSchema, fingerprintSchema, siteNameSchema } from "./peer-store.js";

export const SECRET_BYTES = 32;
const TOKEN_CHARS_MAX = 64 * 1024;

const tokenSchema = z.strictObject({
  v: z.literal(1),
  /** Name that the maker of the token will have on the redeeming side. */
  site: siteNameSchema,
  addresses: z.array(addressSchema).min(1).max(ADDRESSES_MAX),
  fingerprint: fingerprintSchema,
  secret: z.base64().length(44),
  id: z.string().regex(/^[0-9a-f]{32}$/),
  expires: z.iso.datetime(),
});
export type TokenData = z.infer<typeof tokenSchema>;

export function encodeToken(token: TokenData): string {
  return Buffer.from(JSON.stringify(token)).toString("base64");
}

/** Throws TOKEN_INVALID with the exact reason: this is said to whoever holds the token, never to a remote side. */
export function decodeToken(text: string, nowMs: number): TokenData {
  const line = text.trim();
  const invalid = (reason: string, cause?: unknown): never => {
    throw new SmError("TOKEN_INVALID", `the token cannot be used: ${reason}`, { cause });
  };
  if (line === "") invalid("it is empty");
  if (line.length > TOKEN_CHARS_MAX) invalid(`it has ${line.length} characters, a token has at most ${TOKEN_CHARS_MAX}`);
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(line) || line.length % 4 !== 0) invalid("it is not one whole line of base64 (was it cut or wrapped when it was copied?)");
  let data: unknown;
  try {
    data = JSON.parse(Buffer.from(line, "base64").toString("utf8"));
  } catch (error) {
    invalid("its content is not JSON (was it cut when it was copied?)", error);
  }
  if (typeof data === "object" && data !== null && "v" in data && data.v !== 1) invalid(`it is of version ${String(data.v)}, this agent reads version 1`);
  const parsed = tokenSchema.safeParse(data);
  if (!parsed.success) return invalid(parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; "));
  if (Date.parse(parsed.data.expires) <= nowMs) invalid(`it expired at ${parsed.data.expires}`);
  return parsed.data;
}

/** What the maker keeps instead of the secret. It serves as the key of the proofs, so the file that holds it is private too. */
export function keyOfSecret(secret: Buffer): Buffer {
  return createHash("sha256").update("sm.pair.1 key\0").update(secret).digest();
}

export interface PairFacts {
  readonly id: string;
  readonly sourceFingerprint: string;
  readonly targetFingerprint: string;
  readonly sourceSite: string;
  readonly sourceAddresses: readonly PeerAddress[];
}

/** `site` names who makes the proof; all that was said is under it, so nothing of it can be exchanged. */
export function pairProof(key: Buffer, side: "source" | "target", facts: PairFacts, site: string): Buffer {
  const text = JSON.stringify([
    `sm.pair.1 ${side}`,
    facts.id,
    facts.sourceFingerprint,
    facts.targetFingerprint,
    facts.sourceSite,
    facts.sourceAddresses.map((a) => [a.host, a.port]),
    site,
  ]);
  return createHmac("sha256", key).update(text).digest();
}

export function proofsEqual(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
