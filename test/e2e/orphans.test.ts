// Orphans: what only the target has is reported, deleted or moved, and nothing else is touched, whatever happens meanwhile.

import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { OrphansJobReport } from "../../src/model/job.js";
import { AgentPair, type PairOptions } from "../support/agent-pair.js";
import { eventually } from "../support/eventually.js";
import { LoopImage } from "../support/loop-image.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const MiB = 1024 * 1024;

interface Site {
  readonly pair: AgentPair;
  /** Of the test, outside of both trees. */
  readonly home: string;
  readonly at: (path: string) => string;
  readonly on: (path: string) => string;
}

async function sweep(pair: AgentPair, flags: readonly string[] = []): Promise<{ readonly code: number | null; readonly job: OrphansJobReport }> {
  const args = ["orphans", "start", `${pair.connectionId}`, "--wait", "--timeout", "60", "--json", ...flags];
  const result = await pair.source.cli(args, { timeoutMs: 70_000 });
  expect(result.json, result.stderr).toMatchObject({ job: { kind: "orphans" } });
  return { code: result.code, job: (result.json as { job: OrphansJobReport }).job };
}

/** The outcomes, by name below the target. */
function outcomesOf(pair: AgentPair, { orphans: { findings } }: OrphansJobReport): Record<string, string> {
  return Object.fromEntries(findings.map(({ path, outcome }) => [path.slice(pair.targetDir.length + 1), outcome]));
}

/** A set of 20 files with a rule that excludes, and a name on the target that was there before the first mirror. */
async function planted(options: PairOptions = {}): Promise<Site> {
  const home = makeTempDirectory();
  const pair = await AgentPair.start(home, options);
  const at = (path: string): string => join(pair.sourceDir, path);
  const on = (path: string): string => join(pair.targetDir, path);
  mkdirSync(at("dir/below"), { recursive: true });
  for (let i = 0; i < 20; i++) writeFileSync(at(`dir/below/f${i}`), `content ${i}`);
  mkdirSync(on("foreign"), { recursive: true });
  writeFileSync(on("foreign/of-old"), "was here before");
  await pair.source.json(["repset", "create", "data", "--include", pair.sourceDir]);
  await pair.source.json(["repset", "rule", "add", "data", "--exclude", `${pair.sourceDir}/**/*.tmp`]);
  const map = ["--map", `${pair.sourceDir}=${pair.targetDir}`];
  const { connection } = await pair.source.json<{ connection: { id: number } }>(["connect", "data", "B", ...map]);
  pair.connectionId = connection.id;
  await pair.sync();
  return { pair, home, at, on };
}

/** Orphans of all kinds. */
function plantOrphans({ home, on }: Site): void {
  mkdirSync(join(home, "outside"));
  writeFileSync(join(home, "outside/precious"), "precious");
  mkdirSync(on("dir/gone/deep"), { recursive: true });
  writeFileSync(on("dir/gone/deep/a"), "a".repeat(1000));
  writeFileSync(on("dir/below/stranger"), "stranger");
  utimesSync(on("dir/below/stranger"), 1_600_000_000, 1_600_000_000);
  symlinkSync(join(home, "outside"), on("dir/link"));
  writeFileSync(on("dir/kept.tmp"), "excluded");
}

const PLANTED = { foreign: "found", "dir/gone": "found", "dir/below/stranger": "found", "dir/link": "found" };

