import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { test as base, expect, vi } from "vitest";
import { type ReplicateOptions, replicate } from "../../src/cli/replicate/replicate.js";
import { formatLiveLine, formatSummary, jsonView, TextView } from "../../src/cli/replicate/replicate-view.js";
import { connectionReport } from "../support/memory-agent-control.js";
import { type MemoryAgentProgram, plantMemoryAgent } from "../support/sm-program.js";

interface Fixture {
  directory: string;
  program: MemoryAgentProgram;
  signal: AbortController;
  abort: AbortController;
  events: Record<string, unknown>[];
  options: ReplicateOptions;
}

const test = base.extend<Fixture>({
  // biome-ignore lint/correctness/noEmptyPattern: the form vitest wants
  directory: async ({}, use) => {
    const directory = realpathSync(mkdtempSync(join(tmpdir(), "sm-rep-")));
    await use(directory);
    rmSync(directory, { recursive: true });
  },
  program: async ({ directory }, use) => use(plantMemoryAgent(directory)),
  // biome-ignore lint/correctness/noEmptyPattern: the form vitest wants
  signal: async ({}, use) => use(new AbortController()),
  // biome-ignore lint/correctness/noEmptyPattern: the form vitest wants
  abort: async ({}, use) => use(new AbortController()),
  // biome-ignore lint/correctness/noEmptyPattern: the form vitest wants
  events: async ({}, use) => use([]),
  options: async ({ directory, program, signal, abort, events }, use) => {
    const out = new PassThrough();
    out.on("data", (line: Buffer) =>
      events.push(
        ...line
          .toString()
          .trim()
          .split("\n")
          .map((text) => JSON.parse(text)),
      ),
    );
    const pair = { source: join(directory, "a"), target: join(directory, "b") };
    await use({
      pair,
      home: join(directory, "home"),
      program: program.program,
      env: { ...process.env, SM_HOME: "/nowhere" },
      drainMs: 5_000,
      view: jsonView(out),
      signal: signal.signal,
      abort: abort.signal,
    });
  },
});

function isGone(pidFile: string): boolean {
  try {
    process.kill(Number(readFileSync(pidFile, "utf8")), 0);
    return false;
  } catch {
    return true;
  }
}

const seen = (events: Record<string, unknown>[], event: string): Promise<void> =>
  vi.waitFor(() => expect(events.map((entry) => entry.event)).toContain(event), 10_000);

test("it makes the set and the connection, drains when told to stop, and leaves no process", async ({ options, events, signal, program }) => {
  const running = replicate(options);
  await seen(events, "status");
  signal.abort();
  const summary = await running;
  expect(summary).toMatchObject({ synced: true, reason: null, connection: { repset: "replicate", target: "localhost", mirror: { filesDone: 3 } } });
  expect(isGone(program.pidFile)).toBe(true);
  const [connect, sync] = readFileSync(program.callsFile, "utf8").split("\n");
  expect(JSON.parse(connect ?? "")).toMatchObject({ map: { kind: "pairs", pairs: [options.pair] }, options: { mirror: "difference", replicate: true } });
  expect(sync).toBe("sync 1 5000");
  expect(events.map(({ event }) => event).filter((event) => event !== "status")).toEqual(["starting", "draining"]);
});

test("a home too deep for sockets gets another place for them, and gives it back", async ({ options, events, signal, directory }) => {
  const running = replicate({ ...options, home: join(directory, "d".repeat(120)) });
  await seen(events, "status");
  signal.abort();
  expect(await running).toMatchObject({ synced: true });
});

test("a second signal ends at once, and the agent with it", async ({ options, events, signal, abort, program }) => {
  const running = replicate(options);
  await seen(events, "status");
  abort.abort();
  signal.abort();
  await expect(running).rejects.toMatchObject({ code: "AGENT_UNREACHABLE" });
  expect(isGone(program.pidFile)).toBe(true);
  expect(existsSync(program.callsFile)).toBe(false);
});

test("an agent that dies ends the replication with its reason", async ({ options, events, program }) => {
  const running = replicate(options);
  await seen(events, "status");
  process.kill(Number(readFileSync(program.pidFile, "utf8")), "SIGKILL");
  await expect(running).rejects.toMatchObject({ code: "AGENT_UNREACHABLE" });
});

