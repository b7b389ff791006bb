// A client that does not play by the rules: raw TLS, raw HTTP, raw frames.

import { once } from "node:events";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { WebSocket } from "ws";
import type { PeerAddress } from "../../src/model/channel-port.js";
import { decodeFrame, type Frame } from "../../src/transport/frame-codec.js";
import type { Identity } from "../../src/transport/identity.js";

export async function connectTls(address: PeerAddress, identity?: Identity, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ ...address, ...identity?.tls(), rejectUnauthorized: false, ...options });
  await once(socket, "secureConnect");
  return socket;
}

/** Sends `text` and reads until the server hangs up. */
export async function talk(socket: TLSSocket, text: string): Promise<string> {
  let answer = "";
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    answer += chunk;
  });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.on("error", () => socket.destroy());
  socket.write(text);
  await closed;
  return answer;
}

export function upgradeRequest(path: string, protocol = "sm.1"): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    "Host: peer",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    `Sec-WebSocket-Protocol: ${protocol}`,
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

export interface RawChannel {
  readonly ws: WebSocket;
  readonly frames: Frame[];
  readonly closed: Promise<number>;
}

/** A WebSocket of a peer that then sends what it likes. */
export async function openRaw(address: PeerAddress, identity: Identity, path = "/sm", protocol = "sm.1"): Promise<RawChannel> {
  const ws = new WebSocket(`wss://${address.host}:${address.port}${path}`, [protocol], { ...identity.tls(), rejectUnauthorized: false });
  const frames: Frame[] = [];
  ws.on("message", (data, isBinary) => {
    if (isBinary) frames.push(decodeFrame(data as Buffer));
  });
  const closed = new Promise<number>((resolve) => ws.once("close", (code) => resolve(code)));
  await once(ws, "open");
  ws.on("error", () => ws.terminate());
  return { ws, frames, closed };
}
