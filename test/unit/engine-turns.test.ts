// Jobs that never wait for anything (a large file that is read, block after block) leave room for each other, and for what comes in.

import { expect, test } from "vitest";
import { delay } from "../../src/base/wait.js";
import type { BackgroundJob } from "../../src/capture/source-engine.js";
import { SourceKit } from "../support/source-kit.js";

const WORK_MS = 1500;

/** Work for a while. `turns`: whose turn it was, one after the other; a turn has many steps. */
function busy(connectionId: number, turns: number[]): BackgroundJob {
  const untilMs = performance.now() + WORK_MS;
  return {
    connectionId,
    get hasWork() {
      return performance.now() < untilMs;
    },
    step: async () => {
      if (turns.at(-1) !== connectionId) turns.push(connectionId);
    },
  };
}

test("each has its turn, and so has everything else", async () => {
  const kit = SourceKit.start();
  await kit.barrier();
  const turns: number[] = [];
  const jobs = [1, 2, 3].map((id) => busy(id, turns));
  kit.engine.jobs.push(...jobs);
  kit.engine.wake();
  await delay(200);
  expect(jobs[0]?.hasWork).toBe(true);
  expect(turns.length).toBeGreaterThan(6);
  expect(turns).toEqual(turns.map((_, index) => (index % 3) + 1));
});
