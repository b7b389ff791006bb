// Gives the memory of a large buffer back now. V8 counts buffers that are only garbage as memory in use and answers a
// stream of them with one full collection after the other; a buffer that is transferred away counts no more.

import { MessageChannel } from "node:worker_threads";

const { port1: nowhere } = new MessageChannel();
nowhere.close();

/** Below this a collection costs less than the transfer. */
const WORTH_BYTES = 64 * 1024;

/** `bytes` must not be used again, by anybody. Views of a part of a larger block are left alone. */
export function discardBuffer(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (bytes.byteLength < WORTH_BYTES || !(buffer instanceof ArrayBuffer) || buffer.byteLength - bytes.byteLength > WORTH_BYTES * 2) return;
  nowhere.postMessage(null, [buffer]);
}

/** As `discardBuffer`, for all that lies in the same memory as any of these. */
export function discardMemoryOf(views: Iterable<Uint8Array>): void {
  const memory = new Set<ArrayBufferLike>();
  for (const { buffer } of views) memory.add(buffer);
  // Nothing is left of one that was given back before.
  for (const buffer of memory) if (buffer.byteLength > 0) discardBuffer(new Uint8Array(buffer));
}
