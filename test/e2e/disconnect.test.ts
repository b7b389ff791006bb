// A connection that is over: its target forgets it, at once or as soon as it can be told, and its place is free; its data stays.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { StatusReport } from "../../src/model/status.js";
import { AgentPair } from "../support/agent-pair.js";
import { AgentProcess, pairAgents } from "../support/agent-process.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

async function connected(): Promise<{ readonly pair: AgentPair; readonly directory: string }> {
  const directory = makeTempDirectory();
  const pair = await AgentPair.start(directory);
  writeFileSync(join(pair.sourceDir, "first"), "of the first source");
  await pair.connect();
  await pair.expectEqual();
  return { pair, directory };
}

/** Another source, with a set that maps to the place of the first. */
async function otherSource(pair: AgentPair, directory: string): Promise<AgentProcess> {
  const other = await AgentProcess.start({ home: join(directory, "c"), siteName: "other" });
  await pairAgents(other, pair.target, "B");
  mkdirSync(join(directory, "other"));
  writeFileSync(join(directory, "other", "second"), "of the second source");
  await other.json(["repset", "create", "more", "--include", join(directory, "other")]);
  return other;
}

const connectOther = (pair: AgentPair, directory: string, other: AgentProcess) =>
  other.json<{ connection: { id: number; state: string } }>(["connect", "more", "B", "--map", `${join(directory, "other")}=${pair.targetDir}`]);

const status = async (agent: AgentProcess): Promise<StatusReport> => (await agent.api("status")).body as StatusReport;
const kept = (pair: AgentPair): readonly string[] => readdirSync(join(pair.target.home, "state", "target")).filter((name) => /^[0-9a-f]{32}/.test(name));

test("the place of a connection that was disconnected is free for another source at once", async () => {
  const { pair, directory } = await connected();
  const other = await otherSource(pair, directory);
  expect((await connectOther(pair, directory, other)).connection).toMatchObject({
    state: "halted",
    reasons: expect.arrayContaining([expect.objectContaining({ code: "TARGET_IN_USE" })]),
  });
  await other.json(["disconnect", "1"]);
  expect(await pair.source.json(["disconnect", `${pair.connectionId}`])).toEqual({ disconnected: pair.connectionId, isTargetTold: true });
  expect(kept(pair)).toEqual([]);
  expect((await status(pair.target)).targets).toEqual([]);
  expect(readFileSync(join(pair.targetDir, "first"), "utf8")).toBe("of the first source");
  const { connection } = await connectOther(pair, directory, other);
  expect(await other.cli(["sync", `${connection.id}`])).toMatchObject({ code: 0 });
  expect(existsSync(join(pair.targetDir, "second"))).toBe(true);
});

test("a target that is down is told when it is back, also by a source that was killed meanwhile", async () => {
  const { pair } = await connected();
  await pair.target.kill9();
  expect(await pair.source.json(["disconnect", `${pair.connectionId}`])).toEqual({ disconnected: pair.connectionId, isTargetTold: false });
  await pair.source.kill9();
  await pair.restartSource();
  const waiting = await status(pair.source);
  expect(waiting.connections).toEqual([]);
  expect(waiting.goodbyes).toMatchObject([{ connectionId: pair.connectionId, repset: "data", target: "B", places: [pair.targetDir] }]);
  expect((await pair.source.cli(["status"])).stdout).toMatch(/the target is not told yet[\s\S]*data to B/);
  await pair.restartTarget();
  await eventually(async () => expect((await status(pair.source)).goodbyes).toEqual([]), { timeoutMs: 45_000 });
  expect([kept(pair), existsSync(join(pair.targetDir, "first"))]).toEqual([[], true]);
  expect(JSON.parse(readFileSync(join(pair.target.home, "state", "target", "claims.json"), "utf8"))).toEqual([]);
});

test("a target forgets by hand what a source left behind that is gone for ever, and nothing of one that is there", async () => {
  const { pair } = await connected();
  const forget = ["target", "forget", `${pair.connectionId}`];
  expect(await pair.target.cli(forget)).toMatchObject({ code: 2, stderr: expect.stringContaining("--yes") });
  expect(await pair.target.cli([...forget, "--yes"])).toMatchObject({ code: 2, stderr: expect.stringContaining("SOURCE_CONNECTED") });
  await pair.source.kill9();
  await eventually(async () => expect((await status(pair.target)).targets).toMatchObject([{ online: false }]));
  expect(await pair.target.json([...forget, "--yes"])).toMatchObject({ forgotten: [{ repset: "data", online: false }] });
  expect(await pair.target.cli([...forget, "--yes"])).toMatchObject({ code: 2, stderr: expect.stringContaining("NOT_FOUND") });
  expect([kept(pair), existsSync(join(pair.targetDir, "first"))]).toEqual([[], true]);
  // Gone for ever was said too early: it is taken again, and compared.
  writeFileSync(join(pair.targetDir, "first"), "changed on the target");
  await pair.restartSource();
  await pair.expectEqual();
  expect(kept(pair)).toHaveLength(1);
});
