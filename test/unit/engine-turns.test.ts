// Jobs that never wait for anything (a large file that is read, block after block) leave room for each other, and for what comes in.

import { expect, test } from "vitest";
import { delay } from "../../src/base/wait.js";
import type { BackgroundJob } from "../../src/capture/source-engine.js";
import { SourceKit } from "../support/source-kit.js";

const WORK_MS = 1500;

/** Work for a while. */
function busy(connectionId: number): BackgroundJob & { readonly steps: number } {
  const untilMs = performance.now() + WORK_MS;
  let steps = 0;
  return {
    connectionId,
    get hasWork() {
      return performance.now() < untilMs;
    },
    get steps() {
      return steps;
    },
    step: async () => {
      steps += 1;
    },
  };
}

test("each has its turn, and so has everything else", async () => {
  const kit = SourceKit.start();
  await kit.barrier();
  const jobs = [busy(1), busy(2), busy(3)] as const;
  kit.engine.jobs.push(...jobs);
  kit.engine.wake();
  await delay(200);
  expect(jobs[0].hasWork).toBe(true);
  const steps = jobs.map((job) => job.steps);
  expect(Math.min(...steps)).toBeGreaterThan(10);
  expect(Math.max(...steps) - Math.min(...steps)).toBeLessThanOrEqual(1);
});
