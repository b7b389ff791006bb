// Named crash points (etcd's gofail, in small). A point that is armed ends the
// process as kill -9 would, or its thread; the fault tests arm each of them once. Or it holds up the
// thread for a time, as a volume does that does not answer.

import { isMainThread } from "node:worker_threads";

const FAILED = 70;

export const FAILPOINTS = [
  "journal.append.afterWrite",
  "journal.segment.beforeRename",
  "apply.set.beforeFirst",
  "apply.change.afterIntent",
  "apply.change.afterDeed",
  "apply.set.beforeCursor",
  "rebuild.put.beforeRename",
  "apply.durable.beforeCursor",
  "apply.stage.afterWrite",
  "apply.stage.afterSync",
  "apply.group.midApply",
  "apply.stage.beforeRewind",
  "state.write.beforeRename",
  "source.set.beforeSend",
  "capture.set.beforePost",
  "dirty.enter.beforeSync",
  "dirty.pull.beforeDrop",
  "dirty.pull.afterDrop",
  "dirty.settle.beforeWrite",
  "identity.rotate.midSwap",
  "restore.adopt.beforeRecord",
  "repair.found.afterWrite",
] as const;

export type FailpointName = (typeof FAILPOINTS)[number];

let armedName: FailpointName | undefined;
let armedCountdown = 0;
type Deed = "kill" | "endThread" | { readonly freezeMs: number };

let armedDeed: Deed = "kill";

export function isFailpointName(value: string): value is FailpointName {
  return (FAILPOINTS as readonly string[]).includes(value);
}

/** Arms one point of this thread: at the `countdown`-th passage the process is killed, the worker thread alone ends, or it is held up once. */
export function armFailpoint(name: FailpointName, countdown = 1, deed: Deed = "kill"): void {
  armedName = name;
  armedCountdown = countdown;
  armedDeed = deed;
}

/** Arms what "NAME", "NAME:COUNT", "NAME:COUNT:thread" or "NAME:COUNT:FREEZE_MS" says; other texts arm nothing and return false. */
export function armFailpointText(text: string): boolean {
  const [name = "", count = "1", what] = text.split(":");
  if (!isFailpointName(name)) return false;
  const deed = what === undefined ? "kill" : what === "thread" ? "endThread" : { freezeMs: Number(what) };
  armFailpoint(name, Number(count), deed);
  return true;
}

/** Marks a place where a crash must be harmless. Costs one comparison when nothing is armed. */
export function failpoint(name: FailpointName): void {
  if (armedName !== name) return;
  armedCountdown -= 1;
  if (armedCountdown > 0) return;
  if (armedDeed === "kill") process.kill(process.pid, "SIGKILL");
  // In a worker thread this ends the thread alone, and no code behind it runs.
  else if (armedDeed === "endThread" && !isMainThread) process.exit(FAILED);
  else if (typeof armedDeed === "object") {
    armedName = undefined;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, armedDeed.freezeMs);
  }
}
