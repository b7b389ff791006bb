// A token of a user: "sm~NAME~SECRET", where the secret is 32 random bytes. Only the sha256 of the secret is kept; what is
// random in all its bits needs no slow hash.

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

export const USER_NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const TOKEN_PATTERN = /^sm~([A-Za-z0-9][A-Za-z0-9._-]{0,63})~([A-Za-z0-9_-]{43})$/;
const SECRET_BYTES = 32;

export interface AccessToken {
  readonly name: string;
  readonly secret: string;
}

/** The text that a user keeps, and the hash that the agent keeps. */
export function makeToken(name: string): { readonly text: string; readonly hash: string } {
  const secret = randomBytes(SECRET_BYTES).toString("base64url");
  return { text: `sm~${name}~${secret}`, hash: hashSecret(secret) };
}

export function parseToken(text: string): AccessToken | undefined {
  const [, name, secret] = TOKEN_PATTERN.exec(text) ?? [];
  return name === undefined || secret === undefined ? undefined : { name, secret };
}

function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** Takes as long for a wrong secret as for the right one, and as long where there is no hash to compare with. */
export function isSecretOf(secret: string, hash: string | undefined): boolean {
  const given = Buffer.from(hashSecret(secret), "hex");
  const kept = Buffer.from(hash ?? "00".repeat(32), "hex");
  return timingSafeEqual(given, kept) && hash !== undefined;
}
