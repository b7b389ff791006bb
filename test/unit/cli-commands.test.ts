import { execFile, spawn } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { SmError } from "../../src/base/errors.js";
import { silentLog } from "../../src/base/log.js";
import { ControlServer } from "../../src/control/http-server.js";
import { connectionReport, MemoryAgentControl } from "../support/memory-agent-control.js";
import { withMemoryAgent } from "../support/memory-agent-home.js";
import { SM, type SmOptions, type SmResult, sm, startSm } from "../support/sm-program.js";

const test = withMemoryAgent.extend<{ run(args: string, options?: SmOptions): Promise<SmResult> }>({
  run: async ({ home }, use) => use((args, options) => sm(args.split(" "), { home, ...options })),
});

test("sets: create, show, change, copy, rename, size, delete", async ({ server, run, agent }) => {
  expect(server.adminSocket).toContain("admin.sock");
  const created = await run("repset create home --include /home --include /srv --exclude *.tmp --no-recursive --json");
  expect(created).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(created.stdout).repset).toEqual({
    name: "home",
    generation: 1,
    rules: [
      { path: "/home", mode: "include", recursive: false },
      { path: "/srv", mode: "include", recursive: false },
      { path: "/home/*.tmp", mode: "exclude", recursive: true },
      { path: "/srv/*.tmp", mode: "exclude", recursive: true },
    ],
  });
  expect((await run("repset rule add home /opt --include --generation 1")).stdout).toContain("include /opt");
  expect(await run("repset rule add home /opt --exclude --generation 1")).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringMatching(/^error REPSET_GENERATION: .*\nhint: /),
  });
  expect((await run("repset rule remove home /srv")).stdout).not.toContain("include /srv\n");
  expect((await run("repset copy home two")).stdout).toContain("two, generation 1");
  expect((await run("repset rename two three")).stdout).toContain("three");
  expect((await run("repset size three")).stdout).toBe("three: 3 files, 1 directories, 4.0 KiB\n");
  expect((await run("repset list")).stdout).toMatch(/^SET +GENERATION +RULES +INCLUDES\nhome +3 /);
  expect(JSON.parse((await run("repset show home --json")).stdout).repset.generation).toBe(3);
  expect(await run("repset delete three")).toMatchObject({ code: 0, stdout: "deleted three\n" });
  expect((await agent.repsets.list()).map(({ name }) => name)).toEqual(["home"]);
});

test("connect passes every option on, and prints the connection", async ({ server, run, agent }) => {
  expect(server).toBeDefined();
  await agent.repsets.create("home", [{ path: "/home", mode: "include", recursive: true }]);
  const result = await run(
    "connect home beta --map /home=/backup/a=b --no-mirror --no-replicate --compression lz4 --durability write --no-remap-links --guard 20% --json",
  );
  expect(result.code).toBe(0);
  expect(JSON.parse(result.stdout)).toMatchObject({ connection: { id: 1, mappings: [{ source: "/home", target: "/backup/a=b" }] } });
  expect(JSON.parse(agent.calls[0] ?? "")).toEqual({
    repset: "home",
    target: "beta",
    map: { kind: "pairs", pairs: [{ source: "/home", target: "/backup/a=b" }] },
    options: { mirror: "none", replicate: false, compression: "lz4", durability: "write", remapLinks: false, guard: 20, guardChanged: "configured" },
  });
  expect((await run("connect home beta --exact --mirror full")).stdout).toContain("home → beta");
  const options = {
    mirror: "full",
    replicate: true,
    compression: "off",
    remapLinks: true,
    guard: "configured",
    guardChanged: "configured",
  };
  expect(JSON.parse(agent.calls[1] ?? "").options).toEqual(options);
  expect((await run("connection set 2 --compression brotli")).stdout).toMatch(/^connection 2\n[\s\S]* compression {5}brotli\n/);
  expect(JSON.parse((await run("connection set 2 --compression lz4 --json")).stdout).connection).toMatchObject({ id: 2, compression: "lz4" });
  expect(await run("connection set 2")).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("name an option to change") });
  expect(await run("connection set 2 --compression zip")).toMatchObject({ code: 2, stderr: expect.stringContaining("off, lz4, brotli") });
  expect(await run("connection set 9 --compression off")).toMatchObject({ code: 2, stderr: expect.stringContaining("error NOT_FOUND") });
  expect((await run("connection list")).stdout.split("\n")).toHaveLength(4);
  expect((await run("connection show 2")).stdout).toContain("connection 2\n");
  expect(await run("disconnect 1")).toMatchObject({ code: 0, stdout: "disconnected 1\n" });
  expect(await run("disconnect 1")).toMatchObject({ code: 2, stderr: expect.stringContaining("error NOT_FOUND: there is no connection 1") });
});

