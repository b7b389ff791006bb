// Answers of the control API: always JSON, also to what is no HTTP.

import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { SmError } from "../base/errors.js";
import type { ApiErrorBody } from "./api.js";

export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ApiErrorBody;
}

export function refusalOf(error: SmError): Refusal {
  const { code, message, hint, data } = error;
  const headers: Record<string, string> = {};
  // Who was not let in has no business on this socket any more.
  if (code === "LOGIN_FAILED" || code === "LOGIN_LOCKED" || code === "API_BUSY") headers.connection = "close";
  if (code === "LOGIN_FAILED") headers["www-authenticate"] = 'Bearer realm="sm"';
  if (typeof data.retryAfterSeconds === "number") headers["retry-after"] = String(data.retryAfterSeconds);
  if (typeof data.allow === "string") headers.allow = data.allow;
  return { status: error.entry.httpStatus, headers, body: { error: { code, message, hint, data } } };
}

/** JSON of any result of a command: numbers that JSON cannot hold are texts. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) => (typeof field === "bigint" ? field.toString() : field));
}

/** What is not HTTP never reaches a request handler; it is told so in the same form. */
export function refuseUnparsable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const refusal = refusalOf(
    error.code === "ERR_HTTP_REQUEST_TIMEOUT"
      ? new SmError("REQUEST_TIMEOUT", "the request did not arrive in time")
      : new SmError("USAGE", `the request is no HTTP that the control API takes: ${error.message}`),
  );
  const status = error.code === "HPE_HEADER_OVERFLOW" ? 431 : refusal.status;
  const text = jsonText(refusal.body);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
  );
}
