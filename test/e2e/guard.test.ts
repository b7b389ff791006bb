// A source that loses much at once: the connection holds, also over a kill, until a person decides.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ConnectionReport } from "../../src/model/status.js";
import { AgentPair } from "../support/agent-pair.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const FILES = 40;

async function guarded(queue = "", changedPercent = "null"): Promise<AgentPair> {
  const directory = makeTempDirectory();
  mkdirSync(join(directory, "a", "etc"), { recursive: true });
  writeFileSync(
    join(directory, "a", "etc", "sm.yaml"),
    `guard: {lostPercent: 50, changedPercent: ${changedPercent}, lostFilesMin: 10, windowSeconds: 600}\n${queue}`,
  );
  const pair = await AgentPair.start(directory);
  for (const name of ["one", "two"]) {
    mkdirSync(join(pair.sourceDir, name, "deep"), { recursive: true });
    for (let i = 0; i < FILES / 2; i++) writeFileSync(join(pair.sourceDir, name, "deep", `f${i}`), `${name} ${i}`);
  }
  await pair.connect();
  await pair.expectEqual();
  return pair;
}

const filesOf = (root: string): number => readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;

async function reportOf(pair: AgentPair): Promise<ConnectionReport> {
  const { body } = await pair.source.api("connection.show", { id: pair.connectionId });
  return (body as { connection: ConnectionReport }).connection;
}

async function held(pair: AgentPair): Promise<ConnectionReport> {
  let report = await reportOf(pair);
  await eventually(async () => {
    report = await reportOf(pair);
    expect(report.state).toBe("held");
  });
  return report;
}

async function decide(pair: AgentPair, word: "approve" | "reject"): Promise<ConnectionReport> {
  const { status, body } = await pair.source.api(`connection.${word}`, { id: pair.connectionId });
  expect(status).toBe(200);
  return (body as { connection: ConnectionReport }).connection;
}

test("a removed directory is not removed on the target before it is approved, whoever is killed meanwhile", async () => {
  const pair = await guarded();
  renameSync(join(pair.sourceDir, "one"), `${pair.sourceDir}-outside`);
  const report = await held(pair);
  expect(report).toMatchObject({ transmitMode: "Paused", replicationStatus: "Pending", guard: { state: "held", lost: FILES / 2, files: FILES } });
  expect(report.reasons[0]).toMatchObject({ code: "GUARD_HELD", message: expect.stringContaining(`${FILES / 2} of ${FILES} files (50 %)`) });
  expect(report.reasons[0]?.command).toContain(`sm connection approve ${pair.connectionId}`);
  writeFileSync(join(pair.sourceDir, "two", "later"), "logged");
  await pair.source.kill9();
  await pair.restartSource();
  expect(await held(pair)).toMatchObject({ guard: { state: "held", lost: FILES / 2, files: FILES } });
  // Who waits without a limit of time is told, meanwhile.
  const stuck = pair.source.api("connection.sync", { id: pair.connectionId, timeoutMs: 50_000, endsWhenStuck: true });
  await pair.target.kill9();
  await pair.restartTarget();
  await eventually(async () => expect((await reportOf(pair)).targetStatus).toBe("OK"));
  expect(await pair.source.cli(["mirror", "start", `${pair.connectionId}`])).toMatchObject({ code: 4, stderr: expect.stringContaining("GUARD_HELD") });
  const late = await pair.source.api("connection.sync", { id: pair.connectionId, timeoutMs: 500 });
  expect(late).toMatchObject({ status: 504, body: { error: { message: expect.stringContaining("50 %") } } });
  expect((await stuck).body).toMatchObject({ error: { code: "DONE_WITH_PROBLEMS", message: expect.stringContaining("waits for a person") } });
  expect(filesOf(pair.targetDir)).toBe(FILES);
  expect(await decide(pair, "approve")).toMatchObject({ guard: { state: "watching" } });
  expect(await decide(pair, "approve")).toMatchObject({ guard: { state: "watching" } });
  await pair.expectEqual();
  expect(existsSync(join(pair.targetDir, "one"))).toBe(false);
});

test("what is rejected stays on the target for good: over restarts, mirrors and further changes", async () => {
  const pair = await guarded();
  expect(await pair.source.cli(["connection", "reject", `${pair.connectionId}`])).toMatchObject({ code: 2, stderr: expect.stringContaining("GUARD_NOT_HELD") });
  for (let i = 0; i < FILES / 2; i++) truncateSync(join(pair.sourceDir, "two", "deep", `f${i}`));
  await held(pair);
  rmSync(join(pair.sourceDir, "one"), { recursive: true });
  expect(await decide(pair, "reject")).toMatchObject({ state: "halted", targetDataState: "Mirror Required", guard: { state: "rejected" } });
  await pair.source.kill9();
  await pair.restartSource();
  expect(await decide(pair, "reject")).toMatchObject({ state: "halted" });
  expect(await pair.source.cli(["connection", "approve", `${pair.connectionId}`])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("GUARD_NOT_HELD"),
  });
  writeFileSync(join(pair.sourceDir, "new"), "n");
  await eventually(async () => expect(await reportOf(pair)).toMatchObject({ state: "halted", reasons: [{ code: "GUARD_REJECTED" }], queuedOps: 0 }));
  expect([filesOf(pair.targetDir), existsSync(join(pair.targetDir, "new"))]).toEqual([FILES, false]);
  // What was emptied is put right by hand, as from the target; what was removed is only on the target by now.
  for (let i = 0; i < FILES / 2; i++) writeFileSync(join(pair.sourceDir, "two", "deep", `f${i}`), `two ${i}`);
  expect(await pair.mirror("difference")).toMatchObject({ outcome: "done", orphanNames: ["one"] });
  expect([filesOf(pair.targetDir), existsSync(join(pair.targetDir, "new"))]).toEqual([FILES + 1, true]);
  await pair.source.kill9();
  rmSync(join(pair.sourceDir, "new"));
  await pair.restartSource();
  await pair.sync();
  expect([filesOf(pair.targetDir), existsSync(join(pair.targetDir, "new"))]).toEqual([FILES, false]);
  expect(filesOf(join(pair.targetDir, "one"))).toBe(FILES / 2);
});

