// A running agent and its files: connections that files describe, settings that come in force, and what a wrong file changes (nothing).

import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ReloadReport, SettingReport } from "../../src/model/config-control.js";
import type { StatusReport } from "../../src/model/status.js";
import { AgentProcess } from "../support/agent-process.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

interface Site {
  readonly agent: AgentProcess;
  readonly etc: string;
  readonly write: (path: string, text: string) => void;
  readonly reload: (...flags: string[]) => Promise<ReloadReport>;
  readonly actions: (...flags: string[]) => Promise<readonly string[]>;
}

const describe_ = (directory: string, more = ""): string => `set: data\ntarget: localhost\nmap: {${directory}/source: ${directory}/target}\n${more}`;

async function start(directory: string, files: Readonly<Record<string, string>>, environment: NodeJS.ProcessEnv = {}): Promise<Site> {
  const etc = join(directory, "home/etc");
  const write = (path: string, text: string): void => {
    mkdirSync(join(etc, path, ".."), { recursive: true });
    writeFileSync(join(etc, path), text);
  };
  mkdirSync(join(directory, "source"));
  for (const [path, text] of Object.entries(files)) write(path, text);
  const agent = await AgentProcess.start({ home: join(directory, "home"), environment });
  const reload = async (...flags: string[]): Promise<ReloadReport> => {
    const { json } = await agent.cli(["config", "reload", "--json", ...flags]);
    return (json as { reload: ReloadReport }).reload;
  };
  const actions = async (...flags: string[]): Promise<readonly string[]> =>
    (await reload(...flags)).connections.map(({ file, action, changes }) => [file, action, ...changes].join(" "));
  return { agent, etc, write, reload, actions };
}

const set = (directory: string): string => `rules:\n  - {path: ${directory}/source, mode: include}\n`;

test("connections are what their files describe", { timeout: 120_000 }, async () => {
  const directory = makeTempDirectory();
  const { agent, etc, write, reload, actions } = await start(directory, {
    "repsets.d/data.yaml": set(directory),
    "connections.d/copy.yaml": describe_(directory, "limit: 10MiB\ncompression: lz4\n"),
    "connections.d/far.yaml": "set: data\ntarget: nobody\nexact: true\n",
  });
  writeFileSync(join(directory, "source/f"), "content");
  const status = (): Promise<StatusReport> => agent.status();
  await eventually(async () => expect((await status()).config.problems.join()).toContain("far.yaml failed"));
  expect((await agent.cli(["sync", "1"])).code).toBe(0);
  expect(readFileSync(join(directory, "target/f"), "utf8")).toBe("content");
  expect(await actions()).toEqual(["copy unchanged", "far failed"]);
  rmSync(join(etc, "connections.d/far.yaml"));

  write("connections.d/copy.yaml", describe_(directory, "limit: 20MiB\nguard: {lost: 20}\nscrub: {bytesPerSecond: 1MiB}\n"));
  expect(await actions("--dry-run")).toEqual(["copy changed compression guard limit scrub"]);
  expect(await actions()).toEqual(["copy changed compression guard limit scrub"]);
  expect(await actions()).toEqual(["copy unchanged"]);
  const { transmission } = await agent.json<{ transmission: { limit: { standing: { bytesPerSecond: number } } } }>(["transmission", "show", "1"]);
  expect(transmission.limit.standing.bytesPerSecond).toBe(20 * 1024 * 1024);

  // A place is not left for what may be a slip.
  write("connections.d/copy.yaml", describe_(`${directory}/other`));
  expect((await reload()).connections).toMatchObject([{ action: "failed", connectionId: 1 }]);
  // Its volume is away, or all of it is: what runs goes on.
  rmSync(join(etc, "connections.d/copy.yaml"));
  expect(await actions()).toEqual(["copy kept"]);
  renameSync(join(etc, "connections.d"), join(etc, "away"));
  expect(await actions("--yes")).toEqual(["copy kept"]);
  // A set that is connected does not go with its file, and nothing of it is taken.
  renameSync(join(etc, "away"), join(etc, "connections.d"));
  rmSync(join(etc, "repsets.d/data.yaml"));
  write("sm.yaml", "guard: {lostPercent: 9}\n");
  expect((await agent.cli(["config", "reload", "--json"])).json).toMatchObject({ error: { code: "CONFIG_INVALID" } });
  expect(await agent.json(["config", "get", "guard.lostPercent"])).toMatchObject({ settings: [{ value: null }] });
  expect(await actions("--yes")).toEqual(["copy disconnected"]);
  expect((await status()).connections).toEqual([]);
});

