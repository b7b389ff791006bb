// Programs in the order of the changes: at their place, at most once, whatever ends in between; and nothing where it is off.

import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { TaskReport } from "../../src/model/task.js";
import { AgentPair } from "../support/agent-pair.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const SNAPSHOT = `#!/bin/sh
echo "$SM_PHASE $SM_TASK_NAME" >> "$1/log"
mkdir "$1/$SM_TASK_NAME" && cp -a "$SM_TARGET_PATHS/." "$1/$SM_TASK_NAME"
`;
const SLOW = `#!/bin/sh
echo begun >> "$1/slow"
sleep 1000
`;

function configure(home: string, lines: readonly string[]): void {
  mkdirSync(join(home, "etc"), { recursive: true });
  writeFileSync(join(home, "etc", "sm.yaml"), `${lines.join("\n")}\n`);
}

function plant(directory: string, name: string, text: string): string {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  writeFileSync(join(directory, name), text);
  chmodSync(join(directory, name), 0o755);
  return join(directory, name);
}

interface Site {
  readonly pair: AgentPair;
  readonly out: string;
  readonly snapshot: string;
  readonly slow: string;
}

async function site(): Promise<Site> {
  const directory = makeTempDirectory();
  const programs = join(directory, "programs");
  const out = join(directory, "out");
  mkdirSync(out);
  const snapshot = plant(programs, "snapshot.sh", SNAPSHOT);
  const slow = plant(programs, "slow.sh", SLOW);
  for (const [home, section] of [
    ["a", "source"],
    ["b", "target"],
  ] as const) {
    configure(join(directory, home), [`${section}:`, "  tasks: true", `  taskDirectory: ${programs}`]);
  }
  const pair = await AgentPair.start(directory);
  writeFileSync(join(pair.sourceDir, "file"), "before");
  await pair.connect();
  await pair.sync();
  return { pair, out, snapshot, slow };
}

function queue({ pair }: Site, name: string, args: readonly string[]): Promise<{ task: TaskReport }> {
  return pair.source.json(["task", "queue", `${pair.connectionId}`, name, ...args]);
}

async function ended({ pair }: Site, number: number): Promise<TaskReport> {
  const result = await pair.source.cli(["task", "wait", `${pair.connectionId}`, `${number}`, "--timeout", "60s", "--json"]);
  return (result.json as { task: TaskReport }).task;
}

test("a task sees all that was before it, and nothing behind it, and is told of with its output", async () => {
  const here = await site();
  const { pair, out, snapshot } = here;
  await pair.target.json(["target", "pause"]);
  for (let i = 0; i < 200; i++) writeFileSync(join(pair.sourceDir, `f${i}`), `content ${i}`);
  writeFileSync(join(pair.sourceDir, "file"), "quiesced");
  const { task } = await queue(here, "nightly", [
    ...["--on-queue", `${snapshot.replace("snapshot", "missing")}`],
    ...["--on-receive", `/bin/true`, "--on-execute", `${snapshot} ${out}`],
  ]).catch((error: Error) => ({ task: error.message }) as never);
  expect(task).toContain("missing.sh");
  const { task: placed } = await queue(here, "nightly", ["--on-execute", `${snapshot} ${out}`]);
  expect(placed).toMatchObject({ number: 1, name: "nightly", seq: expect.any(Number), outcome: null });
  for (let i = 0; i < 200; i++) writeFileSync(join(pair.sourceDir, `f${i}`), "changed behind it");
  writeFileSync(join(pair.sourceDir, "file"), "behind");
  // On its way over a restart.
  await pair.source.stop();
  await pair.restartSource();
  await pair.target.json(["target", "resume"]);
  expect(await ended(here, 1)).toMatchObject({ state: "ended", outcome: "done", runs: [{ phase: "execute", outcome: "exited", exitCode: 0 }] });
  expect(readFileSync(join(out, "nightly", "file"), "utf8")).toBe("quiesced");
  expect(readdirSync(join(out, "nightly"))).toHaveLength(201);
  expect(readFileSync(join(out, "nightly", "f7"), "utf8")).toBe("content 7");
  await pair.expectEqual();
  expect(readFileSync(join(out, "log"), "utf8")).toBe("execute nightly\n");

  // What runs is chosen by whoever writes there: never by the source.
  const map = `${pair.sourceDir}=${join(snapshot, "../more")}`;
  const { connection } = await pair.source.json<{ connection: { id: number } }>(["connect", "data", "B", "--map", map]);
  await eventually(async () => {
    const { connections } = await pair.source.status();
    expect(connections.find(({ id }) => id === connection.id)?.reasons).toContainEqual(expect.objectContaining({ code: "TARGET_PATH_DENIED" }));
  });
});

test("one that was interrupted by a kill of the target does not run again, and what is behind it goes on", async () => {
  const here = await site();
  const { pair, out, slow } = here;
  const { task } = await queue(here, "slow", ["--on-execute", `${slow} ${out}`, "--timeout", "forever"]);
  await eventually(async () => expect(existsSync(join(out, "slow"))).toBe(true));
  writeFileSync(join(pair.sourceDir, "file"), "behind");
  const { reasons } = await eventually(async () => {
    const report = await pair.report();
    expect(report.reasons[0]?.code).toBe("TASK_RUNNING");
    return report;
  });
  expect(reasons[0]?.message).toContain("slow");
  await pair.target.kill9();
  await pair.restartTarget();
  expect(await ended(here, task.number)).toMatchObject({ outcome: "unknown", why: expect.stringContaining("does not run it again") });
  await pair.expectEqual();
  expect(readFileSync(join(out, "slow"), "utf8")).toBe("begun\n");
});

test("one whose place was lost with the queue of a source that was killed does not run at another", async () => {
  const here = await site();
  const { pair, out, snapshot } = here;
  await pair.target.json(["target", "pause"]);
  const { task } = await queue(here, "lost", ["--on-execute", `${snapshot} ${out}`]);
  await pair.source.kill9();
  writeFileSync(join(pair.sourceDir, "file"), "while it was down");
  await pair.restartSource();
  await pair.target.json(["target", "resume"]);
  const report = await ended(here, task.number);
  // It had come whole, or it is gone: never at the state of later.
  if (report.outcome === "done") expect(readFileSync(join(out, "lost", "file"), "utf8")).toBe("before");
  else expect(existsSync(join(out, "lost"))).toBe(false);
  await pair.expectEqual();
});

test("where the target runs nothing the source is told, with the remedy", async () => {
  const directory = makeTempDirectory();
  const pair = await AgentPair.start(directory);
  await pair.connect();
  await pair.sync();
  const result = await pair.source.cli(["task", "queue", `${pair.connectionId}`, "nightly", "--on-execute", "/opt/x.sh"]);
  expect(result).toMatchObject({ code: 7, stderr: expect.stringContaining("runs no tasks") });
});
