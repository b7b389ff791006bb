// Further sockets of open channels at the target. One is taken by the channel whose hello named its key, if the same certificate
// opened both: a key that another peer shows finds nothing, whatever it is.

import { SmError } from "../base/errors.js";
import { encodeJoined } from "./frame-codec.js";
import type { FrameLink, OwnerFrame } from "./frame-link.js";

/** A channel that takes further sockets. */
export interface Joinable {
  /** Returns what handles the frames of the socket. Throws REFUSED when there are too many. */
  join(link: FrameLink): (frame: OwnerFrame) => void;
}

export class JoinTable {
  readonly #channels = new Map<string, Joinable>();

  /** Returns the removal. Throws PROTOCOL when a channel of the peer has this key: keys are used once. */
  add(fingerprint: string, key: string, channel: Joinable): () => void {
    const place = placeOf(fingerprint, key);
    if (this.#channels.has(place)) throw new SmError("PROTOCOL", "two channels have one join key");
    this.#channels.set(place, channel);
    return () => this.#channels.delete(place);
  }

  find(fingerprint: string, key: string): Joinable | undefined {
    return this.#channels.get(placeOf(fingerprint, key));
  }
}

function placeOf(fingerprint: string, key: string): string {
  return `${fingerprint} ${key}`;
}

export interface JoinedSocketOptions {
  readonly link: FrameLink;
  /** Of the certificate that the socket was opened with. */
  readonly fingerprint: string;
  readonly joins: JoinTable;
  readonly helloTimeoutMs: number;
}

/** Serves the link until it ends. To be called in the turn in which the socket was opened. */
export function serveJoinedSocket({ link, fingerprint, joins, helloTimeoutMs }: JoinedSocketOptions): void {
  let handle: ((frame: OwnerFrame) => void) | undefined;
  const timer = setTimeout(() => link.end(new SmError("PROTOCOL", `no join came within ${helloTimeoutMs} ms`)), helloTimeoutMs);
  void link.ended.then(() => clearTimeout(timer));
  link.start((frame) => {
    if (handle !== undefined) {
      handle(frame);
      return;
    }
    if (frame.kind !== "join") throw new SmError("PROTOCOL", `a ${frame.kind} frame came in place of a join`);
    clearTimeout(timer);
    const channel = joins.find(fingerprint, frame.key.toString("hex"));
    if (channel === undefined) {
      link.end(new SmError("REFUSED", "no channel of this peer has that key"), { tell: "refuse" });
      return;
    }
    handle = channel.join(link);
    link.send(encodeJoined());
  });
}
