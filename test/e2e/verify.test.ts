// Verification: what differs on the target is found, said, logged and, when wanted, repaired; what is equal is not accused, however busy it is.

import {
  appendFileSync,
  chmodSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { delay } from "../../src/base/wait.js";
import type { VerifyJobReport } from "../../src/model/job.js";
import { AgentPair } from "../support/agent-pair.js";
import { eventually } from "../support/eventually.js";
import { FsDriver } from "../support/fs-driver.js";
import { RandomOperations } from "../support/random-operations.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const MiB = 1024 * 1024;

async function verify(pair: AgentPair, flags: readonly string[] = []): Promise<{ readonly code: number | null; readonly job: VerifyJobReport }> {
  const result = await pair.source.cli(["verify", "start", `${pair.connectionId}`, "--wait", "--timeout", "110", "--json", ...flags], { timeoutMs: 120_000 });
  return { code: result.code, job: (result.json as { job: VerifyJobReport }).job };
}

/** The findings, by name below the source. */
function findingsOf(pair: AgentPair, { verify: { findings } }: VerifyJobReport): Record<string, string> {
  return Object.fromEntries(
    findings.map(({ path, why, differingBytes }) => [path.slice(pair.sourceDir.length + 1), differingBytes === null ? why : `${why} ${differingBytes}`]),
  );
}

/** Other bytes, with nothing else that shows it. */
function damage(path: string, at: number): void {
  const { atime, mtime } = statSync(path);
  const fd = openSync(path, "r+");
  writeSync(fd, "damaged", at);
  closeSync(fd);
  utimesSync(path, atime, mtime);
}

async function planted(): Promise<{ readonly pair: AgentPair; readonly at: (path: string) => string; readonly on: (path: string) => string }> {
  const pair = await AgentPair.start(makeTempDirectory());
  const at = (path: string): string => join(pair.sourceDir, path);
  const on = (path: string): string => join(pair.targetDir, path);
  mkdirSync(at("dir/below"), { recursive: true });
  for (let i = 0; i < 20; i++) writeFileSync(at(`dir/below/f${i}`), `content ${i}`);
  for (const name of ["gone", "attr", "small", "type", "size", "other"]) writeFileSync(at(name), name.repeat(100));
  for (const name of ["large", "large-too"]) writeFileSync(at(name), Buffer.alloc(3 * MiB, name.length));
  for (const path of ["small", "large", "large-too"]) utimesSync(at(path), 1_700_000_000, 1_700_000_000);
  symlinkSync("gone", at("symlink"));
  linkSync(at("other"), at("dir/other-name"));
  await pair.connect();
  await pair.expectEqual();
  return { pair, at, on };
}

test("nothing differs: exit code 0, and all was compared", async () => {
  const { pair } = await planted();
  for (const flags of [[], ["--checksum"], ["--checksum-all"]]) {
    const { code, job } = await verify(pair, flags);
    expect({ code, ...job }).toMatchObject({ code: 0, status: "Done", percent: 100, verify: { differences: 0, findings: [] } });
    expect(job.verify.counts).toMatchObject({ files: 30, filesTotal: 29, directories: 3, unjudged: 0 });
  }
});

test("what was changed on the target by hand is found, by what was asked, and repaired", async () => {
  const { pair, at, on } = await planted();
  unlinkSync(on("gone"));
  rmSync(on("dir/below"), { recursive: true });
  chmodSync(on("attr"), 0o600);
  damage(on("small"), 10);
  damage(on("large"), 2 * MiB);
  rmSync(on("type"));
  mkdirSync(on("type"));
  appendFileSync(on("size"), "more");
  writeFileSync(on("stranger"), "s");
  unlinkSync(on("dir/other-name"));
  writeFileSync(on("dir/other-name"), readFileSync(on("other")));
  const seen = { gone: "missing", attr: "attr", type: "type", stranger: "extra", "dir/other-name": "link" };
  const below = Object.fromEntries(["", ...Array.from({ length: 20 }, (_, i) => `/f${i}`)].map((name) => [`dir/below${name}`, "missing"]));
  const times = await verify(pair);
  expect(times.code).toBe(5);
  expect(findingsOf(pair, times.job)).toEqual({ ...seen, ...below, size: "content", dir: "attr", "": "attr" });
  expect(times.job.verify.counts).toMatchObject({ filesMissing: 21, directoriesMissing: 1, extras: 1, repaired: 0 });
  const flagged = await verify(pair, ["--checksum"]);
  expect(findingsOf(pair, flagged.job)).toMatchObject({ size: "content 400" });
  const all = await verify(pair, ["--checksum-all"]);
  expect(findingsOf(pair, all.job)).toEqual({
    ...seen,
    ...below,
    size: "content 400",
    small: "content 500",
    large: `content ${64 * 1024}`,
    dir: "attr",
    "": "attr",
  });
  const log = readFileSync(all.job.verify.logFile, "utf8");
  expect(log.match(/--- VERIFICATION OF CONNECTION 1 /g)).toHaveLength(3);
  expect(log).toContain(`File: ${at("gone")} MISSING ON TARGET`);
  expect(log).toContain(`File: ${at("large")} DIFFERENT ON TARGET`);
  expect(log).toContain("Out of sync: 65536 bytes");
  rmSync(on("stranger"));
  const repaired = await verify(pair, ["--checksum-all", "--repair"]);
  expect(repaired.code).toBe(5);
  expect(repaired.job.verify.counts.repaired).toBe(repaired.job.verify.differences);
  await pair.expectEqual();
  expect((await verify(pair, ["--checksum-all"])).code).toBe(0);
  expect(await pair.source.json(["job", "list"])).toMatchObject({ jobs: [{ id: 5, status: "Done" }, { id: 4 }, { id: 3 }, { id: 2 }, { id: 1 }] });
});

test("--newer leaves alone what is newer on the target", async () => {
  const { pair, on } = await planted();
  writeFileSync(on("small"), "edited on the target");
  writeFileSync(on("attr"), "older on the target");
  utimesSync(on("attr"), 1_600_000_000, 1_600_000_000);
  unlinkSync(on("gone"));
  const { job } = await verify(pair, ["--repair", "--newer"]);
  const repaired = job.verify.findings.filter(({ isRepaired }) => isRepaired).map(({ path }) => path.slice(pair.sourceDir.length + 1));
  expect(repaired).toEqual(expect.arrayContaining(["attr", "gone"]));
  expect(repaired).not.toContain("small");
  expect(readFileSync(on("small"), "utf8")).toBe("edited on the target");
  expect(readFileSync(on("attr"), "utf8")).toBe("attr".repeat(100));
});

test("a busy set is not accused, and what is wrong in it is found all the same", async () => {
  const { pair, at, on } = await planted();
  const driver = await FsDriver.open(pair.sourceDir);
  mkdirSync(at("busy"));
  const operations = new RandomOperations({ seed: 71 });
  let isOver = false;
  const churn = (async () => {
    while (!isOver) {
      await driver.run(operations.take(10));
      appendFileSync(at("busy/log"), "a line\n".repeat(50));
      await delay(20);
    }
  })();
  await eventually(() => expect(statSync(on("busy/log")).size).toBeGreaterThan(0));
  damage(on("large"), MiB);
  unlinkSync(on("dir/below/f3"));
  const { code, job } = await verify(pair, ["--checksum-all"]);
  isOver = true;
  await churn;
  await driver.close();
  expect(code).toBe(5);
  expect(findingsOf(pair, job)).toEqual({ large: `content ${64 * 1024}`, "dir/below/f3": "missing", "dir/below": "attr" });
});

test("it is refused while it would say nothing, stopped, and waits while the target is away", async () => {
  const { pair } = await planted();
  const id = `${pair.connectionId}`;
  expect(await pair.source.cli(["job", "show", "9"])).toMatchObject({ code: 2, stderr: expect.stringContaining("there is no job 9") });
  expect(await pair.source.cli(["verify", "start", id, "--newer"])).toMatchObject({ code: 2 });
  await pair.target.stop();
  const { job } = await pair.source.json<{ job: VerifyJobReport }>(["verify", "start", id]);
  await eventually(async () => {
    expect(await pair.source.json(["job", "show", `${job.id}`])).toMatchObject({
      job: { status: "Waiting", message: expect.stringContaining("not connected") },
    });
  });
  expect(await pair.source.cli(["verify", "start", id])).toMatchObject({ code: 4, stderr: expect.stringContaining("JOB_CONFLICT") });
  expect(await pair.source.cli(["job", "wait", `${job.id}`, "--timeout", "1"])).toMatchObject({ code: 6 });
  await pair.restartTarget();
  expect(await pair.source.cli(["job", "wait", `${job.id}`, "--timeout", "60"], { timeoutMs: 70_000 })).toMatchObject({ code: 0 });
  await pair.target.stop();
  const second = await pair.source.json<{ job: VerifyJobReport }>(["verify", "start", id]);
  expect(await pair.source.json(["job", "stop", `${second.job.id}`])).toMatchObject({ job: { status: "Stopped" } });
  const third = await pair.source.json<{ job: VerifyJobReport }>(["verify", "start", id]);
  await pair.source.kill9();
  await pair.restartSource();
  expect(await pair.source.json(["job", "show", `${third.job.id}`])).toMatchObject({ job: { status: "Failed", message: "the agent was restarted" } });
});
