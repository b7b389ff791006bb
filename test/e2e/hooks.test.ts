// Hooks of mirrors on true agents: a mirror waits for one, says so, and is not stuck when the agent ends meanwhile.

import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { HookReport } from "../../src/model/hook.js";
import type { MirrorReport } from "../../src/model/status.js";
import { AgentPair } from "../support/agent-pair.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

/** Waits for the file `go`, half a minute at most: nothing is left behind by a test that fails. */
const HOLD = `#!/bin/sh
echo "$SM_EVENT $SM_MIRROR_KIND $$" >> "$1/log"
for i in $(seq 600); do [ -e "$1/go" ] && exit 0; sleep 0.05; done
exit 9
`;
const NOTE = `#!/bin/sh
echo "$SM_EVENT $SM_RESULT $(cat "$SM_TARGET_PATHS/file")" >> "$1/log"
`;

/** Their directory, and an agent that may run what is in it. */
function plant(directory: string, home = "a"): string {
  const programs = join(directory, "programs");
  for (const each of [programs, join(directory, "out")]) mkdirSync(each, { mode: 0o755 });
  for (const [name, text] of [
    ["hold.sh", HOLD],
    ["note.sh", NOTE],
  ] as const) {
    writeFileSync(join(programs, name), text);
    chmodSync(join(programs, name), 0o755);
  }
  mkdirSync(join(directory, home, "etc"), { recursive: true });
  writeFileSync(join(directory, home, "etc", "sm.yaml"), `source:\n  hooks: true\n  taskDirectory: ${programs}\n`);
  return programs;
}

test("a mirror waits for a hook, over a kill of the agent too; its end runs the others; a stop ends the wait and the hook", async () => {
  const directory = makeTempDirectory();
  const [programs, out] = [plant(directory), join(directory, "out")];
  const pair = await AgentPair.start(directory);
  writeFileSync(join(pair.sourceDir, "file"), "content");
  await pair.connect();
  await pair.sync();
  const id = `${pair.connectionId}`;
  const ask = async <T>(command: string, body: unknown): Promise<T> => {
    const answer = await pair.source.api(command, body);
    expect(answer, JSON.stringify(answer.body)).toMatchObject({ status: 200 });
    return answer.body as T;
  };
  const wait = ["--delay", "--timeout", "2m", "--on-failure", "stop"];
  await pair.source.json(["hook", "add", id, "quiesce", "--event", "mirror-start", "--program", join(programs, "hold.sh"), "--arg", out, ...wait]);
  const note = { id: pair.connectionId, program: { path: join(programs, "note.sh"), args: [out] } };
  await ask("hook.add", { ...note, name: "release", event: "mirror-complete" });
  await ask("hook.add", { ...note, name: "undo", event: "mirror-stop" });
  const log = (): string[] =>
    readFileSync(join(out, "log"), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => line.replace(/ \d+$/, ""));
  const waits = async (): Promise<void> => {
    const { reasons, mirror } = await pair.report();
    expect(reasons.map(({ code }) => code)).toContain("HOOK_RUNNING");
    expect(mirror).toMatchObject({ status: "Waiting", waitsForHook: "quiesce", outcome: "running" });
  };

  await ask("mirror.start", { id: pair.connectionId, mode: "full" });
  await waits();
  // Replication is not held.
  writeFileSync(join(pair.sourceDir, "live"), "x");
  await eventually(() => expect(existsSync(join(pair.targetDir, "live"))).toBe(true));

  await pair.source.kill9();
  await pair.restartSource();
  await eventually(waits);
  await eventually(() => expect(log()).toEqual(["mirror-start full", "mirror-start full"]));
  writeFileSync(join(out, "go"), "");
  await eventually(() => expect(log().at(-1)).toBe("mirror-complete done content"));
  await pair.expectEqual();
  const { hooks } = await ask<{ hooks: readonly HookReport[] }>("hook.list", {});
  expect(hooks.map(({ name, lastRun }) => [name, lastRun?.exitCode])).toEqual([
    ["quiesce", 0],
    ["release", 0],
    ["undo", undefined],
  ]);

  rmSync(join(out, "go"));
  await ask("mirror.start", { id: pair.connectionId });
  await waits();
  await eventually(() => expect(log()).toHaveLength(4));
  const { mirror } = await ask<{ mirror: MirrorReport }>("mirror.stop", { id: pair.connectionId });
  expect(mirror.outcome).toBe("stopped");
  await eventually(() => expect(log().at(-1)).toBe("mirror-stop stopped content"));
  const pid = Number(readFileSync(join(out, "log"), "utf8").trimEnd().split("\n").at(-2)?.split(" ").at(-1));
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");

  const { entries } = await ask<{ entries: readonly { readonly input: unknown }[] }>("audit.list", { command: "hook.add" });
  expect(entries).toHaveLength(3);
  expect(entries.at(-1)?.input).toMatchObject({ name: "quiesce", program: { path: join(programs, "hold.sh"), args: [out] } });
  const elsewhere = await pair.source.cli(["hook", "add", id, "shell", "--event", "mirror-stop", "--program", "/bin/sh", "--json"]);
  expect(elsewhere).toMatchObject({ code: 7, json: { error: { code: "HOOK_REFUSED" } } });
});

