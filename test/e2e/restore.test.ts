// Data comes back from the copy: to the source that lost it, and to another machine; the copy never becomes as the loss is.

import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { expect, test } from "vitest";
import type { RestoreJobReport } from "../../src/model/job.js";
import type { ConnectionReport, StatusReport } from "../../src/model/status.js";
import { AgentPair } from "../support/agent-pair.js";
import { AgentProcess, pairAgents } from "../support/agent-process.js";
import { expectEqualTrees } from "../support/compare-trees.js";
import { eventually } from "../support/eventually.js";
import { runOperations } from "../support/fs-driver.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const MiB = 1024 * 1024;
const FILES = 40;
/** What is excluded is on the source only; a link into the set names another place on each side. */
const SET = { exclude: (path: string): boolean => path.endsWith(".tmp") || path === "kinds/absolute" };

const EVERYTHING = [
  { kind: "mkdir", path: "kinds" },
  { kind: "create", path: "kinds/file", seed: 1, length: 300_000, mode: 0o640 },
  { kind: "link", path: "kinds/file", to: "kinds/same file" },
  { kind: "create", path: "kinds/b\u00e9", seed: 2, length: 10 },
  { kind: "symlink", path: "kinds/link", target: "../all" },
  { kind: "fifo", path: "kinds/fifo" },
  { kind: "character", path: "kinds/null", major: 1, minor: 3 },
  { kind: "create", path: "kinds/holes", seed: 3, length: 3 * MiB },
  { kind: "punch", path: "kinds/holes", offset: MiB, length: MiB },
  { kind: "setXattr", path: "kinds/file", name: "user.note", value: "kept" },
  { kind: "chown", path: "kinds/file", uid: 1234, gid: 77 },
  { kind: "times", path: "kinds/file", mtimeNs: 1_500_000_000_123_456_789n },
  { kind: "times", path: "kinds", mtimeNs: 1_400_000_000_987_654_321n },
] as const;

async function call<T>(agent: AgentProcess, command: string, body: unknown = {}): Promise<T> {
  const answer = await agent.api(command, body);
  expect(answer.status, `${command}: ${JSON.stringify(answer.body)}`).toBe(200);
  return answer.body as T;
}

async function synced(pair: AgentPair): Promise<void> {
  await call(pair.source, "connection.sync", { id: pair.connectionId, timeoutMs: 50_000 });
}

async function reportOf(pair: AgentPair): Promise<ConnectionReport> {
  return (await call<{ connection: ConnectionReport }>(pair.source, "connection.show", { id: pair.connectionId })).connection;
}

async function restore(agent: AgentProcess, wish: object = {}): Promise<RestoreJobReport> {
  const { job } = await call<{ job: RestoreJobReport }>(agent, "restore.start", { repset: "data", from: "B", ...wish });
  return (await call<{ job: RestoreJobReport }>(agent, "job.wait", { job: job.id, timeoutMs: 50_000 })).job;
}

async function replicated(directory: string): Promise<AgentPair> {
  mkdirSync(join(directory, "a", "etc"), { recursive: true });
  writeFileSync(join(directory, "a", "etc", "sm.yaml"), "guard: {lostPercent: 50, changedPercent: null, lostFilesMin: 10, windowSeconds: 600}\n");
  const pair = await AgentPair.start(directory, { targetAgent: { siteName: "B" }, sourceAgent: { siteName: "A" } });
  const { sourceDir } = pair;
  mkdirSync(join(sourceDir, "all", "deep"), { recursive: true });
  for (let i = 0; i < FILES; i++) writeFileSync(join(sourceDir, "all", "deep", `f${i}`), `all ${i}\n`.repeat(2000));
  // More than a source may have on its way: nothing of what comes back is.
  for (let i = 0; i < 40; i++) writeFileSync(join(sourceDir, "all", `large${i}`), Buffer.alloc(MiB, `${i} `));
  runOperations(sourceDir, [...EVERYTHING, { kind: "symlink", path: "kinds/absolute", target: join(sourceDir, "all") }]);
  const rules = [
    { path: sourceDir, mode: "include" },
    { path: join(sourceDir, "**/*.tmp"), mode: "exclude" },
  ];
  await call(pair.source, "repset.create", { name: "data", rules });
  const map = { kind: "pairs", pairs: [{ source: sourceDir, target: pair.targetDir }] };
  pair.connectionId = (await call<{ connection: ConnectionReport }>(pair.source, "connection.connect", { repset: "data", target: "B", map })).connection.id;
  await synced(pair);
  await expectEqualTrees(sourceDir, pair.targetDir, SET);
  return pair;
}

const namesIn = (root: string): readonly string[] => {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  return entries.map((entry) => relative(root, join(entry.parentPath, entry.name))).sort();
};

