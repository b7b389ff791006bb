import type { TaskChange } from "../model/change.js";
import type { ApplyContext } from "./apply-context.js";
import type { Verdict } from "./verdict.js";

/** The programs have run, or will not: only the answer is left. */
export function applyTask(ctx: ApplyContext, { number, root, path }: TaskChange): Verdict {
  const result = ctx.tasks.resultOf(number) ?? { number, outcome: "discarded", why: "no tasks are run here", runs: [] };
  ctx.answer({ kind: "task", seq: ctx.seq, root, path, result });
  return undefined;
}
