// A connection that does not move says why, on both sides, and goes on.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Reason, StatusReport } from "../../src/model/status.js";
import { AgentPair } from "../support/agent-pair.js";
import type { AgentProcess } from "../support/agent-process.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const STALL_SECONDS = 1;

async function watched(failpoint?: string): Promise<AgentPair> {
  const directory = makeTempDirectory();
  for (const name of ["a", "b"]) {
    mkdirSync(join(directory, name, "etc"), { recursive: true });
    writeFileSync(join(directory, name, "etc", "sm.yaml"), `watchdog: {stallSeconds: ${STALL_SECONDS}}\n`);
  }
  const pair = await AgentPair.start(directory, failpoint === undefined ? {} : { targetAgent: { failpoint } });
  writeFileSync(join(pair.sourceDir, "file"), "content");
  return pair;
}

const status = async (agent: AgentProcess): Promise<StatusReport> => (await agent.api("status")).body as StatusReport;
const stalls = (reports: readonly { readonly reasons: readonly Reason[] }[]): readonly Reason[] =>
  reports.flatMap(({ reasons }) => reasons).filter(({ code }) => code === "STALLED");

test("a target whose worker hangs in a change says so, with the path, to its source too; then it is over", async () => {
  const pair = await watched("apply.set.beforeCursor:1:6000");
  await pair.connect();
  await eventually(async () => {
    const [reason] = stalls((await status(pair.source)).connections);
    expect(reason).toMatchObject({ message: expect.stringContaining("inside one change"), command: "sm status" });
  });
  expect(stalls((await status(pair.target)).targets)).toMatchObject([{ message: expect.stringContaining("bytes wait behind it") }]);
  await pair.expectEqual();
  await eventually(async () => expect([stalls((await status(pair.source)).connections), stalls((await status(pair.target)).targets)]).toEqual([[], []]));
});

test("a target that is stopped is told from one that is slow: not even heartbeats come", async () => {
  const pair = await watched();
  await pair.connect();
  await pair.expectEqual();
  pair.target.pause();
  writeFileSync(join(pair.sourceDir, "later"), "content");
  await eventually(async () => {
    const [reason] = stalls((await status(pair.source)).connections);
    expect(reason).toMatchObject({ object: "peer B", message: expect.stringContaining("not even a heartbeat") });
  });
  pair.target.resume();
  await pair.expectEqual();
  await eventually(async () => expect(stalls((await status(pair.source)).connections)).toEqual([]));
});
