// Hooks of mirrors on true agents: a mirror waits for one, says so, and is not stuck when the agent ends meanwhile.

import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

/** Their directory, and a source that may run what is in it. */
function plant(directory: string): string {
  const programs = join(directory, "programs");
  for (const each of [programs, join(directory, "out")]) mkdirSync(each, { mode: 0o755 });
  for (const [name, text] of [
    ["hold.sh", HOLD],
    ["note.sh", NOTE],
  ] as const) {
    writeFileSync(join(programs, name), text);
    chmodSync(join(programs, name), 0o755);
  }
  mkdirSync(join(directory, "a", "etc"), { recursive: true });
  writeFileSync(join(directory, "a", "etc", "sm.yaml"), `source:\n  hooks: true\n  taskDirectory: ${programs}\n`);
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