test("a report changes nothing, a deletion leaves what is no orphan, and the guard asks before", async () => {
  const site = await planted();
  const { pair, home, at, on } = site;
  plantOrphans(site);
  // A name that the set excludes, and that the source has: an orphan in no case.
  writeFileSync(at("both.tmp"), "s");
  writeFileSync(on("both.tmp"), "t");
  const reported = await sweep(pair);
  expect(reported.code).toBe(5);
  expect(outcomesOf(pair, reported.job)).toEqual(PLANTED);
  expect(reported.job.orphans.counts).toMatchObject({ found: { files: 4, directories: 3, bytes: 1023 }, names: 29, done: { files: 0 } });
  const dry = await sweep(pair, ["--action", "delete", "--dry-run"]);
  expect(dry).toMatchObject({ code: 0, job: { orphans: { isDryRun: true, counts: { found: { files: 4, directories: 3 }, done: { files: 0 } } } } });
  expect(readFileSync(on("dir/gone/deep/a"), "utf8")).toHaveLength(1000);
  const deleted = await sweep(pair, ["--action", "delete"]);
  expect(deleted).toMatchObject({ code: 0, job: { status: "Done", percent: 100 } });
  expect(deleted.job.orphans.counts).toMatchObject({ done: { files: 4, directories: 3, bytes: 1023 }, failed: 0 });
  expect(readdirSync(on("dir")).sort()).toEqual(["below", "kept.tmp"]);
  expect(existsSync(on("foreign"))).toBe(false);
  expect(readFileSync(on("both.tmp"), "utf8")).toBe("t");
  expect(readFileSync(join(home, "outside/precious"), "utf8")).toBe("precious");
  // The directories have the times of the source again.
  expect(await pair.source.cli(["verify", "start", `${pair.connectionId}`, "--wait"], { timeoutMs: 60_000 })).toMatchObject({ code: 0 });
  const all = await sweep(pair, ["--action", "delete", "--include-excluded"]);
  expect(outcomesOf(pair, all.job)).toEqual({ "dir/kept.tmp": "deleted" });
  expect(readFileSync(on("both.tmp"), "utf8")).toBe("t");
  const log = pair.target.outputTail;
  expect(log).toContain("orphan deleted");
  expect(log).toContain(on("dir/gone/deep/a"));
  expect(log).toContain("orphans deleted: 4 files, 3 directories, 1023 bytes");
  for (let i = 0; i < 40; i++) writeFileSync(on(`many${i}`), "");
  const held = await sweep(pair, ["--action", "delete"]);
  expect(held).toMatchObject({ code: 4, job: { status: "Failed", message: expect.stringContaining("--yes"), orphans: { counts: { done: { files: 0 } } } } });
  expect(existsSync(on("many0"))).toBe(true);
  expect(await sweep(pair, ["--action", "delete", "--yes"])).toMatchObject({ code: 0, job: { orphans: { counts: { done: { files: 40 } } } } });
  await pair.sync();
  expect((await pair.source.json<{ jobs: readonly unknown[] }>(["job", "list"])).jobs).toHaveLength(7);
});

test("what is moved keeps its path, its attributes and what is there already; links and further names are not followed", async () => {
  const site = await planted();
  const { pair, home, on } = site;
  plantOrphans(site);
  linkSync(on("dir/below/f3"), on("dir/other-name"));
  const to = join(home, "aside");
  const bad = await sweep(pair, ["--action", "move", "--to", on("dir/new")]);
  expect(bad).toMatchObject({ code: 4, job: { status: "Failed", orphans: { counts: { done: { files: 0 } } } } });
  expect(existsSync(on("dir/new"))).toBe(false);
  expect(await pair.source.cli(["orphans", "start", "1", "--action", "move"])).toMatchObject({ code: 2 });
  // Led elsewhere by a link, it is made beside it.
  mkdirSync(to);
  symlinkSync(join(home, "outside"), join(to, "data"));
  const { code, job } = await sweep(pair, ["--action", "move", "--to", to]);
  expect(job).toMatchObject({ status: "Done", orphans: { counts: { done: { files: 5, directories: 3 }, failed: 0 } } });
  expect(code).toBe(0);
  expect(readdirSync(join(home, "outside"))).toEqual(["precious"]);
  const [time = ""] = readdirSync(join(to, "data~1"));
  const moved = (path: string): string => join(to, "data~1", time, path);
  expect(readFileSync(moved("foreign/of-old"), "utf8")).toBe("was here before");
  expect(readFileSync(moved("dir/gone/deep/a"), "utf8")).toHaveLength(1000);
  expect(statSync(moved("dir/below/stranger")).mtimeMs).toBe(1_600_000_000_000);
  expect(readlinkSync(moved("dir/link"))).toBe(join(home, "outside"));
  // A copy: the file on the target is nobody else's.
  expect(readFileSync(moved("dir/other-name"), "utf8")).toBe("content 3");
  expect(lstatSync(on("dir/below/f3")).nlink).toBe(1);
  expect(readdirSync(on("dir")).sort()).toEqual(["below", "kept.tmp"]);
  expect(pair.target.outputTail).toMatch(/orphan moved.*dir\/gone\/deep\/a/);
  rmSync(on("dir/kept.tmp"));
  await pair.sync();
});