test("a source that lost most of what it had, while its agent is alive, has it back, and the copy never loses it", async () => {
  const pair = await replicated(makeTempDirectory());
  const names = namesIn(pair.targetDir);
  renameSync(join(pair.sourceDir, "all"), `${pair.sourceDir}-outside`);
  await eventually(async () => expect((await reportOf(pair)).guard.state).toBe("held"));
  rmSync(join(pair.sourceDir, "kinds", "file"));
  writeFileSync(join(pair.sourceDir, "extra"), "of the source only");
  writeFileSync(join(pair.sourceDir, "mine.tmp"), "excluded");
  runOperations(pair.sourceDir, [{ kind: "write", path: "kinds/holes", offset: 5000, seed: 9, length: 100 }]);

  // Stopped in the middle, and the agent killed: nothing of the loss goes to the copy, whatever else happens.
  await call(pair.source, "target.pause");
  await call(pair.source, "restore.start", { repset: "data", from: "B" });
  await eventually(async () => {
    expect((await call<StatusReport>(pair.target, "status")).targets).toMatchObject([{ reasons: [{ code: "RESTORE_REQUIRED" }] }]);
  });
  const { jobs } = await call<{ jobs: RestoreJobReport[] }>(pair.source, "restore.stop");
  expect(jobs).toMatchObject([{ kind: "restore", status: "Stopped" }]);
  const owed = { state: "halted", targetDataState: "Restore Required", reasons: [{ code: "RESTORE_REQUIRED", command: "sm restore start data --from B" }] };
  expect(await reportOf(pair)).toMatchObject(owed);
  await pair.source.kill9();
  // As if its state were of a time before: then the target alone knows of it.
  const recordFile = join(pair.source.home, "state", "connections", `${pair.connectionId}.json`);
  const { restore: hold, ...record } = JSON.parse(readFileSync(recordFile, "utf8"));
  expect(hold).toMatchObject({ state: "owed", isPart: false });
  writeFileSync(recordFile, JSON.stringify({ ...record, guard: { files: null, hold: null } }));
  await pair.restartSource();
  await call(pair.source, "target.resume");
  await eventually(async () => expect(await reportOf(pair)).toMatchObject(owed));
  expect(await pair.source.api("verify.start", { id: pair.connectionId })).toMatchObject({ status: 409 });
  expect((await call<StatusReport>(pair.target, "status")).targets).toMatchObject([{ reasons: [{ code: "RESTORE_REQUIRED" }] }]);
  expect(namesIn(pair.targetDir)).toEqual(names);

  const flags = ["--from", "B", "--orphans", "delete", "--wait", "--json"];
  const result = await pair.source.cli(["restore", "start", "data", ...flags], { timeoutMs: 60_000 });
  const job = (result.json as { job: RestoreJobReport } | undefined)?.job;
  expect({ code: result.code, ...job }, `${result.stdout}${result.stderr}`).toMatchObject({ code: 0, status: "Done", connectionId: pair.connectionId });
  expect(job?.restore.counts).toMatchObject({ problems: 0, removed: 1 });
  await expectEqualTrees(pair.targetDir, pair.sourceDir, SET);
  expect(readlinkSync(join(pair.sourceDir, "kinds", "absolute"))).toBe(join(pair.sourceDir, "all"));
  expect(readFileSync(join(pair.sourceDir, "mine.tmp"), "utf8")).toBe("excluded");
  expect(namesIn(pair.targetDir)).toEqual(names);

  await synced(pair);
  const report = await reportOf(pair);
  expect(report).toMatchObject({ state: "streaming", targetDataState: "OK", reasons: [], guard: { state: "watching" } });
  // Only compared: what came back is not sent once more.
  expect(report.sentBytes).toBeLessThan(50_000);
  writeFileSync(join(pair.sourceDir, "all", "new"), "goes on");
  rmSync(join(pair.sourceDir, "all", "deep", "f3"));
  rmSync(join(pair.sourceDir, "kinds", "holes"));
  await synced(pair);
  await expectEqualTrees(pair.sourceDir, pair.targetDir, SET);
  await decideAgainst(pair);
  await loseDirectory(pair);
});

/** A person wants what is here to go to the copy: nothing is removed there. */
async function decideAgainst(pair: AgentPair): Promise<void> {
  await call(pair.source, "target.pause");
  await call(pair.source, "restore.start", { repset: "data", from: "B" });
  expect(await pair.source.api("mirror.start", { id: pair.connectionId })).toMatchObject({ status: 409 });
  await call(pair.source, "restore.stop");
  rmSync(join(pair.sourceDir, "all", "deep", "f4"));
  writeFileSync(join(pair.sourceDir, "all", "deep", "f5"), "changed");
  await call(pair.source, "mirror.start", { id: pair.connectionId });
  await synced(pair);
  expect(readFileSync(join(pair.targetDir, "all", "deep", "f5"), "utf8")).toBe("changed");
  expect(existsSync(join(pair.targetDir, "all", "deep", "f4"))).toBe(true);
  expect(await reportOf(pair)).toMatchObject({ targetDataState: "OK", mirror: { orphans: 1 } });
}

