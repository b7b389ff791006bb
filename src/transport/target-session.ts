// The target's side of one socket on /sm, from the first frame to an open channel: answers probes, passes the hello to
// whoever accepts connections, sends the welcome or the refusal; or takes a goodbye in place of a hello.

import { SmError, toSmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import type { AcceptChannel, DismissConnection } from "../model/channel-port.js";
import type { Hello } from "../model/session.js";
import { encodeGoodbye, encodeProbe, encodeWelcome } from "./frame-codec.js";
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
  readonly dismiss: DismissConnection;
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
    if (frame.kind === "goodbye") {
      hasHello = true;
      clearTimeout(timer);
      void dismiss(options, frame.connectionKey);
      return;
    }
    if (frame.kind !== "hello") throw new SmError("PROTOCOL", `a ${frame.kind} frame came in place of a hello`);
    hasHello = true;
    clearTimeout(timer);
    void admitChannel(options, frame.hello, (opened) => {
      channel = opened;
    });
  });
}

/** Never rejects: what the acceptor throws becomes the refusal. Without `joins` the channel has one socket. */
export async function admitChannel(
  options: Pick<TargetSessionOptions, "link" | "accept" | "log"> & Partial<Pick<TargetSessionOptions, "fingerprint" | "joins">>,
  hello: Hello,
  onOpen: (channel: WsTargetChannel) => void,
): Promise<void> {
  const { link, fingerprint = "", joins, accept, log } = options;
  let isOpen = false;
  try {
    const { welcome, take } = await accept(link.peerName, hello);
    const channel = new WsTargetChannel(link, hello, welcome.appliedSeq, welcome.durableSeq);
    if (hello.joinKey !== undefined && joins !== undefined) void link.ended.then(joins.add(fingerprint, hello.joinKey, channel));
    link.send(encodeWelcome(welcome));
    isOpen = true;
    onOpen(channel);
    // Taken even when the link ended meanwhile: what was reserved for the connection then has an owner that sees the end.
    take(channel);
  } catch (error) {
    link.end(tellable(error, { link, log }, "accept the connection"), { tell: isOpen ? "bye" : "refuse" });
  }
}

/** Never rejects. The answer is the last word: whoever said goodbye has nothing else to say. */
async function dismiss({ link, dismiss: forget, log }: TargetSessionOptions, connectionKey: string): Promise<void> {
  try {
    await forget(link.peerName, connectionKey);
    link.send(encodeGoodbye(connectionKey));
    link.end(new SmError("CHANNEL_LOST", "the connection is forgotten"));
  } catch (error) {
    link.end(tellable(error, { link, log }, "forget the connection"), { tell: "refuse" });
  }
}

/** A defect of ours is told without its inside. */
function tellable(error: unknown, { link, log }: Pick<TargetSessionOptions, "link" | "log">, what: string): SmError {
  const reason = toSmError(error);
  if (reason.entry.disposition !== "bug") return reason;
  log.error(`the target could not ${what} of ${link.peerName}: ${reason.message}`, { error });
  return new SmError(reason.code, `the target could not ${what}, see its log`);
}
