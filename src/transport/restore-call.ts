// A link on which a copy comes back. The receiver dials and asks, so that this passes where it could not be dialled itself; then the
// sides are reversed: the holder says hello and sends sets, the receiver welcomes it and acknowledges.
//   receiver ─ restore ─▶ holder        holder ─ restoring, hello ─▶ receiver ─ welcome ─▶        holder ─ sets ─▶ receiver

import { SmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import type { AcceptChannel, Greeting, Peer, SourceChannel } from "../model/channel-port.js";
import type { RestoreNews, RestoreRequest } from "../model/restore.js";
import type { Welcome } from "../model/session.js";
import { cancelled, step } from "./dial-socket.js";
import { encodeHello, encodeRestore, encodeRestoring, reasonToError, SET_FRAME_BYTES_MAX } from "./frame-codec.js";
import type { FrameLink, OwnerFrame } from "./frame-link.js";
import type { WsSourceDialer } from "./source-dialer.js";
import { admitChannel } from "./target-session.js";
import { RESTORE_PATH } from "./tls-options.js";
import { WsSourceChannel } from "./ws-source-channel.js";
import type { WsTargetChannel } from "./ws-target-channel.js";

const WELCOME_TIMEOUT_MS = 15_000;
const NEWS_BYTES_PER_MS = 32;
/** Where a limit holds, what is said of the progress is so much of it. */
const NEWS_SHARE = 0.1;

export interface RestoreDial {
  readonly dialer: Pick<WsSourceDialer, "openLink">;
  readonly peer: Peer;
  readonly request: RestoreRequest;
  readonly accept: AcceptChannel;
  readonly onNews: (news: RestoreNews) => void;
  readonly log: Log;
}

/** The receiver's side. Resolves with the reason when the link has ended; rejects when it could not be opened, or was refused. */
export async function dialForRestore({ dialer, peer, request, accept, onNews, log }: RestoreDial, signal: AbortSignal): Promise<SmError> {
  const link = await dialer.openLink(peer, { path: RESTORE_PATH, frameBytesMax: SET_FRAME_BYTES_MAX }, signal);
  const stop = (): void => link.end(cancelled(`the restore from ${peer.name}`));
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  let channel: WsTargetChannel | undefined;
  let hasHello = false;
  let refusal: SmError | null = null;
  link.start((frame: OwnerFrame) => {
    if (frame.kind === "restoring") onNews(frame.news);
    else if (channel !== undefined) channel.handle(frame);
    else if (frame.kind === "refuse") {
      refusal = reasonToError(frame, peer.name);
      link.end(refusal);
    } else if (frame.kind === "hello" && !hasHello) {
      hasHello = true;
      void admitChannel({ link, accept, log }, frame.hello, (opened) => {
        channel = opened;
      });
    } else throw new SmError("PROTOCOL", `a ${frame.kind} frame came in place of a hello`);
  });
  link.send(encodeRestore(request));
  if (signal.aborted) stop();
  try {
    const reason = await link.ended;
    await link.closed;
    if (refusal !== null) throw refusal;
    return reason;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Decides on what a receiver asks; what it rejects with is told as the refusal. */
export type AcceptRestore = (peerName: string, request: RestoreRequest, call: RestoreCall) => Promise<void>;

/** The holder's side of such a link. */
export class RestoreCall {
  readonly ended: Promise<SmError>;
  readonly #link: FrameLink;
  readonly #request: RestoreRequest;
  readonly #compressBytesMin: number;
  readonly #newsBytesPerMs: number;
  #quietUntilMs = 0;
  #onFrame: (frame: OwnerFrame) => void = (frame) => {
    throw new SmError("PROTOCOL", `a ${frame.kind} frame came before the hello`);
  };

  constructor(link: FrameLink, request: RestoreRequest, compressBytesMin: number) {
    this.#link = link;
    this.#request = request;
    this.#compressBytesMin = compressBytesMin;
    this.ended = link.ended;
    const { bytesPerSecond = Number.POSITIVE_INFINITY } = request.options;
    this.#newsBytesPerMs = Math.min(NEWS_BYTES_PER_MS, (bytesPerSecond / 1000) * NEWS_SHARE);
  }

  get isEnded(): boolean {
    return this.#link.isEnded;
  }

  handle(frame: OwnerFrame): void {
    this.#onFrame(frame);
  }

  /** Says hello, and waits for the welcome: once. */
  open(hello: Greeting, signal: AbortSignal): Promise<SourceChannel> {
    const link = this.#link;
    const what = `the welcome of ${link.peerName}`;
    return step<SourceChannel>({ what, timeoutMs: WELCOME_TIMEOUT_MS, signal }, (resolve, reject) => {
      this.#onFrame = (frame) => {
        if (frame.kind === "refuse") reject(reasonToError(frame, link.peerName));
        else if (frame.kind !== "welcome") throw new SmError("PROTOCOL", `a ${frame.kind} frame came in place of a welcome`);
        else resolve(this.#channel(frame.welcome));
      };
      link.send(encodeHello({ ...hello, compression: this.#request.compression }));
      void link.ended.then(reject);
      return () => link.end(cancelled(what));
    });
  }

  #channel(welcome: Welcome): SourceChannel {
    const knows = { sweepsOrphans: true, rebuildsFiles: false, tasks: null };
    const facts = { welcome, remoteAddress: this.#link.peerName, readable: this.#request.compression, ...knows };
    const channel = new WsSourceChannel(this.#link, { ...facts, compressBytesMin: this.#compressBytesMin, socketsWhy: () => "a restore has one socket" });
    this.#onFrame = (frame) => channel.handle(frame);
    return channel;
  }

  /** How far it is, is told as often as its length allows: it names a thousand orphans, and must leave the link to the data. */
  tell(news: RestoreNews): void {
    const nowMs = performance.now();
    if (this.#link.isEnded || (news.status === "running" && nowMs < this.#quietUntilMs)) return;
    const frame = encodeRestoring(news);
    this.#quietUntilMs = nowMs + frame.length / this.#newsBytesPerMs;
    this.#link.send(frame);
  }

  close(reason: SmError): void {
    this.#link.end(reason);
  }
}

export interface RestoreSessionOptions {
  readonly link: FrameLink;
  readonly accept: AcceptRestore;
  readonly requestTimeoutMs: number;
  readonly compressBytesMin: number;
}

/** Serves the link until it ends. To be called in the turn in which the socket was opened. */
export function serveRestoreSession({ link, accept, requestTimeoutMs, compressBytesMin }: RestoreSessionOptions): void {
  let call: RestoreCall | undefined;
  const timer = setTimeout(() => link.end(new SmError("PROTOCOL", `nothing was asked within ${requestTimeoutMs} ms`)), requestTimeoutMs);
  void link.ended.then(() => clearTimeout(timer));
  link.start((frame) => {
    if (call !== undefined) {
      call.handle(frame);
      return;
    }
    if (frame.kind !== "restore") throw new SmError("PROTOCOL", `a ${frame.kind} frame came in place of what is to be restored`);
    clearTimeout(timer);
    call = new RestoreCall(link, frame.request, compressBytesMin);
    accept(link.peerName, frame.request, call).catch((error: unknown) => link.end(refusalOf(error), { tell: "refuse" }));
  });
}

/** A defect of ours is told without its inside. */
function refusalOf(error: unknown): SmError {
  if (error instanceof SmError && error.entry.disposition !== "bug") return error;
  return new SmError("INTERNAL", "the holder could not begin the restore, see its log", { cause: error });
}