test("only what is older goes; a move across file systems copies, with all attributes, and what cannot be moved stays", async () => {
  const site = await planted();
  const { pair, on } = site;
  plantOrphans(site);
  mkdirSync(on("dir/old"));
  for (const path of ["dir/old/one", "dir/old/two", "dir/gone/old"]) {
    writeFileSync(on(path), "old");
    utimesSync(on(path), 1_600_000_000, 1_600_000_000);
  }
  writeFileSync(on("dir/old/kept.tmp"), "excluded");
  const older = await sweep(pair, ["--action", "delete", "--older-than", "7d"]);
  expect(older).toMatchObject({ code: 0, job: { orphans: { counts: { done: { files: 4, directories: 0 }, failed: 0 } } } });
  expect(readdirSync(on("dir/gone"))).toEqual(["deep"]);
  expect(readdirSync(on("dir/old"))).toEqual(["kept.tmp"]);
  expect(readdirSync(on("foreign"))).toEqual(["of-old"]);
  rmSync(on("dir/old"), { recursive: true });
  writeFileSync(on("dir/below/stranger"), "stranger");
  utimesSync(on("dir/below/stranger"), 1_600_000_000, 1_600_000_000);
  chmodSync(on("dir/below/stranger"), 0o4640);
  execFileSync("setfattr", ["-n", "user.note", "-v", "kept", on("dir/below/stranger")]);
  writeFileSync(on("dir/holes"), "");
  truncateSync(on("dir/holes"), 64 * MiB);
  writeFileSync(on("dir/larger"), Buffer.alloc(9 * MiB, "x"));
  const { path: to } = LoopImage.open({ type: "ext4", sizeMiB: 8 });
  const { code, job } = await sweep(pair, ["--action", "move", "--to", to]);
  expect({ code, job }).toMatchObject({ code: 5, job: { status: "Done", orphans: { counts: { done: { files: 5, directories: 3 }, failed: 1 } } } });
  expect(outcomesOf(pair, job)).toMatchObject({ "dir/larger": "failed", "dir/holes": "moved", "dir/gone": "moved" });
  const [time = ""] = readdirSync(join(to, "data"));
  const moved = (path: string): string => join(to, "data", time, path);
  expect(statSync(moved("dir/below/stranger"))).toMatchObject({ mode: 0o104640, mtimeMs: 1_600_000_000_000 });
  expect(execFileSync("getfattr", ["--only-values", "-n", "user.note", moved("dir/below/stranger")], { encoding: "utf8" })).toBe("kept");
  expect(statSync(moved("dir/holes"))).toMatchObject({ size: 64 * MiB, blocks: 0 });
  expect(readFileSync(moved("dir/gone/deep/a"), "utf8")).toHaveLength(1000);
  expect(readdirSync(moved("dir")).sort()).toEqual(["below", "gone", "holes", "link"]);
  expect(statSync(on("dir/larger")).size).toBe(9 * MiB);
  expect(readdirSync(on("dir")).sort()).toEqual(["below", "kept.tmp", "larger"]);
});

test("names that the source has again while the job runs are what the source has, also when the target is killed", async () => {
  const site = await planted();
  const { pair, home, at, on } = site;
  mkdirSync(on("again"));
  for (let i = 0; i < 400; i++) writeFileSync(on(`again/n${i}`), "old");
  for (let i = 0; i < 400; i++) writeFileSync(on(`dir/o${i}`), "old");
  writeFileSync(join(home, "precious"), "precious");
  symlinkSync(home, on("dir/up"));
  const { job } = await pair.source.json<{ job: OrphansJobReport }>(["orphans", "start", `${pair.connectionId}`, "--action", "delete", "--yes"]);
  let isOver = false;
  const churn = (async () => {
    for (let i = 0; !isOver; i++) {
      mkdirSync(at("again"), { recursive: true });
      writeFileSync(at(`again/n${i % 400}`), `new ${i}`);
      appendFileSync(at(`dir/o${i % 100}`), "new");
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  await eventually(() => expect(existsSync(on("dir/o399"))).toBe(false));
  await pair.target.kill9();
  await pair.restartTarget();
  const ended = await pair.source.cli(["job", "wait", `${job.id}`, "--timeout", "60", "--json"], { timeoutMs: 70_000 });
  isOver = true;
  await churn;
  expect(ended.json).toMatchObject({ job: { status: "Done", orphans: { counts: { failed: 0 } } } });
  await pair.sync();
  expect(existsSync(on("dir/up"))).toBe(false);
  expect(readFileSync(join(home, "precious"), "utf8")).toBe("precious");
  await sweep(pair, ["--action", "delete", "--yes"]);
  await pair.expectEqual();
});
