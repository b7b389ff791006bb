// The plan of a mirror, made by the engine of a source kit.

import { expect } from "vitest";
import { PlanJob } from "../../src/jobs/plan-job.js";
import type { PlanAction, PlanCounts, PlannedPart } from "../../src/model/plan.js";
import type { MirrorOrder } from "../../src/model/source-messages.js";
import { eventually } from "./eventually.js";
import type { SourceKit } from "./source-kit.js";

const CONNECTION = 1;

export interface Planned {
  readonly parts: Readonly<Record<PlanAction, PlannedPart>>;
  readonly counts: PlanCounts;
}

/** Default: a difference mirror that removes. Its second looks do not keep the test waiting. */
export async function planOf(kit: SourceKit, order: Partial<MirrorOrder> = {}): Promise<Planned> {
  kit.jobs.obey({ kind: "attach", connectionId: CONNECTION });
  const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() * 1000 };
  const common = {
    mode: "difference",
    extras: "remove",
    suspect: "none",
    content: "times",
    newerOnly: false,
    places: null,
    doneThrough: null,
    isSized: false,
  } as const;
  const job = new PlanJob({ tree: kit.tree, order: { ...common, ...order, connectionId: CONNECTION }, namesMax: 100, clock });
  let heard = kit.answers.length;
  let isDone = false;
  kit.engine.jobs.push({
    connectionId: CONNECTION,
    get hasWork() {
      return !isDone && (heard < kit.answers.length || job.hasWork);
    },
    step: async () => {
      for (const answer of kit.answers.slice(heard)) job.takeAnswer(answer);
      heard = kit.answers.length;
      isDone = (await job.step()) === "done";
    },
  });
  const attempt = (): void => {
    kit.engine.wake();
    expect(isDone).toBe(true);
  };
  await eventually(attempt, { timeoutMs: 20_000, intervalMs: 5 });
  return { parts: job.tally.parts, counts: job.counts };
}
