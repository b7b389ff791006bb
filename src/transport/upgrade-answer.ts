// Answers to a request for a WebSocket that is not granted.

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  409: "Conflict",
  429: "Too Many Requests",
  503: "Service Unavailable",
};

/** Ends the socket with a status and one line. */
export function refuse(socket: Duplex, status: number, line: string): void {
  const body = `${line}\n`;
  const head = [
    `HTTP/1.1 ${status} ${STATUS_TEXT[status] ?? "Error"}`,
    "Connection: close",
    "Content-Type: text/plain",
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}

/** Whether the request for a WebSocket offers this subprotocol. */
export function offers(request: IncomingMessage, protocol: string): boolean {
  const offered = request.headers["sec-websocket-protocol"] ?? "";
  return offered.split(",").some((word) => word.trim() === protocol);
}
