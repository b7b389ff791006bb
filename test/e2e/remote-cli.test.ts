// The CLI against a real agent that it reaches over the network alone: it is stored, asked, stopped; and nobody sees the token.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { parseToken } from "../../src/base/access-token.js";
import type { UserToken } from "../../src/model/user.js";
import { AgentProcess, type CliResult, runCli, SM_PROGRAM } from "../support/agent-process.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

/** Commands of an account that has no agent on its machine. */
class Account {
  readonly file = join(makeTempDirectory(), "sm", "servers.json");
  readonly environment = { SM_HOME: "", SM_SERVERS_FILE: this.file };

  sm(args: readonly string[], input = ""): Promise<CliResult> {
    return runCli("", [...args, "--json"], { input, environment: this.environment });
  }
}

/** Of the same form. */
function otherSecret(token: string): string {
  return `${token.slice(0, -43)}${"A".repeat(43)}`;
}

/** Nobody sees a token who looks at the processes of the machine. */
function expectNoProcessShows(secret: string): void {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const shown = pids.filter((pid) => {
    try {
      return ["cmdline", "environ"].some((file) => readFileSync(`/proc/${pid}/${file}`, "utf8").includes(secret));
    } catch {
      // It has ended.
      return false;
    }
  });
  expect(shown).toEqual([]);
}

/** `sm status --watch` for as long as it takes to look at the processes, and Ctrl-C. */
async function watchOnce({ environment }: Account, secret: string): Promise<string> {
  const args = [SM_PROGRAM, "status", "--watch", "--json", "--server", "files1"];
  const child = spawn(process.execPath, args, { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const exited = once(child, "exit");
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  expectNoProcessShows(secret);
  child.kill("SIGINT");
  expect(await exited).toEqual([0, null]);
  return line;
}

test("a script logs in by a token: on the agent here, over the network, with the rights of that user and no others; the token is in no output", async () => {
  const agent = await AgentProcess.start({ home: makeTempDirectory() });
  const { token } = await agent.json<UserToken>(["user", "create", "mon", "--role", "monitor", "--expires", "1h"]);
  const script = [
    "source localhost",
    `$level = login localhost mon "${token}"`,
    "write $level",
    "repset create web",
    'repset rule add "/srv" include to web',
    "repset save",
  ];
  const ran = await runCli(agent.home, ["run", "-"], { input: `${script.join("\n")}\n` });
  expect(ran).toMatchObject({ code: 7, stdout: expect.stringContaining("1\n"), stderr: expect.stringContaining("REFUSED") });
  expect(`${ran.stdout}${ran.stderr}`).not.toContain(parseToken(token)?.secret);
  const wrong = await runCli(agent.home, ["run", "-"], { input: `source localhost\nlogin localhost mon "${otherSecret(token)}"\nrepset list\n` });
  expect(wrong).toMatchObject({ stdout: expect.stringContaining("DT_NO_ACCESS"), stderr: expect.stringContaining("LOGIN_FAILED") });
  const own = await runCli(agent.home, ["run", "-"], {
    input: `login localhost mon "${token}"\nlogout localhost\nsource localhost\n${script.slice(3).join("\n")}\n`,
  });
  expect(own, own.stderr).toMatchObject({ code: 0 });
});

test("a server is stored by its certificate and a token, and every command asks it; a monitor reads; another certificate gets nothing", async () => {
  const agent = await AgentProcess.start({ home: makeTempDirectory() });
  const address = `${agent.address.host}:${agent.address.port}`;
  const [ops, mon] = [
    await agent.json<UserToken>(["user", "create", "ops", "--role", "admin"]),
    await agent.json<UserToken>(["user", "create", "mon", "--role", "monitor"]),
  ];
  const account = new Account();
  const add = ["server", "add", "files1", "--address", address];
  const wrong = "00".repeat(32);
  const refused = await Promise.all([
    account.sm(add, ops.token),
    account.sm([...add, "--fingerprint", wrong], ops.token),
    account.sm([...add, "--fingerprint", ops.serverFingerprint], otherSecret(ops.token)),
    account.sm(["status", "--server", address]),
    account.sm(["agent", "run", "--server", "files1"]),
  ]);
  expect(refused.map(({ code, json }) => [code, (json as { error: { code: string } }).error.code])).toEqual([
    [2, "USAGE"],
    [7, "SERVER_MISMATCH"],
    [7, "LOGIN_FAILED"],
    [2, "SERVER_UNKNOWN"],
    [2, "USAGE"],
  ]);
  expect(await account.sm([...add, "--fingerprint", ops.serverFingerprint, "--user", "ops"], `${ops.token}\n`)).toMatchObject({
    code: 0,
    json: { server: { name: "files1", address, user: "ops", isDefault: false }, role: "admin" },
  });
  expect(await account.sm(["server", "add", "seen", "--address", address, "--fingerprint", ops.serverFingerprint], mon.token)).toMatchObject({ code: 0 });
  expect([statSync(account.file).mode & 0o777, statSync(join(account.file, "..")).mode & 0o777]).toEqual([0o600, 0o700]);

  const tree = makeTempDirectory();
  mkdirSync(join(tree, "web"));
  writeFileSync(join(tree, "web", "page"), "content");
  const on = ["--server", "files1"];
  expect(await account.sm(["repset", "create", "web", "--include", join(tree, "web"), ...on])).toMatchObject({ code: 0 });
  expect(await account.sm(["connect", "web", "localhost", "--base", join(tree, "copy"), ...on])).toMatchObject({ code: 0 });
  await eventually(() => expect(readFileSync(join(tree, "copy", join(tree, "web"), "page"), "utf8")).toBe("content"));
  expect(JSON.parse(await watchOnce(account, ops.token.split("~")[2] ?? ""))).toMatchObject({ connections: [{ id: 1, repset: "web" }] });
  const asMonitor = ["--server", "seen"];
  const [seen, denied, relative, script] = await Promise.all([
    account.sm(["repset", "list", ...asMonitor]),
    account.sm(["disconnect", "1", ...asMonitor]),
    account.sm(["explain", "./page", ...on]),
    account.sm(["run", "-", ...on], "source seen\nrepset list\nlogin files1 x y\nrepset delete web"),
  ]);
  expect(seen).toMatchObject({ code: 0, json: { repsets: [{ name: "web" }] } });
  expect(denied).toMatchObject({ code: 7, json: { error: { code: "REFUSED" } } });
  expect(relative).toMatchObject({ code: 2, json: { error: { code: "USAGE", message: expect.stringContaining("./page") } } });
  expect(script.code).toBe(7);
  expect(
    script.stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { value: number }).value),
  ).toEqual([1, 1, 2, -1]);

  expect(await account.sm(["agent", "stop", ...on])).toMatchObject({ code: 0, json: { answers: false, pid: agent.ready.pid } });
  expect((await agent.exited).code).toBe(0);
  expect(await account.sm(["whoami", ...on])).toMatchObject({ code: 3, json: { error: { code: "AGENT_UNREACHABLE" } } });
});
