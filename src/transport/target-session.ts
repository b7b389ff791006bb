// The target's side of one socket on /sm, from the first frame to an open channel: answers probes, passes the hello to
// whoever accepts connections, sends the welcome or the refusal.

import { SmError, toSmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import type { AcceptChannel } from "../model/channel-port.js";
import type { Hello } from "../model/session.js";
import { encodeProbe, encodeWelcome } from "./frame-codec.js";
import type { FrameLink, OwnerFrame } from "./frame-link.js";
import type { JoinTable } from "./joined-sockets.js";
import { WsTargetChannel } from "./ws-target-channel.js";

const PROBES_MAX = 16;

export interface TargetSessionOptions {
  readonly link: FrameLink;
  /** Of the certificate that the socket was opened with. */
  readonly fingerprint: string;
  readonly joins: JoinTable;
  readonly accept: AcceptChannel;
  readonly helloTimeoutMs: number;
  readonly log: Log;
}

/** Serves the link until it ends. To be called in the turn in which the socket was opened. */
export function serveTargetSession(options: TargetSessionOptions): void {
  const { link } = options;
  let channel: WsTargetChannel | undefined;
  let hasHello = false;
  let probes = 0;
  const timer = setTimeout(() => link.end(new SmError("PROTOCOL", `no hello came within ${options.helloTimeoutMs} ms`)), options.helloTimeoutMs);
  void link.ended.then(() => clearTimeout(timer));
  link.start((frame: OwnerFrame) => {
    if (channel !== undefined) {
      channel.handle(frame);
      return;
    }
    if (hasHello) throw new SmError("PROTOCOL", `a ${frame.kind} frame came before the welcome`);
    if (frame.kind === "probe" && ++probes <= PROBES_MAX) {
      link.send(encodeProbe(frame.nonce));
      return;
    }
    if (frame.kind !== "hello") throw new SmError("PROTOCOL", `a ${frame.kind} frame came in place of a hello`);
    hasHello = true;
    clearTimeout(timer);
    void admit(options, frame.hello, (opened) => {
      channel = opened;
    });
  });
}

/** Never rejects: what the acceptor throws becomes the refusal. */
async function admit(options: TargetSessionOptions, hello: Hello, onOpen: (channel: WsTargetChannel) => void): Promise<void> {
  const { link, fingerprint, joins, accept, log } = options;
  let isOpen = false;
  try {
    const { welcome, take } = await accept(link.peerName, hello);
    const channel = new WsTargetChannel(link, hello, welcome.appliedSeq, welcome.durableSeq);
    if (hello.joinKey !== undefined) void link.ended.then(joins.add(fingerprint, hello.joinKey, channel));
    link.send(encodeWelcome(welcome));
    isOpen = true;
    onOpen(channel);
    // Taken even when the link ended meanwhile: what was reserved for the connection then has an owner that sees the end.
    take(channel);
  } catch (error) {
    const reason = toSmError(error);
    const isBug = reason.entry.disposition === "bug";
    if (isBug) log.error(`the connection of ${link.peerName} could not be accepted: ${reason.message}`, { error });
    // A defect of ours is told without its inside.
    link.end(isBug ? new SmError(reason.code, "the target could not accept the connection, see its log") : reason, { tell: isOpen ? "bye" : "refuse" });
  }
}
