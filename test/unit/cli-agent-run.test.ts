import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, expect, vi } from "vitest";
import { plantSm, sm, startSm } from "../support/sm-program.js";

interface Fixture {
  directory: string;
  bin: string;
}

const test = base.extend<Fixture>({
  // biome-ignore lint/correctness/noEmptyPattern: the form vitest wants
  directory: async ({}, use) => {
    const directory = realpathSync(mkdtempSync(join(tmpdir(), "sm-run-")));
    await use(directory);
    rmSync(directory, { recursive: true });
  },
  bin: async ({ directory }, use) => {
    mkdirSync(join(directory, "program"));
    await use(plantSm(join(directory, "program")));
  },
});

const PATIENT = { timeout: 10_000 };

test("agent run prints one ready line as JSON, drains at the first signal, ends", async ({ directory, bin }) => {
  const home = join(directory, "home");
  const agent = startSm(["agent", "run", "--listen", "127.0.0.1:7", "--json"], { bin, home });
  await vi.waitFor(() => expect(agent.stdout()).toContain("\n"), PATIENT);
  expect(JSON.parse(agent.stdout())).toEqual({ ready: true, pid: agent.process.pid, listen: "127.0.0.1:7", adminSocket: join(home, "run", "admin.sock") });
  expect((await sm(["agent", "status"], { home })).code).toBe(0);
  agent.process.kill("SIGTERM");
  expect(await agent.result).toMatchObject({ code: 0, stderr: "draining\n" });
  expect(agent.stdout().trim().split("\n")).toHaveLength(1);
});

test("the second signal ends a drain that does not end", async ({ directory, bin }) => {
  const agent = startSm(["agent", "run"], { bin, home: join(directory, "home"), env: { SM_TEST_SLOW: "1" } });
  await vi.waitFor(() => expect(agent.stdout()).toMatch(/^agent ready: pid \d+, listening on 127\.0\.0\.1:1500/), PATIENT);
  agent.process.kill("SIGINT");
  await vi.waitFor(() => expect(agent.stderr()).toBe("draining\n"), PATIENT);
  expect((await sm(["agent", "status"], { home: join(directory, "home") })).code).toBe(0);
  agent.process.kill("SIGINT");
  expect((await agent.result).code).toBe(0);
});

test("an agent that is to exit with its parent does so when standard input closes, also out of a drain", async ({ directory, bin }) => {
  const options = { bin, home: join(directory, "home"), env: { SM_TEST_SLOW: "1" }, keepsStdin: true };
  const agent = startSm(["agent", "run", "--exit-with-parent"], options);
  await vi.waitFor(() => expect(agent.stdout()).toContain("ready"), PATIENT);
  agent.process.stdin?.end();
  expect((await agent.result).code).toBe(0);
});

test("replicate runs until Ctrl-C, says what it did, and a second run goes on in the same place", async ({ directory, bin }) => {
  mkdirSync(join(directory, "a[1]"));
  const env = { XDG_STATE_HOME: join(directory, "state") };
  for (const round of [1, 2]) {
    const running = startSm(["replicate", join(directory, "a[1]"), join(directory, "b"), "--json"], { bin, env });
    await vi.waitFor(() => expect(running.stdout()).toContain('"event":"status"'), PATIENT);
    running.process.kill("SIGINT");
    const { code, stdout, stderr } = await running.result;
    expect([round, code, stderr]).toEqual([round, 0, ""]);
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.at(-1)).toMatchObject({ event: "summary", synced: true, source: join(directory, "a[1]"), target: join(directory, "b") });
  }
  expect(existsSync(join(directory, "b"))).toBe(true);
  expect(readdirSync(join(directory, "state", "sm", "replicate"))).toHaveLength(1);
});

test("replicate in words keeps progress and result apart", async ({ directory, bin }) => {
  mkdirSync(join(directory, "a"));
  const running = startSm(["replicate", join(directory, "a"), join(directory, "b"), "--home", join(directory, "h")], { bin });
  await vi.waitFor(() => expect(running.stderr()).toContain("\nreplicating\n"), PATIENT);
  running.process.kill("SIGTERM");
  const { code, stdout, stderr } = await running.result;
  expect(code).toBe(0);
  expect(stdout).toMatch(/^stopped after .*: 3 files and 4\.0 KiB mirrored, 0 B replicated; .*b holds everything that .*a held\n$/);
  expect(stderr).toMatch(/^replicating .* → .*; Ctrl-C stops\n[\s\S]*draining what is queued, at most 30 s/);
  expect(stderr).not.toContain("\x1b");
});

test("replicate refuses nested directories and a missing source before it makes anything", async ({ directory, bin }) => {
  mkdirSync(join(directory, "a"));
  expect(await sm(["replicate", join(directory, "a"), join(directory, "a", "b", "c")], { bin })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("error LOOP"),
  });
  expect(readdirSync(join(directory, "a"))).toEqual([]);
  expect((await sm(["replicate", join(directory, "none"), join(directory, "b"), "--json"], { bin })).code).toBe(2);
  expect(existsSync(join(directory, "b"))).toBe(false);
});

test("replicate with an agent that cannot start ends with its reason", async ({ directory, bin }) => {
  mkdirSync(join(directory, "a"));
  writeFileSync(join(directory, "program", "dist", "agent", "agent.js"), "export async function runAgent() { throw new Error('out of luck'); }");
  const result = await sm(["replicate", join(directory, "a"), join(directory, "b"), "--home", join(directory, "h")], { bin });
  expect(result).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("out of luck") });
});
