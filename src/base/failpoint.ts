// Named crash points (etcd's gofail, in small). A point that is armed ends the
// process as kill -9 would; the fault tests arm each of them once.

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

export function isFailpointName(value: string): value is FailpointName {
  return (FAILPOINTS as readonly string[]).includes(value);
}

/** Arms one point of this thread: the `countdown`-th passage kills the process. */
export function armFailpoint(name: FailpointName, countdown = 1): void {
  armedName = name;
  armedCountdown = countdown;
}

/** Arms what "NAME" or "NAME:COUNT" says; other texts arm nothing and return false. */
export function armFailpointText(text: string): boolean {
  const [name = "", count = "1"] = text.split(":");
  if (!isFailpointName(name)) return false;
  armFailpoint(name, Number(count));
  return true;
}

/** Marks a place where a crash must be harmless. Costs one comparison when nothing is armed. */
export function failpoint(name: FailpointName): void {
  if (armedName !== name) return;
  armedCountdown -= 1;
  if (armedCountdown <= 0) process.kill(process.pid, "SIGKILL");
}
