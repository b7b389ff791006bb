// Named crash points (etcd's gofail, in small). A point that is armed ends the
// process as kill -9 would, or its thread; the fault tests arm each of them once.

import { isMainThread } from "node:worker_threads";

const FAILED = 70;

export const FAILPOINTS = [
  "journal.append.afterWrite",
  "journal.segment.beforeRename",
  "apply.set.beforeFirst",
  "apply.change.afterIntent",
  "apply.change.afterDeed",
  "apply.set.beforeCursor",
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
] as const;

export type FailpointName = (typeof FAILPOINTS)[number];

let armedName: FailpointName | undefined;
let armedCountdown = 0;
let isThreadOnly = false;

export function isFailpointName(value: string): value is FailpointName {
  return (FAILPOINTS as readonly string[]).includes(value);
}

/** Arms one point of this thread: the `countdown`-th passage kills the process, or only the worker thread that passes. */
export function armFailpoint(name: FailpointName, countdown = 1, victim: "process" | "thread" = "process"): void {
  armedName = name;
  armedCountdown = countdown;
  isThreadOnly = victim === "thread";
}

/** Arms what "NAME", "NAME:COUNT" or "NAME:COUNT:thread" says; other texts arm nothing and return false. */
export function armFailpointText(text: string): boolean {
  const [name = "", count = "1", victim = "process"] = text.split(":");
  if (!isFailpointName(name) || (victim !== "process" && victim !== "thread")) return false;
  armFailpoint(name, Number(count), victim);
  return true;
}

/** Marks a place where a crash must be harmless. Costs one comparison when nothing is armed. */
export function failpoint(name: FailpointName): void {
  if (armedName !== name) return;
  armedCountdown -= 1;
  if (armedCountdown > 0) return;
  if (!isThreadOnly) process.kill(process.pid, "SIGKILL");
  // In a worker thread this ends the thread alone, and no code behind it runs.
  else if (!isMainThread) process.exit(FAILED);
}
