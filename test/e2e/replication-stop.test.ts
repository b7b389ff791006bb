// Replication is stopped and started: nothing is sent meanwhile, nothing claims otherwise, and afterwards the target is as the source.

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ConnectionRecord } from "../../src/connection/connection-record.js";
import type { ConnectionReport } from "../../src/model/status.js";
import { AgentPair } from "../support/agent-pair.js";
import { expectEqualTrees } from "../support/compare-trees.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

async function connected(): Promise<AgentPair> {
  const pair = await AgentPair.start(makeTempDirectory());
  for (const name of ["d", "x", "y"]) mkdirSync(join(pair.sourceDir, name), { recursive: true });
  for (const name of ["changed", "deleted", "d/inner", "x/twin", "y/twin"]) writeTwin(join(pair.sourceDir, name), name);
  await pair.connect();
  await pair.expectEqual();
  return pair;
}

/** A size and a time that say nothing of the content. */
function writeTwin(path: string, content: string): void {
  writeFileSync(path, content.padEnd(16, "."));
  utimesSync(path, 1_500_000_000, 1_500_000_000);
}

/** Content that only a comparison finds, names that come and go, directories of twins that are swapped. */
function change({ sourceDir }: AgentPair, word: string): void {
  writeTwin(join(sourceDir, "changed"), word);
  rmSync(join(sourceDir, "deleted"), { force: true });
  renameSync(join(sourceDir, "d"), join(sourceDir, `d-${word}`));
  renameSync(join(sourceDir, `d-${word}`, "inner"), join(sourceDir, `inner-${word}`));
  for (const [from, to] of [
    ["x", "aside"],
    ["y", "x"],
    ["aside", "y"],
  ] as const)
    renameSync(join(sourceDir, from), join(sourceDir, to));
  mkdirSync(join(sourceDir, "d"));
  writeTwin(join(sourceDir, "d", "inner"), word);
}

async function replication(pair: AgentPair, ...words: readonly string[]): Promise<ConnectionReport> {
  const [verb = "", ...flags] = words;
  return (await pair.source.json<{ connection: ConnectionReport }>(["replication", verb, `${pair.connectionId}`, ...flags])).connection;
}

async function expectStopped(pair: AgentPair): Promise<void> {
  await eventually(async () => expect(await pair.report()).toMatchObject({ replicationStatus: "Stopped", targetDataState: "Mirror Required" }));
  const { reasons, consistency } = await pair.report();
  expect(reasons.map(({ code }) => code)).toContain("REPLICATION_STOPPED");
  expect(consistency.reason?.code).toBe("NOT_A_COPY");
  const sync = await pair.source.cli(["sync", `${pair.connectionId}`, "--timeout", "30"]);
  expect(sync).toMatchObject({ code: 4, stderr: expect.stringContaining("sm replication start") });
}

test("stopped over a restart and a kill, then started: the trees are equal", async () => {
  const pair = await connected();
  const cleanUntilMs = Date.now();
  const other = `${pair.targetDir}-2`;
  const map = `${pair.sourceDir}=${other}`;
  const { connection: second } = await pair.source.json<{ connection: ConnectionReport }>(["connect", "data", "B", "--map", map]);
  writeFileSync(join(pair.sourceDir, "before"), "sent, for it was there before the stop");
  expect(await replication(pair, "stop")).toMatchObject({ replicationStatus: "Stopped" });
  expect(await replication(pair, "stop")).toMatchObject({ replicationStatus: "Stopped" });
  change(pair, "one");
  expect((await pair.source.cli(["sync", `${second.id}`])).code).toBe(0);
  // The other connection of the set has everything; this one what was there before, and the queue keeps nothing for it.
  await expectEqualTrees(pair.sourceDir, other);
  expect(existsSync(join(pair.targetDir, "before"))).toBe(true);
  expect(readFileSync(join(pair.targetDir, "changed"), "latin1")).toMatch(/^changed/);
  expect(existsSync(join(pair.targetDir, "deleted"))).toBe(true);
  await expectStopped(pair);
  await eventually(async () => expect((await pair.report()).queuedOps).toBe(0));
  await pair.source.stop();
  await pair.restartSource();
  await expectStopped(pair);
  change(pair, "two");
  expect((await pair.source.cli(["sync", `${second.id}`])).code).toBe(0);
  await pair.source.kill9();
  // As if the first changes had been long ago: by their times, the twins are clean.
  const path = join(pair.source.home, "state", "connections", `${pair.connectionId}.json`);
  const record: ConnectionRecord = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...record, cleanUntilMs, mirrorNeed: { ...record.mirrorNeed, changedSinceMs: cleanUntilMs } }));
  change(pair, "three");
  await pair.restartSource();
  await expectStopped(pair);
  expect(existsSync(join(pair.targetDir, "deleted"))).toBe(true);
  expect((await replication(pair, "start")).replicationStatus).not.toBe("Stopped");
  await pair.expectEqual();
  change(pair, "four");
  await pair.expectEqual();
  await eventually(async () => expect(await pair.report()).toMatchObject({ targetDataState: "OK", replicationStatus: "Ready", consistency: { reason: null } }));
});

test("started without a mirror it says what is missing; stopped and started while a mirror runs, another one follows", async () => {
  const pair = await connected();
  await replication(pair, "stop");
  change(pair, "one");
  expect(await replication(pair, "start", "--no-mirror")).toMatchObject({ targetDataState: "Mirror Required" });
  writeFileSync(join(pair.sourceDir, "live"), "replicated");
  await eventually(() => expect(existsSync(join(pair.targetDir, "live"))).toBe(true));
  expect(await pair.report()).toMatchObject({ targetDataState: "Mirror Required", state: "streaming" });
  // The mirror stands still while replication is stopped and started: what it was to do is done, and then the other's.
  await pair.source.json(["transmission", "pause", `${pair.connectionId}`]);
  await pair.source.json(["mirror", "start", `${pair.connectionId}`]);
  await replication(pair, "stop");
  change(pair, "two");
  await replication(pair, "start");
  await pair.source.json(["transmission", "resume", `${pair.connectionId}`]);
  await pair.expectEqual();
});