/** The directory itself is gone, and the holder is killed in the middle: it goes on by itself, and with the new directory. */
async function loseDirectory(pair: AgentPair): Promise<void> {
  renameSync(pair.sourceDir, `${pair.sourceDir}-gone`);
  await eventually(async () => expect((await reportOf(pair)).reasons).toMatchObject([{ code: "ROOT_MISSING" }]));
  await call(pair.source, "target.pause");
  const { job: last } = await call<{ job: RestoreJobReport }>(pair.source, "restore.start", { repset: "data", from: "B" });
  const shown = async (): Promise<RestoreJobReport> => (await call<{ job: RestoreJobReport }>(pair.source, "job.show", { job: last.id })).job;
  await eventually(async () =>
    expect(await shown()).toMatchObject({ status: "Running", restore: { counts: { filesTotal: expect.toSatisfy((n) => n > 40) } } }),
  );
  await pair.target.kill9();
  await eventually(async () => expect(await shown()).toMatchObject({ status: "Waiting" }));
  await pair.restartTarget();
  await call(pair.source, "target.resume");
  const ended = await call<{ job: RestoreJobReport }>(pair.source, "job.wait", { job: last.id, timeoutMs: 50_000 });
  expect(ended.job).toMatchObject({ status: "Done", percent: 100 });
  await expectEqualTrees(pair.targetDir, pair.sourceDir, SET);
  writeFileSync(join(pair.sourceDir, "all", "newer"), "goes on");
  await synced(pair);
  await expectEqualTrees(pair.sourceDir, pair.targetDir, SET);
  expect(await reportOf(pair)).toMatchObject({ state: "streaming", targetDataState: "OK", reasons: [] });
}

test("a copy goes to another machine, or to a new one in place of the source, when the source is gone", async () => {
  const directory = makeTempDirectory();
  const pair = await replicated(directory);
  await pair.source.kill9();
  rmSync(pair.sourceDir, { recursive: true });
  const c = await AgentProcess.start({ home: join(directory, "c"), siteName: "C" });
  await pairAgents(pair.target, c, "C");
  expect(await restore(pair.target, { to: "C" })).toMatchObject({ status: "Done", target: "C", connectionId: 0 });
  await expectEqualTrees(pair.targetDir, pair.sourceDir, SET);
  expect((await call<StatusReport>(c, "status")).targets).toEqual([]);

  // A new machine that has the name of the old one, and nothing else of it, asks for its data itself.
  await call(pair.target, "peer.remove", { name: "A" });
  rmSync(pair.sourceDir, { recursive: true });
  const fresh = await AgentProcess.start({ home: join(directory, "a2"), siteName: "A" });
  await pairAgents(fresh, pair.target, "B");
  expect(await fresh.api("restore.start", { repset: "other", from: "B" })).toMatchObject({ status: 404 });
  expect(await restore(fresh)).toMatchObject({ status: "Done", restore: { counts: { problems: 0 } } });
  await expectEqualTrees(pair.targetDir, pair.sourceDir, SET);
  // What is newer stays; what is missing comes.
  writeFileSync(join(pair.sourceDir, "all", "deep", "f1"), "newer");
  rmSync(join(pair.sourceDir, "all", "deep", "f2"));
  for (const path of ["all/orphan", "orphan"]) writeFileSync(join(pair.sourceDir, path), "in no copy");
  const newer = await restore(fresh, { overwrite: "newer", orphans: "delete", paths: [join(pair.sourceDir, "all")] });
  expect(newer).toMatchObject({ status: "Done", restore: { counts: { leftAlone: 1, removed: 1, problems: 0 } } });
  expect(["all/orphan", "orphan"].map((path) => existsSync(join(pair.sourceDir, path)))).toEqual([false, true]);
  expect(readFileSync(join(pair.sourceDir, "all", "deep", "f1"), "utf8")).toBe("newer");
  expect(existsSync(join(pair.sourceDir, "all", "deep", "f2"))).toBe(true);
  // Two files of a MiB at a MiB a second: it cannot have been faster, on any machine.
  for (const name of ["large1", "large2"]) rmSync(join(pair.sourceDir, "all", name));
  const slow = await restore(fresh, { bytesPerSecond: MiB });
  expect(slow).toMatchObject({ status: "Done", restore: { bytesPerSecond: MiB, counts: { problems: 0 } } });
  expect(Date.parse(slow.finishedAt ?? "") - Date.parse(slow.startedAt)).toBeGreaterThan(1700);
});
