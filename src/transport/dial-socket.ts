// From an address to an open WebSocket whose other end is proven to be the pinned peer. Nothing of ours but the
// TLS handshake leaves before the pin was checked.

import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { connect, type TLSSocket } from "node:tls";
import { WebSocket } from "ws";
import { SmError, toSmError } from "../base/errors.js";
import { serverNameOf } from "../base/server-name.js";
import type { PeerAddress } from "../model/channel-port.js";
import type { Identity } from "./identity.js";
import { KEEP_ALIVE_MS, peerFingerprint, tlsOptions } from "./tls-options.js";

const REFUSAL_BYTES_MAX = 1024;

export interface DialRequest {
  readonly identity: Identity;
  /** Which certificate of it is shown; default: the present one. */
  readonly shows?: string;
  readonly peerName: string;
  readonly fingerprint: string;
  /** A certificate that is taken as well, and asked for first. */
  readonly next?: string | undefined;
  /** The other side has proven to be the one with this certificate, and was sent nothing yet. */
  readonly onPinned?: (shown: string) => Promise<void>;
  /** Of the request for the WebSocket. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly addresses: readonly PeerAddress[];
  readonly path: string;
  readonly protocol: string;
  readonly frameBytesMax: number;
  /** For each step (TLS, then WebSocket) on each address. */
  readonly connectTimeoutMs: number;
}

/** The socket is paused: whoever takes it resumes it once it listens. */
export interface DialledSocket {
  readonly ws: WebSocket;
  readonly socket: TLSSocket;
  readonly address: PeerAddress;
  /** The certificate that the other side has shown. */
  readonly shown: string;
  /** Of the answer to the upgrade. */
  readonly headers: IncomingHttpHeaders;
}

export function displayAddress(address: PeerAddress): string {
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

export function cancelled(what: string): SmError {
  return new SmError("CHANNEL_LOST", `${what} was cancelled`);
}

/** Runs one step with a deadline and a signal. `start` returns what undoes the step; it runs once, when the step fails. */
export function step<T>(
  limits: { readonly what: string; readonly timeoutMs: number; readonly signal: AbortSignal },
  start: (resolve: (value: T) => void, reject: (error: SmError) => void) => () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let undo: (() => void) | undefined;
    let outcome: "pending" | "done" | "failed" = "pending";
    const settle = (act: () => void, isFailure: boolean): void => {
      if (outcome !== "pending") return;
      outcome = isFailure ? "failed" : "done";
      clearTimeout(timer);
      limits.signal.removeEventListener("abort", onAbort);
      if (isFailure) undo?.();
      act();
    };
    const hasFailed = (): boolean => outcome === "failed";
    const fail = (error: SmError): void => settle(() => reject(error), true);
    const onAbort = (): void => fail(cancelled(limits.what));
    const timer = setTimeout(() => fail(new SmError("CHANNEL_LOST", `${limits.what}: no answer within ${limits.timeoutMs} ms`)), limits.timeoutMs);
    limits.signal.addEventListener("abort", onAbort, { once: true });
    if (limits.signal.aborted) onAbort();
    try {
      const undoLater = start((value) => settle(() => resolve(value), false), fail);
      if (hasFailed()) undoLater();
      undo = undoLater;
    } catch (error) {
      fail(toSmError(error, "CHANNEL_LOST", limits.what));
    }
    if (limits.signal.aborted) onAbort();
  });
}

/** Tries the addresses in turn. An answer of the authenticated peer is final; anything else gives the next address a chance. */
export async function dialSocket(request: DialRequest, signal: AbortSignal): Promise<DialledSocket> {
  const failures: SmError[] = [];
  for (const address of request.addresses) {
    const what = `dialling ${request.peerName} at ${displayAddress(address)}`;
    if (signal.aborted) throw cancelled(what);
    try {
      const { socket, shown } = await connectPinned(request, address, what, signal);
      await tellPinned(request, socket, shown);
      return { ...(await openWebSocket(request, socket, what, signal)), socket, address, shown };
    } catch (error) {
      const failure = toSmError(error, "CHANNEL_LOST", what);
      if (signal.aborted || (failure.code !== "CHANNEL_LOST" && failure.code !== "PEER_MISMATCH")) throw failure;
      failures.push(failure);
    }
  }
  throw summary(request, failures);
}

