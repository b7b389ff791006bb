// One agent of another machine, as this account stored it: where it is, by which certificate it is known, and the token of a user.

import { parseToken, USER_NAME_PATTERN } from "../../base/access-token.js";
import { SmError } from "../../base/errors.js";
import type { PeerAddress } from "../../model/channel-port.js";

export interface ServerEntry {
  readonly name: string;
  readonly address: PeerAddress;
  /** sha256 of the server's certificate in DER, 64 hexadecimal digits in lower case. */
  readonly fingerprint: string;
  /** A secret: it leaves only to a server that showed that certificate. */
  readonly token: string;
}

/** What may be shown of an entry. */
export interface ServerReport {
  readonly name: string;
  readonly address: string;
  readonly fingerprint: string;
  readonly user: string;
  /** Commands without --server ask it. */
  readonly isDefault: boolean;
}

/** The agent of this machine, wherever a server can be named. */
export const THIS_SERVER = "localhost";

export function addressText({ host, port }: PeerAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

export function userOf({ token }: ServerEntry): string {
  return parseToken(token)?.name ?? "";
}

export function serverReport(entry: ServerEntry, defaultName: string | null): ServerReport {
  const { name, address, fingerprint } = entry;
  return { name, address: addressText(address), fingerprint, user: userOf(entry), isDefault: name === defaultName };
}

/** Names have no colon, so that HOST:PORT is never one. */
export function parseServerName(text: string): string {
  if (text.toLowerCase() === THIS_SERVER) throw new SmError("USAGE", `${THIS_SERVER} is the agent of this machine: choose another name`);
  if (USER_NAME_PATTERN.test(text)) return text;
  throw new SmError("USAGE", `the name ${JSON.stringify(text)} of a server must be letters, digits, and . _ - behind the first, 64 at most`);
}

/** Names are told apart as the names of machines are: without regard to case. */
export function isSameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
