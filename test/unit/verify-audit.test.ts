// A verification waits for the audit of its source, says so, and does not wait for ever.

import { mkdirSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { RunningPlan } from "../../src/agent/running-plan.js";
import { RunningVerify } from "../../src/agent/running-verify.js";
import type { SourceConnection } from "../../src/connection/source-connection.js";
import type { BytePath } from "../../src/model/byte-path.js";
import type { PlanJobReport, VerifyJobReport } from "../../src/model/job.js";
import type { SourceEvent } from "../../src/model/source-messages.js";
import { NOTHING_VERIFIED } from "../../src/model/verify.js";
import type { VerifyLog } from "../../src/observe/verify-log.js";
import { eventually } from "../support/eventually.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

function started(target: string | null = null): SourceKit {
  const kit = SourceKit.start({ target });
  mkdirSync(kit.path("moving"));
  writeFileSync(kit.path("moving/f"), "x");
  return kit;
}

test("an audit that is waited for ends, whatever has work and moves all the time", async () => {
  const kit = started();
  await kit.barrier();
  const [tree] = kit.engine.trees;
  const node = tree?.table.at("moving" as BytePath);
  if (tree === undefined || node === undefined) throw new Error("the directory is not known");
  const untilMs = performance.now() + 3000;
  kit.engine.jobs.push({
    connectionId: 1,
    get hasWork() {
      return performance.now() < untilMs;
    },
    step: async () => kit.engine.audit.noteMoved(tree, node),
  });
  kit.engine.audit.start(true);
  kit.engine.wake();
  await eventually(() => expect(kit.engine.audit.isRunning).toBe(false));
  expect(kit.engine.audit.figures.lastMs).not.toBeNull();
  expect(performance.now()).toBeLessThan(untilMs);
});

test("a verification tells that it waits for an audit, and goes on behind it", async () => {
  const kit = started(makeTempDirectory());
  await kit.mirror("full", "keep");
  kit.engine.audit.start();
  kit.jobs.obey({ kind: "verify", connectionId: 1, jobId: 7, options: { content: "times", repair: "no", orphans: null } });
  kit.jobs.reportProgress();
  const told = (): boolean[] => kit.events.flatMap((event) => (event.kind === "verifyProgress" ? [event.isAuditing] : []));
  expect(told()).toEqual([true]);
  await eventually(() => {
    kit.jobs.reportProgress();
    kit.engine.wake();
    expect(kit.events.some(({ kind }) => kind === "verifyEnded")).toBe(true);
  });
  expect(told().at(-1)).toBe(false);
});

function running(): { readonly job: RunningVerify; readonly take: (isAuditing: boolean) => void; readonly end: (isWhole: boolean) => void } {
  const verify = { content: "times", repair: "no", counts: NOTHING_VERIFIED, differences: 0, findings: [] };
  const report = { id: 7, connectionId: 1, startedBy: "person", verify } as unknown as VerifyJobReport;
  const job = new RunningVerify(report, {} as VerifyLog, []);
  const progress = { kind: "verifyProgress", connectionId: 1, jobId: 7, counts: NOTHING_VERIFIED, findings: [], isWhole: true, position: null } as const;
  return {
    job,
    take: (isAuditing) => void job.take({ ...progress, isAuditing } satisfies SourceEvent),
    end: (isWhole) => void job.take({ kind: "verifyEnded", connectionId: 1, jobId: 7, lastSeq: 3, isWhole }),
  };
}

test.each([
  [true, "Done"],
  [false, "Failed"],
])("a plan for which everything was compared, %s, is %s", (isWhole, status) => {
  const job = new RunningPlan({ id: 7, connectionId: 1, startedBy: "person" } as unknown as PlanJobReport, []);
  expect(job.ending({ channel: null } as unknown as SourceConnection)).toBeNull();
  job.take({ kind: "planEnded", connectionId: 1, jobId: 7, isWhole });
  expect(job.ending({ channel: null } as unknown as SourceConnection)).toMatchObject({ status });
});

test("the job says what it waits for", () => {
  const { job, take } = running();
  take(true);
  expect(job.waitsFor).toContain("audited first");
  take(false);
  expect(job.waitsFor).toBeNull();
});

test.each([
  [true, { status: "Done", message: null }],
  [false, { status: "Failed", message: expect.stringContaining("renamed") }],
])("a verification that compared everything, %s, ends accordingly", (isWhole, expected) => {
  const { job, end } = running();
  expect(job.ending({} as SourceConnection)).toBeNull();
  end(isWhole);
  expect(job.ending({} as SourceConnection)).toEqual(expected);
});