test("hooks of a file run before its first mirror, and are those of the file after each reload; one that may not run makes no connection", async () => {
  const directory = makeTempDirectory();
  const [programs, out] = [plant(directory), join(directory, "out")];
  const pair = await AgentPair.start(directory);
  writeFileSync(join(pair.sourceDir, "file"), "content");
  await pair.source.json(["repset", "create", "data", "--include", pair.sourceDir]);
  const place = `set: data\ntarget: B\nmap: {${pair.sourceDir}: ${pair.targetDir}}\n`;
  const hooks = (program: string): string => `hooks:\n  - {name: hold, event: mirror-start, program: ${program}, args: [${out}], delay: true}\n`;
  const reload = async (
    text: string,
  ): Promise<readonly { readonly action: string; readonly changes: readonly string[]; readonly message: string | null }[]> => {
    mkdirSync(join(directory, "a", "etc", "connections.d"), { recursive: true });
    writeFileSync(join(directory, "a", "etc", "connections.d", "own.yaml"), text);
    const { body } = await pair.source.api("config.reload");
    return (body as { reload: { connections: Awaited<ReturnType<typeof reload>> } }).reload.connections;
  };
  expect(await reload(place + hooks("/bin/sh"))).toMatchObject([{ action: "failed", message: expect.stringContaining("hook hold") }]);
  expect((await pair.source.status()).connections).toEqual([]);

  expect(await reload(place + hooks(join(programs, "hold.sh")))).toMatchObject([{ action: "created" }]);
  await eventually(() => expect(readFileSync(join(out, "log"), "utf8")).toContain("mirror-start "));
  expect(existsSync(join(pair.targetDir, "file"))).toBe(false);
  writeFileSync(join(out, "go"), "");
  await eventually(() => expect(readFileSync(join(pair.targetDir, "file"), "utf8")).toBe("content"));
  expect(await reload(place + hooks(join(programs, "hold.sh")))).toMatchObject([{ action: "unchanged", changes: [] }]);
  expect(await reload(place + hooks(join(programs, "note.sh")))).toMatchObject([{ action: "changed", changes: ["hooks"] }]);
  const { body } = await pair.source.api("config.export");
  expect(JSON.stringify(body)).toContain(join(programs, "note.sh"));
  expect(await reload(place)).toMatchObject([{ action: "unchanged" }]);
  expect(await reload(`${place}hooks: []\n`)).toMatchObject([{ action: "changed" }]);
  expect((await pair.source.api("hook.list")).body).toEqual({ hooks: [] });
});

test("no source gets a place among the programs of an agent, and none runs where one came to write later", async () => {
  const directory = makeTempDirectory();
  const programs = plant(directory, "b");
  const pair = await AgentPair.start(directory, { targetDir: join(programs, "sub") });
  await pair.connect();
  const refused = await eventually(async () => {
    const { reasons } = await pair.report();
    expect(reasons.map(({ code }) => code)).toContain("TARGET_PATH_DENIED");
    return reasons;
  });
  expect(JSON.stringify(refused)).toContain("source.taskDirectory");
  await pair.source.json(["disconnect", `${pair.connectionId}`]);

  const place = join(directory, "place");
  await pair.source.json(["connect", "data", "B", "--map", `${pair.sourceDir}=${place}`]);
  await eventually(() => expect(existsSync(place)).toBe(true));
  const own = join(directory, "own");
  mkdirSync(own);
  await pair.target.json(["repset", "create", "own", "--include", own]);
  const { connection } = await pair.target.json<{ connection: { id: number } }>(["connect", "own", "tdu"]);
  const add = (name: string): ReturnType<typeof pair.target.cli> =>
    pair.target.cli(["hook", "add", `${connection.id}`, name, "--event", "mirror-start", "--program", join(programs, "note.sh"), "--json"]);
  expect(await add("before")).toMatchObject({ code: 0 });
  rmSync(place, { recursive: true });
  symlinkSync(programs, place);
  const after = await add("after");
  expect(after).toMatchObject({ code: 7, json: { error: { code: "HOOK_REFUSED", message: expect.stringContaining(place) } } });
  expect(after.stdout).toContain("source.taskDirectory");
});
