// The thread that waits for disks: syncs every file system written to, then records durably how far that reaches.

import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { assert } from "../base/assert.js";
import { SmError } from "../base/errors.js";
import { armFailpointText, failpoint } from "../base/failpoint.js";
import { ENOENT, ENOTDIR, fsError } from "../fs/errno.js";
import { AT_FDCWD, closeFd, O_DIRECTORY, O_RDONLY, openAt, syncfsFd } from "../fs/native.js";
import { displayPath } from "../model/byte-path.js";
import { applyFault } from "./apply-fault.js";
import type { FromDurabilityWorker, ToDurabilityWorker } from "./apply-messages.js";
import type { DurablePoint } from "./apply-outcome.js";
import { type DurableState, inClock, uptimeMs, writeDurable } from "./durable-file.js";

function makeDurable({ state, last, durablePath, madeMs, paths, disks }: DurablePoint): DurableState {
  const asOfNow = (point: DurableState): DurableState => inClock(point, Date.now(), uptimeMs() - madeMs);
  const sync = (fd: number, path: string): void => {
    const result = syncfsFd(fd);
    if (result >= 0) return;
    // The kernel tells of a failed write once: recorded as a crash of the machine, so that it is not forgotten.
    writeDurable(durablePath, { ...asOfNow(last), clean: false, bootId: "" });
    throw fsError(result, "sync the file system of", path);
  };
  for (const { fd, path } of disks) sync(fd, path);
  for (const path of paths) {
    const fd = openNearest(path);
    try {
      sync(fd, path);
    } finally {
      closeFd(fd);
    }
  }
  failpoint("apply.durable.beforeCursor");
  const durable = asOfNow(state);
  writeDurable(durablePath, durable);
  return durable;
}

/** The directory itself, or what is left of the way to it, which is on the same file system unless that is unmounted (and so synced). */
function openNearest(path: string): number {
  for (let at = path; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
    const fd = openAt(AT_FDCWD, at, O_RDONLY | O_DIRECTORY);
    if (fd >= 0) return fd;
    if (-fd !== ENOENT && -fd !== ENOTDIR) throw fsError(fd, "open", at);
  }
  throw new SmError("ROOT_MISSING", `nothing is left of ${displayPath(path)}`);
}

function run(port: MessagePort): void {
  const { failpoint: armed } = workerData as { readonly failpoint: string | null };
  if (armed !== null) armFailpointText(armed);
  port.on("message", (message: ToDurabilityWorker) => {
    if (message.kind === "close") {
      port.close();
      return;
    }
    let reply: FromDurabilityWorker;
    try {
      reply = { kind: "synced", state: makeDurable(message.point), round: message.point.round };
    } catch (error) {
      const { code, message } = applyFault(error);
      reply = { kind: "failed", error: { code, message } };
    }
    port.postMessage(reply);
  });
}

assert(parentPort !== null, "durability-worker runs as a worker thread");
run(parentPort);