test("an agent that cannot begin gives its own error, or the last it said", async ({ options, directory }) => {
  mkdirSync(join(directory, "x"));
  const refusing = plantMemoryAgent(join(directory, "x"), "refuse");
  await expect(replicate({ ...options, program: refusing.program })).rejects.toMatchObject({
    code: "AGENT_RUNNING",
    message: expect.stringContaining("state is in use"),
  });
  const crashing = plantMemoryAgent(join(directory, "x"), "crash");
  await expect(replicate({ ...options, program: crashing.program })).rejects.toMatchObject({
    message: "the agent ended with exit code 1: some noise\nout of luck",
  });
  await expect(replicate({ ...options, program: ["/nowhere/sm"] })).rejects.toMatchObject({ message: expect.stringContaining("ENOENT") });
});

test("the agent goes when its parent is killed", async ({ directory, program }) => {
  const { spawn } = await import("node:child_process");
  const parent = spawn(process.execPath, [
    "--input-type=module",
    "-e",
    `const { ChildAgent } = await import(${JSON.stringify(new URL("../../dist/cli/replicate/child-agent.js", import.meta.url).href)});
     await ChildAgent.open({ program: ${JSON.stringify(program.program)}, home: ${JSON.stringify(join(directory, "home"))}, env: process.env });
     console.log("open"); setInterval(() => {}, 1000);`,
  ]);
  await new Promise((resolve) => parent.stdout.once("data", resolve));
  expect(isGone(program.pidFile)).toBe(false);
  parent.kill("SIGKILL");
  await vi.waitFor(() => expect(isGone(program.pidFile)).toBe(true), 5_000);
});

test("what is said at the end and in between", () => {
  const connection = connectionReport({ queuedOps: 5, intermediateQueueBytes: 2048, lagMs: 1200, sentReplicationBytes: 1024 });
  expect(formatLiveLine(connection, { setsPerSecond: 12.4, bytesPerSecond: 2048 })).toBe(
    "replicating | 12 sets/s, 2.0 KiB/s | queued 5 ops, 2.0 KiB | lag 1 s",
  );
  const ended = { source: "/a", target: "/b", seconds: 61, connection };
  expect(formatSummary({ ...ended, synced: true, reason: null })).toBe(
    "stopped after 1 min 1 s: 0 files and 0 B mirrored, 1.0 KiB replicated; /b holds everything that /a held",
  );
  expect(formatSummary({ ...ended, synced: false, reason: { code: "TIMEOUT", message: "late" } })).toContain(
    "/b is behind /a (TIMEOUT: late); run the same command again",
  );
});

test("what holds up a mirror that is under way is said, and not that it calculates for ever", async () => {
  const [out, errors] = [new PassThrough({ encoding: "utf8" }), new PassThrough({ encoding: "utf8" })];
  const view = new TextView(out, errors as unknown as NodeJS.WriteStream);
  const { mirror } = connectionReport();
  const running = { ...mirror, outcome: "running", status: "Calculating" } as const;
  const common = { object: "/a", since: "2026-01-02T03:04:05.000Z", next: "looked at again every second", nextAt: null, command: "sm disconnect 1" };
  await view.update(connectionReport({ state: "streaming", mirror: running }));
  await view.update(connectionReport({ state: "halted", mirror: running, reasons: [{ ...common, code: "ROOT_CHANGED", message: "/a is another directory" }] }));
  view.close();
  expect(`${out.read()}${errors.read()}`).toContain("halted\n! ROOT_CHANGED: /a is another directory");
});

test("the end of each mirror is said once, of one that was over between two looks, too", async () => {
  const [out, errors] = [new PassThrough({ encoding: "utf8" }), new PassThrough({ encoding: "utf8" })];
  const view = new TextView(out, errors as unknown as NodeJS.WriteStream);
  const { mirror } = connectionReport();
  const done = { ...mirror, id: 1, outcome: "done", filesDone: 1, bytesDone: 2048 } as const;
  await view.update(connectionReport({ state: "connecting", mirror: { ...mirror, outcome: null } }));
  await view.update(connectionReport({ state: "streaming", mirror: done }));
  await view.update(connectionReport({ state: "streaming", mirror: done }));
  await view.update(connectionReport({ state: "streaming", mirror: { ...done, id: 2, outcome: "running" } }));
  await view.update(connectionReport({ state: "streaming", mirror: { ...done, id: 2, filesDone: 3 } }));
  view.close();
  expect(`${errors.read()}`.match(/mirror done: .*/g)).toEqual(["mirror done: 1 files, 2.0 KiB", "mirror done: 3 files, 2.0 KiB"]);
});