test("a held connection is decided on, and its threshold set", async ({ server, run, agent }) => {
  expect(server).toBeDefined();
  const guard = {
    state: "held",
    lostPercent: 20,
    lostFiles: null,
    changedPercent: null,
    crossed: "lost",
    lost: 2143,
    changed: 0,
    files: 10_000,
    fromSeq: 812,
    since: "2026-01-02T03:04:05.000Z",
  } as const;
  agent.setConnection(connectionReport({ state: "held", guard }));
  expect((await run("connection show 1")).stdout).toContain("guard           held from change set 812 on: 2,143 of 10,000 files lost\n");
  for (const words of ["approve 1", "reject 1", "guard 1 35", "guard 1 off", "guard 1 lost=20,changed=50%", "guard 1 changed=configured"])
    expect((await run(`connection ${words}`)).code).toBe(0);
  expect(agent.calls).toEqual(["approve 1", "reject 1", "guard 35 undefined 1", "guard off off 1", "guard 20 50 1", "guard undefined configured 1"]);
  for (const wrong of ["lost=0", "kept=20", "lost=1,lost=2"]) expect((await run(`connection guard 1 ${wrong}`)).code).toBe(2);
  expect(await run("connection guard 1 200%")).toMatchObject({ code: 2, stderr: expect.stringContaining("a percentage from 1 to 100") });
  expect(await run("connection approve 7")).toMatchObject({ code: 2, stderr: expect.stringContaining("NOT_FOUND") });
});

test("exit codes: sync done 0, in time not done 6, halted 4", async ({ server, run, agent }) => {
  expect(server).toBeDefined();
  agent.setConnection(connectionReport());
  expect((await run("sync 1 --timeout 2m")).code).toBe(0);
  expect(agent.calls).toEqual(["sync 1 120000"]);
  agent.syncFails = new SmError("TIMEOUT", "12 ops are not there yet");
  expect(await run("sync 1 --json")).toMatchObject({ code: 6, stderr: "", stdout: expect.stringContaining('"code":"TIMEOUT"') });
  agent.syncFails = new SmError("ROOT_MISSING", "/home is gone");
  expect((await run("sync 1")).code).toBe(4);
});

test("mirror start --wait returns with the outcome", async ({ server, run, agent }) => {
  expect(server).toBeDefined();
  agent.setConnection(connectionReport());
  expect(await run("mirror start 1 --wait")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("mirror 1: Idle (last: difference, done"),
    stderr: expect.stringContaining("Mirroring 0 %"),
  });
  agent.setConnection(connectionReport({ id: 2 }));
  const slow = new MemoryAgentControl({ mirrorEnds: null });
  vi.spyOn(agent.connections, "startMirror").mockImplementation(slow.connections.startMirror);
  vi.spyOn(agent.connections, "waitMirror").mockImplementation(slow.connections.waitMirror);
  slow.setConnection(connectionReport({ id: 2 }));
  expect((await run("mirror start 2 --mode full --wait --timeout 0.2s --json")).code).toBe(6);
  const waiting = run("mirror start 2 --wait");
  await vi.waitFor(async () => expect((await slow.connections.show(2)).mirror.id).toBe(2), 5_000);
  slow.endMirror(2, { outcome: "done", problemCount: 1, problems: [{ path: "/x", code: "FS_DENIED", message: "no", at: "" }] });
  expect(await waiting).toMatchObject({ code: 5, stdout: expect.stringContaining("/x: FS_DENIED: no") });
  expect((await run("mirror stop 1")).code).toBe(0);
});

test("a dry run waits for its plan and leaves with 0; its flags go with nothing else", async ({ server, run, agent }) => {
  expect(server).toBeDefined();
  agent.setConnection(connectionReport());
  await agent.repsets.create("home", [{ path: "/home", mode: "include", recursive: true }]);
  const told = ["mirror start 1 --newer --dry-run", "orphans start 1 --action delete --dry-run --json", "repset rule add home /home/a --exclude --dry-run"];
  const [mirror, orphans, rule] = await Promise.all(told.map((command) => run(command)));
  expect(mirror).toMatchObject({ code: 0, stdout: expect.stringContaining("plan of a difference, newer only mirror of") });
  expect(orphans).toMatchObject({ code: 0, stdout: expect.stringContaining('"isDryRun":true') });
  expect(rule).toMatchObject({ code: 0, stdout: expect.stringContaining("nothing is saved") });
  const bad = ["mirror start 1 --names 5", "mirror start 1 --timeout 5s", "orphans start 1 --names 5", "repset rule remove home /home --names 5"];
  expect((await Promise.all(bad.map((command) => run(command)))).map(({ code }) => code)).toEqual([2, 2, 2, 2]);
});

