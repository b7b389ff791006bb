// Strangers at the door: how many sockets may be open whose peer is not known yet, and for how long. Whatever a socket does,
// or leaves undone (TLS, request, pairing), one deadline covers it.

import type { Socket } from "node:net";

export interface AdmissionLimits {
  readonly strangersMax: number;
  readonly strangerMs: number;
}

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #strangers = new Map<string, { readonly socket: Socket; readonly timer: NodeJS.Timeout }>();

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get strangers(): number {
    return this.#strangers.size;
  }

  /** A TCP connection came in. False: there are too many, it was dropped. */
  enter(socket: Socket): boolean {
    if (this.#strangers.size >= this.#limits.strangersMax) {
      socket.destroy();
      return false;
    }
    const key = keyOf(socket);
    const timer = setTimeout(() => socket.destroy(), this.#limits.strangerMs);
    this.#strangers.set(key, { socket, timer });
    socket.once("close", () => this.#leave(key, socket));
    return true;
  }

  /** The peer of this socket is known: it is no stranger any more. */
  admit(socket: Socket): void {
    this.#leave(keyOf(socket));
  }

  close(): void {
    for (const { socket } of this.#strangers.values()) socket.destroy();
  }

  #leave(key: string, socket?: Socket): void {
    const entry = this.#strangers.get(key);
    if (entry === undefined || (socket !== undefined && entry.socket !== socket)) return;
    clearTimeout(entry.timer);
    this.#strangers.delete(key);
  }
}

/** The remote end names a connection uniquely on one listener; it links a TLS socket to the TCP socket below it. */
function keyOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ""}|${socket.remotePort ?? 0}`;
}
