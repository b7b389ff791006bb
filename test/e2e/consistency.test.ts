// The consistency point as both sides tell it: none before the target is a copy, then in step with the source; and the
// target alone knows it when the source is gone.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { TargetConnectionReport } from "../../src/model/status.js";
import { AgentPair } from "../support/agent-pair.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

async function targetReport(pair: AgentPair): Promise<TargetConnectionReport> {
  const { targets } = await pair.target.status();
  expect(targets).toHaveLength(1);
  return targets[0] as TargetConnectionReport;
}

test("a point comes with the copy, moves with the changes, and stays when the source is gone", async () => {
  const pair = await AgentPair.start(makeTempDirectory());
  for (let i = 0; i < 20; i++) writeFileSync(join(pair.sourceDir, `f${i}`), `content ${i}`);
  await pair.connect(["--no-mirror"]);
  await eventually(async () => expect((await pair.report()).state).toBe("streaming"));
  expect((await pair.report()).consistency).toMatchObject({ seq: 0, at: null, reason: { code: "NOT_A_COPY", message: expect.stringContaining("mirror") } });
  await eventually(async () => expect((await targetReport(pair)).consistency.reason).toMatchObject({ code: "NOT_A_COPY" }));
  await pair.mirror("full");
  await pair.expectEqual();
  writeFileSync(join(pair.sourceDir, "more"), "more");
  await pair.sync();
  const report = await eventually(async () => {
    const { consistency, appliedSeq } = await pair.report();
    expect(consistency).toMatchObject({ reason: null, lagMs: 0 });
    return { consistency, appliedSeq };
  });
  expect(report.consistency.seq).toBeGreaterThan(0);
  expect(report.consistency.seq).toBeLessThanOrEqual(report.appliedSeq);
  const shown = await pair.source.cli(["connection", "show", `${pair.connectionId}`]);
  expect(shown.stdout).toMatch(/consistent {6}\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ \(change set \d+\), current/);
  await pair.source.kill9();
  await eventually(async () => expect((await targetReport(pair)).online).toBe(false));
  const { seq, at } = (await targetReport(pair)).consistency;
  expect({ seq, at }).toEqual({ seq: report.consistency.seq, at: report.consistency.at });
  await pair.target.kill9();
  await pair.restartTarget();
  expect(await targetReport(pair)).toMatchObject({ online: false, consistency: { seq, at, reason: null } });
});