test("bootstrap prints only the token on stdout; import reads it from stdin", async ({ server, run, agent }) => {
  expect(server).toBeDefined();
  const created = await run("peer bootstrap create --site-name beta --address 10.0.0.2:1500 --address [::1]:1501 --ttl 2h");
  expect(created).toMatchObject({ code: 0, stdout: `${Buffer.from("beta").toString("base64")}\n`, stderr: expect.stringContaining("secret") });
  expect(JSON.parse(agent.calls[0] ?? "")).toEqual({
    siteName: "beta",
    addresses: [
      { host: "10.0.0.2", port: 1500 },
      { host: "::1", port: 1501 },
    ],
    ttlSeconds: 7200,
  });
  expect((await run("peer bootstrap import - --site-name alpha", { stdin: created.stdout })).stdout).toMatch(
    /^paired with beta \(10\.0\.0\.2:1500\), round trip 1\.5 ms/,
  );
  expect((await run("peer bootstrap import -", { stdin: "\n" })).code).toBe(7);
  expect((await run("peer list")).stdout).toMatch(/^PEER .*\nbeta {2}10\.0\.0\.2:1500 {2}yes /);
  expect((await run("peer remove beta")).code).toBe(0);
  expect((await run("peer remove beta")).code).toBe(7);
});

test("users: the token alone on stdout, once; certificates as files or fingerprints", async ({ server, run, agent }) => {
  expect(server).toBeDefined();
  const created = await run("user create grafana --role monitor");
  expect(created).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^sm~grafana~[A-Za-z0-9_-]{43}\n$/),
    stderr: expect.stringContaining("cd".repeat(32)),
  });
  expect(created.stderr).not.toContain(created.stdout.trim());
  const renewed = await run("user token grafana --json");
  expect(renewed).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(renewed.stdout).token).not.toBe(created.stdout.trim());
  expect((await run(`user create ops --role admin --certificate ${"AB:".repeat(31)}AB`)).code).toBe(0);
  expect(agent.users.find("ops")).toMatchObject({ role: "admin", fingerprint: "ab".repeat(32) });
  expect(await run("user create other --role admin --certificate /none.pem")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--certificate /none.pem"),
  });
  expect((await run("user role ops none")).stdout).toBe("ops has the role none\n");
  expect((await run("user list")).stdout).toMatch(/^USER .*\ngrafana +monitor +none .*\nops +none +abababababababab /);
  expect((await run("user remove ops")).stdout).toBe("removed ops\n");
});

test("status --json has its shape at once; a connection narrows it", async ({ server, run, agent }) => {
  expect(server).toBeDefined();
  expect(Object.keys(JSON.parse((await run("status --json")).stdout)).sort()).toEqual([
    "agent",
    "captures",
    "config",
    "connections",
    "goodbyes",
    "index",
    "targets",
  ]);
  agent.setConnection(connectionReport());
  agent.setConnection(connectionReport({ id: 2, repset: "etc" }));
  const one = JSON.parse((await run("status 2 --json")).stdout);
  expect([one.connections.length, one.captures.length, one.connections[0].repset]).toEqual([1, 1, "etc"]);
  expect(await run("status 9")).toMatchObject({ code: 2, stderr: expect.stringContaining("NOT_FOUND") });
  expect((await run("agent status --json")).stdout).toMatch(/^\{"agent":\{"pid":/);
  expect((await run("status")).stdout).not.toContain("\x1b");
});

test("status --watch prints each change until it is interrupted", async ({ server, home, agent }) => {
  expect(server).toBeDefined();
  const watching = startSm(["status", "--watch", "--json"], { home });
  await vi.waitFor(() => expect(agent.watcherCount).toBe(1), 5_000);
  agent.setConnection(connectionReport());
  await vi.waitFor(() => expect(watching.stdout().trim().split("\n")).toHaveLength(2), 5_000);
  watching.process.kill("SIGINT");
  const { code, stdout } = await watching.result;
  expect(code).toBe(0);
  expect(
    stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).connections.length),
  ).toEqual([0, 1]);
});

test("agent stop returns when the process is gone", async ({ home }) => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  const agent = new MemoryAgentControl({ pid: child.pid ?? 0, onStop: () => void child.kill() });
  const server = await ControlServer.open({ runtimeDir: join(home, "run"), agent, log: silentLog });
  expect(await sm(["agent", "stop", "--json"], { home })).toMatchObject({ code: 0, stdout: `{"stopped":true,"pid":${child.pid}}\n` });
  const stubborn = new MemoryAgentControl();
  await server.close();
  const other = await ControlServer.open({ runtimeDir: join(home, "run"), agent: stubborn, log: silentLog });
  expect((await sm(["agent", "stop", "--timeout", "0.1"], { home })).code).toBe(6);
  await other.close();
});

