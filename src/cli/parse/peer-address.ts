import { SmError } from "../../base/errors.js";
import type { PeerAddress } from "../../model/channel-port.js";

/** "host:1500", "10.0.0.2:1500", "[2001:db8::1]:1500". */
export function parsePeerAddress(flag: string, text: string): PeerAddress {
  const match = /^(?:\[([0-9A-Fa-f:.%]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new SmError("USAGE", `${flag} is ${JSON.stringify(text)}, but must be HOST:PORT, with an IPv6 host in brackets`);
  }
  return { host, port };
}
