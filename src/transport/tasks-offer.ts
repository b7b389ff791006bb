// Whether a target understands tasks, and runs any, is said in its answer to the upgrade, as what it reads is (compression-offer): a
// version before them would end the channel at the first.

export const TASKS_HEADER = "sm-tasks";
export const TASKS_ON = "1";
/** It understands them, and is configured to run none. */
export const TASKS_OFF = "0";

/** Null: it does not know what a task is. */
export function readTasksOffer(value: string | readonly string[] | undefined): "on" | "off" | null {
  if (value === TASKS_ON) return "on";
  return value === TASKS_OFF ? "off" : null;
}