test("what is lost while the agent is down is held, too; renames within the set are no loss", async () => {
  const pair = await guarded();
  renameSync(join(pair.sourceDir, "one"), join(pair.sourceDir, "renamed"));
  await pair.expectEqual();
  await pair.source.kill9();
  rmSync(join(pair.sourceDir, "renamed"), { recursive: true });
  await pair.restartSource();
  const report = await held(pair);
  expect(report.reasons[0]?.message).toContain("while they were not watched");
  expect(filesOf(pair.targetDir)).toBe(FILES);
  const id = `${pair.connectionId}`;
  expect(await pair.source.json(["connection", "guard", id, "off"])).toMatchObject({ connection: { guard: { state: "held", lostPercent: null } } });
  await decide(pair, "approve");
  await pair.expectEqual();
  rmSync(join(pair.sourceDir, "two"), { recursive: true });
  await pair.expectEqual();
});

test("files that are overwritten in place or replaced by name are held; new ones are let go", async () => {
  const pair = await guarded("", "50");
  const one = (i: number): string => join(pair.sourceDir, "one", "deep", `f${i}`);
  for (let i = 0; i < FILES; i++) writeFileSync(join(pair.sourceDir, `new-${i}`), "n");
  await pair.expectEqual();
  const { connection } = await pair.source.json<{ connection: ConnectionReport }>(["connection", "guard", `${pair.connectionId}`, "changed=20"]);
  expect(connection.guard).toMatchObject({ lostPercent: 50, changedPercent: 20 });
  for (let i = 0; i < 8; i++) writeFileSync(one(i), `attacked ${i}`);
  await pair.expectEqual();
  for (let i = 0; i < 8; i++) writeFileSync(one(i), `attacked again ${i}`);
  await pair.expectEqual();
  for (let i = 8; i < FILES / 2; i++) {
    writeFileSync(`${one(i)}.new`, "replaced");
    renameSync(`${one(i)}.new`, one(i));
  }
  const { guard, reasons } = await held(pair);
  expect(guard).toMatchObject({ state: "held", crossed: "changed", lost: 0 });
  expect(guard.changed).toBeGreaterThan(10);
  expect(reasons[0]).toMatchObject({
    code: "GUARD_HELD",
    message: expect.stringMatching(/^\d+ of \d+ files \(2\d %\) were overwritten or replaced.*where 20 % may be/),
  });
  await pair.source.kill9();
  await pair.restartSource();
  expect((await held(pair)).guard).toMatchObject({ crossed: "changed", changed: guard.changed, files: guard.files });
  await decide(pair, "approve");
  await pair.expectEqual();
});

/** Held, with a queue that is full: the removal has left it and is among the places to be repaired. */
async function heldWithFullQueue(): Promise<AgentPair> {
  const pair = await guarded("queue: {memoryMiB: 1, diskMiB: 5}\n");
  // At once: what is removed file by file may be sent up to the threshold.
  renameSync(join(pair.sourceDir, "one"), `${pair.sourceDir}-outside`);
  await held(pair);
  for (let i = 0; i < 12; i++) writeFileSync(join(pair.sourceDir, `bulk-${i}`), Buffer.alloc(1_000_000, i));
  await eventually(async () => expect((await reportOf(pair)).repair.places).toBeGreaterThan(0));
  expect(filesOf(pair.targetDir)).toBe(FILES);
  return pair;
}

test("a full queue does not let out what is held: approved, it is repaired", async () => {
  const pair = await heldWithFullQueue();
  await pair.source.kill9();
  await pair.restartSource();
  await held(pair);
  expect(filesOf(pair.targetDir)).toBe(FILES);
  await decide(pair, "approve");
  await pair.expectEqual();
  expect(existsSync(join(pair.targetDir, "one"))).toBe(false);
});

test("a full queue does not let out what is held: rejected, it stays", async () => {
  const pair = await heldWithFullQueue();
  expect(await decide(pair, "reject")).toMatchObject({ state: "halted" });
  expect(await pair.mirror("difference")).toMatchObject({ outcome: "done", orphanNames: ["one"] });
  writeFileSync(join(pair.sourceDir, "later"), "l");
  await pair.sync();
  expect([filesOf(pair.targetDir), filesOf(join(pair.targetDir, "one"))]).toEqual([FILES + 13, FILES / 2]);
  expect((await reportOf(pair)).repair).toMatchObject({ pending: 0, places: 0 });
});