test("settings come in force by command, by file and by signal; a wrong file changes nothing", { timeout: 120_000 }, async () => {
  const directory = makeTempDirectory();
  const text = "# Ours.\nguard:\n  # Twenty is much.\n  lostPercent: 10 # percent\n";
  const { agent, etc, write } = await start(directory, { "sm.yaml": text }, { SM_TDU_MAX_FILES: "3" });
  const get = async (key: string): Promise<SettingReport | undefined> => (await agent.json<{ settings: SettingReport[] }>(["config", "get", key])).settings[0];
  expect(await get("tdu.maxFiles")).toMatchObject({ value: 3, from: "environment", place: "SM_TDU_MAX_FILES" });
  expect(await get("server.listen")).toMatchObject({ from: "flag", place: "--listen" });

  await agent.json(["config", "set", "guard.lostPercent", "20"]);
  await agent.json(["config", "set", "capture.walkSeconds", "30"]);
  expect(readFileSync(join(etc, "sm.yaml"), "utf8")).toBe(`${text.replace("10 #", "20 #")}capture:\n  walkSeconds: 30\n`);
  expect(await get("guard.lostPercent")).toMatchObject({ value: 20, from: "file", pending: null });
  expect(await get("capture.walkSeconds")).toMatchObject({ value: 60, pending: { value: 30 } });
  expect((await agent.status()).config.needsRestart).toEqual(["capture.walkSeconds"]);

  expect((await agent.cli(["config", "set", "tdu.maxFiles", "5"])).stdout).toContain("what SM_TDU_MAX_FILES says stays in force");
  expect((await agent.cli(["config", "unset", "tdu.maxFiles"])).stdout).toContain("what SM_TDU_MAX_FILES says stays in force");

  const before = readFileSync(join(etc, "sm.yaml"), "utf8");
  expect((await agent.cli(["config", "set", "guard.lostPercent", "200"])).code).toBe(2);
  expect((await agent.cli(["config", "set", "transport.deadMs", "300"])).stderr).toContain("transport.heartbeatMs");
  expect(readFileSync(join(etc, "sm.yaml"), "utf8")).toBe(before);

  write("sm.yaml", "log: {level: loud}\nguard: {lostPercent: 7}\n");
  expect((await agent.cli(["config", "check"])).code).toBe(2);
  process.kill(agent.ready.pid, "SIGHUP");
  await eventually(async () => expect((await agent.status()).config.problems.join()).toContain("sm.yaml:1:14"));
  expect(await get("guard.lostPercent")).toMatchObject({ value: 20 });
  write("sm.yaml", "log: {level: debug}\nguard: {lostPercent: 7}\nqueue: {memoryMiB: 9}\n");
  process.kill(agent.ready.pid, "SIGHUP");
  await eventually(async () => expect(await get("guard.lostPercent")).toMatchObject({ value: 7 }));
  expect((await agent.status()).config).toEqual({ needsRestart: [], problems: [] });
  expect(await agent.json(["queue", "show"])).toMatchObject({ queue: { limits: { memoryMiB: 9 } } });

  // Whoever may write there would decide what the agent does.
  chmodSync(join(etc, "sm.yaml"), 0o646);
  expect((await agent.cli(["config", "reload", "--json"])).json).toMatchObject({ error: { code: "FILE_UNSAFE" } });
  chmodSync(join(etc, "sm.yaml"), 0o644);

  // What was exported is the same agent.
  await agent.json(["config", "export", "--to", join(directory, "copy")]);
  expect((await agent.cli(["config", "check", join(directory, "copy")])).code).toBe(0);
  expect((await agent.cli(["config", "export", "--to", join(directory, "copy")])).code).toBe(2);
});