/** A peer that shows another certificate needs a person; that weighs more than addresses that are down. */
function summary(request: DialRequest, failures: readonly SmError[]): SmError {
  const first = failures[0];
  if (first === undefined) return new SmError("CHANNEL_LOST", `no address of ${request.peerName} is known`);
  if (failures.length === 1) return first;
  const mismatch = failures.find((failure) => failure.code === "PEER_MISMATCH");
  return new SmError((mismatch ?? first).code, failures.map((failure) => failure.message).join("; "), { cause: mismatch ?? first });
}

/** A socket must not stay behind when what is to be known of its certificate cannot be written down. */
async function tellPinned({ onPinned }: DialRequest, socket: TLSSocket, shown: string): Promise<void> {
  try {
    await onPinned?.(shown);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

interface PinnedSocket {
  readonly socket: TLSSocket;
  readonly shown: string;
}

function connectPinned(request: DialRequest, address: PeerAddress, what: string, signal: AbortSignal): Promise<PinnedSocket> {
  const { identity, shows, fingerprint, next } = request;
  return step({ what, timeoutMs: request.connectTimeoutMs, signal }, (resolve, reject) => {
    const servername = serverNameOf(next ?? fingerprint);
    const socket = connect({ ...tlsOptions(identity, shows), servername, host: address.host, port: address.port });
    // Stays for the life of the socket: after the handshake the WebSocket reports errors, this one then says nothing.
    socket.on("error", (error) => reject(new SmError("CHANNEL_LOST", `${what}: ${error.message}`, { cause: error })));
    socket.once("close", () => reject(new SmError("CHANNEL_LOST", `${what}: the connection was closed during the handshake`)));
    socket.once("secureConnect", () => {
      const shown = peerFingerprint(socket);
      if (shown === undefined || (shown !== fingerprint && shown !== next)) {
        const data = { peer: request.peerName, pinned: fingerprint, shown: shown ?? null };
        reject(new SmError("PEER_MISMATCH", `${what}: it shows certificate ${shown ?? "none"}, pinned is ${fingerprint}`, { data }));
        return;
      }
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      resolve({ socket, shown });
    });
    return () => socket.destroy();
  });
}

function openWebSocket(request: DialRequest, socket: TLSSocket, what: string, signal: AbortSignal): Promise<Pick<DialledSocket, "ws" | "headers">> {
  return step({ what, timeoutMs: request.connectTimeoutMs, signal }, (resolve, reject) => {
    const ws = new WebSocket(`wss://peer${request.path}`, [request.protocol], {
      headers: { ...request.headers },
      createConnection: () => socket,
      perMessageDeflate: false,
      autoPong: false,
      maxPayload: request.frameBytesMax,
      // A zero mask, which ws then does not apply: masking protects plain-text proxies from chosen bytes, TLS does so already.
      generateMask: (mask) => mask.fill(0),
    });
    ws.on("error", (error) => reject(new SmError("CHANNEL_LOST", `${what}: ${error.message}`, { cause: error })));
    ws.once("unexpected-response", (upgrade, response) => {
      void readRefusal(response).then((line) => {
        reject(refusalError(response.statusCode ?? 0, line, request.peerName, what));
        upgrade.destroy();
      });
    });
    let headers: IncomingHttpHeaders = {};
    ws.once("upgrade", (answer) => {
      headers = answer.headers;
    });
    ws.once("open", () => {
      // Messages may follow in this very turn, before whoever awaits this socket can listen.
      ws.pause();
      resolve({ ws, headers });
    });
    return () => {
      ws.terminate();
      socket.destroy();
    };
  });
}

/** The line that comes with a refusal, as far as it came: never rejects, the status says enough. */
function readRefusal(response: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const done = (): void => resolve((text.split("\n")[0] ?? "").slice(0, REFUSAL_BYTES_MAX));
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      text += chunk;
      if (text.length > REFUSAL_BYTES_MAX) done();
    });
    response.once("end", done);
    response.once("error", done);
    response.once("close", done);
  });
}

function refusalError(status: number, line: string, peerName: string, what: string): SmError {
  const message = `${what}: ${line === "" ? `HTTP ${status}` : line}`;
  const data = { peer: peerName, status };
  switch (status) {
    case 403:
      return new SmError("PEER_UNKNOWN", message, { data });
    case 409:
      return new SmError("ALREADY_EXISTS", message, { data });
    case 429:
    case 503:
      return new SmError("PEER_BUSY", message, { data });
    default:
      return new SmError("PROTOCOL", message, { data });
  }
}
