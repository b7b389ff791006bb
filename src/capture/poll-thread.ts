// The waiting half of a source whose events are read without blocking: a thread that polls, and how to talk with it.
//   poller: poll ─ "events" ─▶ reader: read, pass(): it is the poller's turn again

import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { fsError } from "../fs/errno.js";
import { openEventFd, signalEventFd } from "../fs/fanotify.js";
import { closeFd } from "../fs/native.js";

export const TURN_OF_POLLER = 0;
export const TURN_OF_READER = 1;

/** "events": there are some to read, and the poller rests until `pass`. "mounts": the mount table changed. */
export type PollMessage = "events" | "mounts";

export interface PollWorkerData {
  readonly port: MessagePort;
  readonly turn: SharedArrayBuffer;
  readonly stopFd: number;
  readonly eventFd: number;
  readonly mountFd: number;
}

export interface PollThreadOptions {
  readonly worker: URL;
  /** Readable when there are events. */
  readonly eventFd: number;
  /** An open /proc/self/mountinfo. */
  readonly mountFd: number;
  readonly onMessage: (message: PollMessage) => void;
  /** It ended by itself: nobody says any more when there are events. */
  readonly onDeath: (error: Error) => void;
}

export class PollThread {
  readonly #worker: Worker;
  readonly #turn = new Int32Array(new SharedArrayBuffer(4));
  readonly #stopFd: number;
  readonly #exited: Promise<void>;
  #isClosing = false;

  private constructor(options: PollThreadOptions, stopFd: number) {
    this.#stopFd = stopFd;
    const { port1, port2 } = new MessageChannel();
    port1.on("message", (message: PollMessage) => {
      if (!this.#isClosing) options.onMessage(message);
    });
    const { eventFd, mountFd } = options;
    const workerData: PollWorkerData = { port: port2, turn: this.#turn.buffer as SharedArrayBuffer, stopFd, eventFd, mountFd };
    this.#worker = new Worker(options.worker, { workerData, transferList: [port2], trackUnmanagedFds: false });
    let failure = new Error("the poll thread ended");
    this.#worker.once("error", (error) => {
      failure = error;
    });
    this.#exited = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        port1.close();
        closeFd(stopFd);
        resolve();
        if (!this.#isClosing) options.onDeath(failure);
      });
    });
  }

  static open(options: PollThreadOptions): PollThread {
    const stopFd = openEventFd();
    if (stopFd < 0) throw fsError(stopFd, "make an event descriptor for", "the poll thread");
    return new PollThread(options, stopFd);
  }

  /** The reader has read: wait for more. */
  pass(): void {
    Atomics.store(this.#turn, 0, TURN_OF_POLLER);
    Atomics.notify(this.#turn, 0);
  }

  /** Resolves when the thread is gone and none of the descriptors is used any more. */
  async close(): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true;
      signalEventFd(this.#stopFd);
      this.pass();
    }
    await this.#exited;
  }
}
