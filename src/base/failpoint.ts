// Named crash points (etcd's gofail, in small). A point that is armed ends the
// process as kill -9 would; the fault tests arm each of them once. Or it holds up the
// thread for a time, as a volume does that does not answer.

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
  "dirty.enter.beforeSync",
  "dirty.pull.beforeDrop",
  "dirty.pull.afterDrop",
  "dirty.settle.beforeWrite",
] as const;

export type FailpointName = (typeof FAILPOINTS)[number];

let armedName: FailpointName | undefined;
let armedCountdown = 0;
let armedFreezeMs: number | null = null;

export function isFailpointName(value: string): value is FailpointName {
  return (FAILPOINTS as readonly string[]).includes(value);
}

/** Arms one point of this thread: the `countdown`-th passage kills the process, or holds up the thread once for `freezeMs`. */
export function armFailpoint(name: FailpointName, countdown = 1, freezeMs: number | null = null): void {
  armedName = name;
  armedFreezeMs = freezeMs;
  armedCountdown = countdown;
}

/** Arms what "NAME", "NAME:COUNT" or "NAME:COUNT:FREEZE_MS" says; other texts arm nothing and return false. */
export function armFailpointText(text: string): boolean {
  const [name = "", count = "1", freezeMs] = text.split(":");
  if (!isFailpointName(name)) return false;
  armFailpoint(name, Number(count), freezeMs === undefined ? null : Number(freezeMs));
  return true;
}

/** Marks a place where a crash must be harmless. Costs one comparison when nothing is armed. */
export function failpoint(name: FailpointName): void {
  if (armedName !== name) return;
  armedCountdown -= 1;
  if (armedCountdown > 0) return;
  if (armedFreezeMs === null) process.kill(process.pid, "SIGKILL");
  armedName = undefined;
  if (armedFreezeMs !== null) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, armedFreezeMs);
}
