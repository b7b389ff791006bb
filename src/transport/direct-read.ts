// Lets a socket read into one buffer again and again, as `onread` of net.Socket does. Node offers that to sockets that
// it connects, not to those that a TLS server accepts; what it sets for the former is set here for the latter. Without it
// each 16 KiB of a stream costs a buffer, an event and their collection: a third of what receiving costs in all.

import type { TLSSocket } from "node:tls";

/** What TLS hands over at most at once: one record. */
const RECORD_BYTES = 16 * 1024;

interface ReadingHandle {
  useUserBuffer(buffer: Uint8Array): void;
}

/**
 * `take` gets every chunk from now on; it is valid during the call only. False: this Node has no such way, and the socket
 * goes on with "data" events. They come in either case for what was read before.
 */
export function readDirectly(socket: TLSSocket, take: (chunk: Buffer) => void): boolean {
  const [bufferKey, callbackKey] = [symbolOf(socket, "kBuffer"), symbolOf(socket, "kBufferCb")];
  const handle: unknown = Reflect.get(socket, "_handle");
  if (bufferKey === undefined || callbackKey === undefined || !isReadingHandle(handle)) return false;
  const buffer = Buffer.allocUnsafeSlow(RECORD_BYTES);
  const whole = (bytes: number): Buffer => (bytes === buffer.length ? buffer : buffer.subarray(0, bytes));
  Reflect.set(socket, bufferKey, buffer);
  Reflect.set(socket, callbackKey, (bytes: number): boolean => {
    take(whole(bytes));
    return true;
  });
  handle.useUserBuffer(buffer);
  return true;
}

function symbolOf(socket: TLSSocket, description: string): symbol | undefined {
  return Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === description);
}

function isReadingHandle(handle: unknown): handle is ReadingHandle {
  return typeof handle === "object" && handle !== null && "useUserBuffer" in handle && typeof handle.useUserBuffer === "function";
}
