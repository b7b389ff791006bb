// Verifications and orphans jobs that begin by themselves: by a schedule, behind a mirror, behind a verification.

import { existsSync, mkdirSync, readFileSync, statSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { delay } from "../../src/base/wait.js";
import type { JobReport, OrphansJobReport, VerifyJobReport } from "../../src/model/job.js";
import type { ScrubReport } from "../../src/model/scrub.js";
import type { MirrorReport } from "../../src/model/status.js";
import type { VerifyPlanReport } from "../../src/model/verify-schedule.js";
import { AgentPair } from "../support/agent-pair.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const MiB = 1024 * 1024;

interface Site {
  readonly home: string;
  readonly pair: AgentPair;
  readonly id: string;
}

async function connected(): Promise<Site> {
  const home = makeTempDirectory();
  const pair = await AgentPair.start(home);
  mkdirSync(join(pair.sourceDir, "dir"));
  for (let i = 0; i < 10; i++) writeFileSync(join(pair.sourceDir, `dir/f${i}`), `content ${i}`);
  writeFileSync(join(pair.sourceDir, "large"), Buffer.alloc(3 * MiB, "l"));
  await pair.connect();
  await pair.sync();
  return { home, pair, id: `${pair.connectionId}` };
}

async function set({ pair, id }: Site, flags: readonly string[]): Promise<VerifyPlanReport> {
  return (await pair.source.json<{ verifyPlan: VerifyPlanReport }>(["verify", "schedule", id, ...flags])).verifyPlan;
}

async function plan({ pair, id }: Site): Promise<VerifyPlanReport> {
  return ((await pair.source.api("verify.schedule.show", { id: Number(id) })).body as { verifyPlan: VerifyPlanReport }).verifyPlan;
}

async function jobs({ pair }: Site): Promise<readonly JobReport[]> {
  return ((await pair.source.api("job.list")).body as { jobs: readonly JobReport[] }).jobs;
}

async function scrub({ pair, id }: Site): Promise<ScrubReport> {
  return ((await pair.source.api("verify.scrub.show", { id: Number(id) })).body as { scrub: ScrubReport }).scrub;
}

/** Other bytes, with nothing else that shows it. */
function damage(path: string): void {
  const bytes = readFileSync(path);
  const { atime, mtime } = statSync(path);
  bytes.write("damaged");
  writeFileSync(path, bytes);
  utimesSync(path, atime, mtime);
}

const soon = (ms: number): string => new Date(Date.now() + ms).toISOString();

test("schedules and scrubs verify by themselves, wait for what is in their way, say what they skip, and outlive the agent", async () => {
  const site = await connected();
  const { pair, id } = site;
  unlinkSync(join(pair.targetDir, "dir/f3"));
  expect(await pair.source.cli(["verify", "schedule", id, "--at", "25:00"])).toMatchObject({ code: 2, stderr: expect.stringContaining("CALENDAR_INVALID") });
  expect(await pair.source.cli(["verify", "schedule", id, "--repair"])).toMatchObject({ code: 2, stderr: expect.stringContaining("--at") });
  const begun = await set(site, ["--at", "*:*:*", "--checksum-all", "--repair"]);
  expect(begun).toMatchObject({ schedule: { enabled: true, content: "all", repair: "all", catchesUp: false }, due: null, skipped: 0 });
  expect(begun.nextRuns).toHaveLength(5);
  await eventually(async () => {
    const done = (await jobs(site)).filter(({ status, startedBy }) => status === "Done" && startedBy === "schedule").at(-1);
    expect(done).toMatchObject({ kind: "verify", verify: { content: "all", differences: 2, counts: { repaired: 2 } } });
  });
  await pair.expectEqual();
  // One that is under way when the target goes would be what the next waits for.
  await set(site, ["--disable"]);
  await eventually(async () => expect((await jobs(site)).filter(({ startedBy, status }) => startedBy === "schedule" && status !== "Done")).toEqual([]));
  await pair.target.stop();
  await eventually(async () => expect((await pair.report()).state).not.toBe("streaming"));
  await set(site, ["--enable"]);
  await eventually(async () => expect(await plan(site)).toMatchObject({ due: { waitsFor: "the target is not connected" } }), { timeoutMs: 20_000 });
  await eventually(async () => {
    const { skipped, lastSkip } = await plan(site);
    expect(skipped).toBeGreaterThan(0);
    expect(lastSkip?.why).toContain("the target is not connected");
  });
  const shown = await pair.source.cli(["connection", "show", id]);
  expect(shown.stdout).toMatch(/verified +at \*:\*:\*/);
  expect(shown.stdout).toMatch(/due +since .*waits, the target is not connected/);
  // Disabled, it is kept; what passes while the agent is away is made up for, when that is wanted. A scrub goes on where it was.
  expect(await set(site, ["--disable"])).toMatchObject({ schedule: { enabled: false, calendar: "*:*:*", repair: "all" }, due: null, nextRuns: [] });
  await pair.restartTarget();
  expect(await pair.source.cli(["verify", "scrub", id, "--repair"])).toMatchObject({ code: 2, stderr: expect.stringContaining("--bytes-per-second") });
  // Hardly anything is read: a round that takes an hour.
  await pair.source.json(["verify", "scrub", id, "--bytes-per-second", "1KiB", "--repair"]);
  await eventually(async () => expect(await scrub(site)).toMatchObject({ state: "running", verifiedSince: null }), { timeoutMs: 20_000 });
  const { round } = await scrub(site);
  expect(await pair.source.cli(["job", "stop", `${round?.job}`])).toMatchObject({ code: 4, stderr: expect.stringContaining("--off") });
  const last = (await jobs(site))[0]?.id ?? 0;
  const startAt = soon(2000);
  const change = { enabled: true, calendar: null, startAt, catchesUp: true };
  expect(await pair.source.api("verify.schedule.set", { id: Number(id), change })).toMatchObject({ status: 200 });
  await pair.source.kill9();
  await delay(Date.parse(startAt) - Date.now());
  await pair.restartSource();
  await eventually(async () => expect((await jobs(site))[0]).toMatchObject({ id: last + 1, startedBy: "schedule", status: "Done" }), { timeoutMs: 20_000 });
  await eventually(async () => expect(await scrub(site)).toMatchObject({ state: "running", round: { job: round?.job } }), { timeoutMs: 20_000 });
  expect(await set(site, ["--off"])).toMatchObject({ schedule: null, nextRuns: [] });
  // Not before: a source that was killed compares what is so young by itself.
  damage(join(pair.targetDir, "large"));
  await pair.source.api("verify.scrub.set", { id: Number(id), change: { bytesPerSecond: 100 * MiB } });
  await eventually(async () => expect(await scrub(site)).toMatchObject({ state: "resting", round: null, verifiedSince: round?.startedAt }), {
    timeoutMs: 30_000,
  });
  const job = (await jobs(site)).find((each) => each.id === round?.job);
  expect(job).toMatchObject({ startedBy: "scrub", status: "Done", verify: { counts: { filesDifferent: 1, bytesDifferent: 64 * 1024, repaired: 1 } } });
  await pair.expectEqual();
  const after = await pair.source.cli(["connection", "show", id]);
  expect(after.stdout).toMatch(/scrub +resting/);
  expect(after.stdout).toMatch(/coverage +everything was compared since/);
  expect((await pair.source.json<{ scrub: ScrubReport }>(["verify", "scrub", id, "--off"])).scrub).toMatchObject({ state: "off", settings: null });
});

test("orphans are looked for behind a mirror and behind a verification, and both are waited for", async () => {
  const site = await connected();
  const { home, pair, id } = site;
  const on = (path: string): string => join(pair.targetDir, path);
  const plant = (): void => {
    writeFileSync(on("dir/stranger"), "stranger");
    for (let i = 0; i < 3; i++) writeFileSync(on(`stranger${i}`), "s");
  };
  plant();
  expect(await pair.source.cli(["mirror", "start", id, "--orphans", "move"])).toMatchObject({ code: 2, stderr: expect.stringContaining("--to") });
  const mirror = await pair.source.cli(["mirror", "start", id, "--orphans", "delete", "--wait", "--timeout", "60", "--json"], { timeoutMs: 70_000 });
  const mirrored = mirror.json as { mirror: MirrorReport; orphansJob: OrphansJobReport };
  expect(mirrored.mirror).toMatchObject({ outcome: "done", sweep: { action: "delete", state: "begun", job: mirrored.orphansJob.id } });
  expect(mirrored.orphansJob).toMatchObject({ startedBy: "mirror", status: "Done", orphans: { counts: { done: { files: 4 } } } });
  expect(mirror.code).toBe(0);
  expect(existsSync(on("dir/stranger"))).toBe(false);
  // Most of what the target has would go: that takes a person's word.
  for (let i = 0; i < 40; i++) writeFileSync(on(`many${i}`), "");
  const to = join(home, "aside");
  mkdirSync(to);
  const flags = ["--orphans", "move", "--to", to, "--yes", "--wait", "--timeout", "60", "--json"];
  const verify = await pair.source.cli(["verify", "start", id, ...flags], { timeoutMs: 70_000 });
  const verified = verify.json as { job: VerifyJobReport; orphansJob: OrphansJobReport };
  // The verification tells of them as of any difference.
  expect(verify.code).toBe(5);
  expect(verified.job.verify).toMatchObject({ orphansJob: verified.orphansJob.id, counts: { extras: 40 } });
  expect(verified.orphansJob).toMatchObject({ startedBy: "verification", status: "Done", orphans: { counts: { done: { files: 40 } } } });
  expect(existsSync(on("many0"))).toBe(false);
  expect(pair.target.outputTail).toContain("orphan moved");
  expect(readFileSync(join(pair.targetDir, "dir/f1"), "utf8")).toBe("content 1");
  await pair.expectEqual();
});