test("an agent that is not there, or does not speak, is unreachable by name", async ({ run, home }) => {
  const missing = await run("status");
  expect(missing).toMatchObject({ code: 3, stdout: "" });
  expect(missing.stderr).toBe(
    `error AGENT_UNREACHABLE: no agent answers on ${home}/run/admin.sock\nhint: Start the agent with \`sm agent run\`, or check SM_HOME / --runtime-dir; of another machine: \`sm server show NAME\`.\n`,
  );
  const json = await run("repset list --json");
  expect([json.code, json.stderr, JSON.parse(json.stdout).error.data.socket]).toEqual([3, "", `${home}/run/admin.sock`]);
  expect((await run(`status --runtime-dir /${"d".repeat(120)}`)).code).toBe(3);
  const garbage = createServer((socket) => socket.resume().end("what?\r\n\r\n"));
  mkdirSync(join(home, "run"));
  await new Promise<void>((resolve) => garbage.listen(join(home, "run", "admin.sock"), resolve));
  expect((await run("status")).code).toBe(3);
  await new Promise((resolve) => garbage.close(resolve));
});

test.concurrent.for([
  ["frobnicate", "COMMAND_UNKNOWN", "there is no command `sm frobnicate`"],
  ["repset creat x", "COMMAND_UNKNOWN", "did you mean `sm repset create`?"],
  ["status --frob", "USAGE", "Nonexistent flag: --frob"],
  ["repset create x", "USAGE", "include"],
  ["repset rule add x /y", "USAGE", "Exactly one of the following must be provided: --exclude, --include"],
  ["sync", "USAGE", "conn"],
  ["sync home", "USAGE", "sm connection list"],
  ["connect a b", "USAGE", "--map SOURCE=TARGET"],
  ["connect a b --map x", "MAP_INVALID", "absolute"],
  ["connect a b --exact --mirror maybe", "USAGE", "full, difference"],
  ["mirror start 1 --timeout 5", "USAGE", "--wait"],
] as const)("usage: sm %s", async ([args, code, text], { expect }) => {
  const result = await sm([...args.split(" "), "--json"]);
  expect([result.code, result.stderr]).toEqual([2, ""]);
  const { error } = JSON.parse(result.stdout);
  expect(error).toMatchObject({ code, hint: expect.any(String) });
  expect(error.message).toContain(text);
});

test("an error in words is the code, the reason and the remedy", async ({ run }) => {
  expect(await run("sync")).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(/^error USAGE: .*\nhint: .*--help.*\n$/) });
});

test("every command has an example, and help is text", async ({ run }) => {
  const help = await run("mirror start --help");
  expect(help).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(/EXAMPLES\n +\$ sm mirror start 1\n/) });
  expect(help.stdout).not.toContain("\x1b");
  expect((await run("--version")).stdout).toMatch(/^sm\/\d/);
});

// Needs root, to become another account.
test.runIf(process.getuid?.() === 0)("an account of the role monitor may read and is refused the rest", async ({ agent }) => {
  // Not below TMPDIR, which may be private to root.
  const home = mkdtempSync("/tmp/sm-cli-role-");
  chmodSync(home, 0o755);
  const server = await ControlServer.open({ runtimeDir: join(home, "run"), agent, log: silentLog });
  chownSync(server.monitorSocket, -1, 65_534);
  agent.setConnection(connectionReport());
  const asNobody = (args: string[]): Promise<{ code: number; stderr: string }> =>
    new Promise((resolve) => {
      const options = { uid: 65_534, gid: 65_534, env: { PATH: process.env.PATH, SM_HOME: home, HOME: "/" } };
      execFile(process.execPath, [SM, ...args], options, (error, _stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stderr }));
    });
  expect(await asNobody(["status"])).toEqual({ code: 0, stderr: "" });
  expect(await asNobody(["disconnect", "1"])).toMatchObject({ code: 7, stderr: expect.stringContaining("smadmin") });
  chmodSync(server.monitorSocket, 0o600);
  expect(await asNobody(["status"])).toMatchObject({ code: 7, stderr: expect.stringContaining("neither") });
  await server.close();
  rmSync(home, { recursive: true });
});

test("without dist/ the program says what to do", async ({ home }) => {
  mkdirSync(join(home, "bin"));
  writeFileSync(join(home, "package.json"), '{"type":"module"}');
  copyFileSync(SM, join(home, "bin", "sm"));
  const result = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
    execFile(process.execPath, [join(home, "bin", "sm"), "status"], (error, _stdout, stderr) => resolve({ code: error?.code, stderr }));
  });
  expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining("npm run build") });
});
