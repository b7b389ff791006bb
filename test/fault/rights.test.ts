// What the accounts of a machine can do with an agent of root: members of smadmin, of smmon, of nothing. Needs root, and a mount
// namespace in which the agent finds a group file that has both groups; the accounts are numbers that the machine need not know.

import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { silentLog } from "../../src/base/log.js";
import { COMMANDS } from "../../src/control/command-table.js";
import type { AuditEntry } from "../../src/model/audit.js";
import { AuditLog } from "../../src/observe/audit-log.js";
import { AgentProcess } from "../support/agent-process.js";
import { runCommand } from "../support/run-command.js";
import { sm } from "../support/sm-program.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const SMADMIN = 64_001;
const SMMON = 64_002;
const ACCOUNT = 64_010;
/** Waits that are over at once, and numbers that name nothing. */
const INPUTS: Readonly<Record<string, unknown>> = { "status.wait": { timeoutMs: 0 }, "log.wait": { timeoutMs: 0 }, "peer.remove": { name: "nobody" } };

interface Found {
  readonly sockets: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly tcp: Readonly<Record<string, number | string>>;
  readonly readable: readonly string[];
  readonly writable: readonly string[];
  readonly listable: readonly string[];
}

/** Not below the directory of the run, which is closed to other accounts: a closed parent would hide what is open. */
function openDirectory(): string {
  const directory = mkdtempSync("/tmp/sm-rights-");
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  chmodSync(directory, 0o755);
  return directory;
}

/** The prefix of a command in whose sight /etc/group has the two groups. */
function withGroups(directory: string): readonly string[] {
  const groupFile = join(directory, "group");
  writeFileSync(groupFile, `${readFileSync("/etc/group", "utf8")}smadmin:x:${SMADMIN}:\nsmmon:x:${SMMON}:\n`);
  return ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/group && exec "$@"', groupFile];
}

function pathsBelow(directory: string, isWanted: (path: string) => boolean): string[] {
  const paths = [directory, ...readdirSync(directory, { recursive: true, encoding: "utf8" }).map((name) => join(directory, name))];
  return paths.filter(isWanted);
}

async function probe(agent: AgentProcess, directory: string, groups: readonly number[], calls: readonly string[]): Promise<Found> {
  const script = join(directory, "probe.mjs");
  copyFileSync(new URL("../support/rights-probe.mjs", import.meta.url), script);
  const run = join(agent.home, "run");
  const task = JSON.stringify({
    sockets: [join(run, "admin.sock"), join(run, "monitor.sock")],
    calls: calls.map((name) => ({ name, input: INPUTS[name] ?? {} })),
    tcp: agent.address,
    files: pathsBelow(agent.home, (path) => statSync(path).isFile()),
    directories: pathsBelow(agent.home, (path) => statSync(path).isDirectory()),
  });
  const membership = groups.length === 0 ? ["--clear-groups"] : ["--groups", groups.join(",")];
  const command = ["setpriv", "--reuid", `${ACCOUNT}`, "--regid", `${ACCOUNT}`, ...membership, process.execPath, script, task];
  const ran = await runCommand(command, { timeoutMs: 60_000 });
  expect(ran, ran.stderr).toMatchObject({ code: 0 });
  return JSON.parse(ran.stdout) as Found;
}

/** The files of an agent are its own, whoever may command it; the configuration may be read. */
function expectFilesClosed(found: Found, home: string): void {
  const isOpen = (path: string): boolean => path === home || path === join(home, "run") || path.startsWith(join(home, "etc"));
  expect(found.writable).toEqual([]);
  expect([...found.readable, ...found.listable].filter((path) => !isOpen(path))).toEqual([]);
  expect(found.readable).toContain(join(home, "etc", "sm.yaml"));
}

const reading = COMMANDS.filter(({ role }) => role !== "admin").map(({ name }) => name);
const changing = COMMANDS.filter(({ role, name }) => role === "admin" && name !== "agent.stop").map(({ name }) => name);
const all = [...reading, ...changing, "agent.stop"];

