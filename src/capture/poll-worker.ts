// Worker thread that waits for descriptors on behalf of another thread and never reads them: it says "ready" and then
// rests until the other thread has read. Waiting blocks a thread, and that of the reader has other work.

import { type MessagePort, workerData } from "node:worker_threads";
import { SmError } from "../base/errors.js";
import { EINTR, errnoName } from "../fs/errno.js";
import { POLL_CHANGED, POLL_IN, pollFds } from "../fs/fanotify.js";
import { type PollMessage, type PollWorkerData, TURN_OF_READER } from "./poll-thread.js";

/** A thread inside poll(2) cannot be ended from outside: the process must not wait longer than this for it. */
const POLL_MS = 200;

const { port, turn, stopFd, eventFd, mountFd } = workerData as PollWorkerData;
const turns = new Int32Array(turn);
const targets = [
  { fd: stopFd, events: POLL_IN },
  { fd: eventFd, events: POLL_IN },
  { fd: mountFd, events: POLL_CHANGED },
];

function say(port: MessagePort, message: PollMessage): void {
  port.postMessage(message);
}

for (;;) {
  const ready = pollFds(targets, POLL_MS);
  if (typeof ready === "number") {
    if (ready === -EINTR) continue;
    throw new SmError("WORKER_DIED", `waiting for events failed: ${errnoName(ready)}`);
  }
  const [stop = 0, events = 0, mounts = 0] = ready;
  if (stop !== 0) break;
  if (mounts !== 0) say(port, "mounts");
  if (events === 0) continue;
  Atomics.store(turns, 0, TURN_OF_READER);
  say(port, "events");
  Atomics.wait(turns, 0, TURN_OF_READER);
}
port.close();