test("each account can do what its groups allow, on the sockets, over TCP and with the files, and nothing else", async () => {
  const directory = openDirectory();
  const home = join(directory, "a");
  mkdirSync(join(home, "etc"), { recursive: true });
  writeFileSync(join(home, "etc", "sm.yaml"), "log: { level: debug }\n");
  const agent = await AgentProcess.start({ home, prefix: withGroups(directory) });
  const [admin, monitor] = [join(home, "run", "admin.sock"), join(home, "run", "monitor.sock")];
  mkdirSync(join(directory, "data"));
  writeFileSync(join(directory, "data", "file"), "x");
  await agent.json(["repset", "create", "data", "--include", join(directory, "data")]);
  await agent.json(["connect", "data", "localhost", "--map", `${join(directory, "data")}=${join(directory, "copy")}`]);
  await agent.json(["peer", "bootstrap", "create"]);
  const status = await agent.json<{ readonly agent: { readonly reasons: unknown } }>(["status"]);
  expect(status.agent.reasons).toEqual([]);
  const everywhere = (code: string) => Object.fromEntries(all.map((name) => [name, code]));

  const stranger = await probe(agent, directory, [], all);
  expect(stranger.sockets).toEqual({ [admin]: everywhere("EACCES"), [monitor]: everywhere("EACCES") });
  expect([...new Set(Object.values(stranger.tcp))]).toEqual([403]);
  expectFilesClosed(stranger, home);

  const watcher = await probe(agent, directory, [SMMON], all);
  expect(watcher.sockets[admin]).toEqual(everywhere("EACCES"));
  for (const name of reading) expect(["ok", "USAGE"], name).toContain(watcher.sockets[monitor]?.[name]);
  expect(watcher.sockets[monitor]).toMatchObject({ status: "ok", "peer.list": "ok", "connection.list": "ok" });
  for (const name of [...changing, "agent.stop"]) expect(watcher.sockets[monitor]?.[name], name).toBe("REFUSED");
  expectFilesClosed(watcher, home);

  const operator = await probe(agent, directory, [SMADMIN], all.slice(0, -1));
  for (const name of [...reading, ...changing]) expect(["EACCES", "REFUSED", "COMMAND_UNKNOWN"], name).not.toContain(operator.sockets[admin]?.[name]);
  expect(operator.sockets[admin]).toMatchObject({ status: "ok", "audit.list": "ok", "peer.remove": "NOT_FOUND" });
  // The door for reading is for the other group.
  expect(operator.sockets[monitor]).toEqual(Object.fromEntries(all.slice(0, -1).map((name) => [name, "EACCES"])));
  expectFilesClosed(operator, home);

  const { entries } = await agent.json<{ readonly entries: readonly AuditEntry[] }>(["audit", "--limit", "1000"]);
  const refused = entries.filter(({ result, from }) => result === "REFUSED" && from === "monitor.sock");
  expect(refused).toHaveLength(10);
  for (const entry of refused) expect(entry).toMatchObject({ uid: ACCOUNT, who: `uid ${ACCOUNT}`, role: "monitor", input: null });
  const carriedOut = entries.filter(({ uid, from }) => uid === ACCOUNT && from === "admin.sock").map(({ command }) => command);
  expect(carriedOut.sort()).toEqual([...changing].sort());
  expect(entries.find(({ command, uid }) => command === "connection.connect" && uid === 0)).toMatchObject({ uid: 0, result: "ok", input: { repset: "data" } });

  expect((await probe(agent, directory, [SMADMIN], ["agent.stop"])).sockets[admin]).toEqual({ "agent.stop": "ok" });
  expect(await agent.exited).toMatchObject({ code: 0 });
  const last =
    readFileSync(join(home, "log", "audit.jsonl"), "utf8")
      .trimEnd()
      .split("\n")
      .at(-1) ?? "";
  expect(JSON.parse(last)).toMatchObject({ command: "agent.stop", uid: ACCOUNT, result: "ok" });
  // A key that others could read is used no more.
  chmodSync(join(home, "state", "identity", "key.pem"), 0o644);
  await expect(agent.restart()).rejects.toThrow(/IDENTITY_UNSAFE.*chmod 600/);
});

/** What every account can see of the processes of a machine. */
function allCommandLines(): string {
  const numbers = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return numbers
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "latin1");
      } catch {
        return "";
      }
    })
    .join("\n");
}

test("a pairing token is in no command line, log or audit log, and of a file only its hash is kept", async () => {
  const directory = makeTempDirectory();
  for (const home of ["a", "b"]) {
    mkdirSync(join(directory, home, "etc"), { recursive: true });
    writeFileSync(join(directory, home, "etc", "sm.yaml"), "log: { level: debug }\n");
  }
  const target = await AgentProcess.start({ home: join(directory, "b") });
  const source = await AgentProcess.start({ home: join(directory, "a") });
  const { token } = await target.json<{ readonly token: string }>(["peer", "bootstrap", "create", "--site-name", "B", "--address", target.ready.listen]);
  const { secret } = JSON.parse(Buffer.from(token, "base64").toString()) as { readonly secret: string };
  const given = await source.cli(["peer", "bootstrap", "import", token]);
  expect([given.code, given.stderr.includes(token)]).toEqual([2, false]);
  let isDone = false;
  const seen: string[] = [];
  const imported = sm(["peer", "bootstrap", "import", "-"], { home: source.home, stdin: token }).finally(() => {
    isDone = true;
  });
  while (!isDone) {
    seen.push(allCommandLines());
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect((await imported).code).toBe(0);
  // A used token, and a forged one, make errors on both sides.
  expect((await source.cli(["peer", "bootstrap", "import", "-"], { input: token })).code).not.toBe(0);
  expect(seen.join().includes("bootstrap\0import")).toBe(true);
  const files = pathsBelow(directory, (path) => statSync(path).isFile());
  expect(files.filter((path) => path.endsWith("audit.jsonl"))).toHaveLength(2);
  const places = [...seen, source.outputTail, target.outputTail, ...files.map((path) => readFileSync(path, "latin1"))];
  for (const text of places) expect([text.includes(token), text.includes(secret)]).toEqual([false, false]);
});

test("a full disk holds up no command, and what it swallowed is counted when there is room", async () => {
  const directory = makeTempDirectory();
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", directory]);
  onTestFinished(() => void execFileSync("umount", [directory]));
  const log = new AuditLog({ directory, log: silentLog });
  const entry = {
    at: "",
    who: "root",
    uid: 0,
    pid: 1,
    from: "admin.sock",
    role: "admin",
    command: "x",
    input: "y".repeat(1000),
    result: "ok",
    durationMs: 0,
    leftOut: 0,
  };
  let written = 0;
  for (; log.reason === undefined && written < 1000; written++) await log.write(entry);
  expect(log.reason?.message).toContain("ENOSPC");
  await log.write(entry);
  rmSync(join(directory, "audit.jsonl"));
  await log.write(entry);
  expect(log.reason).toBeUndefined();
  expect(await log.list({ limit: 10, command: null })).toEqual([entry, expect.objectContaining({ command: "audit.lost", input: { entries: 2 } })]);
});
