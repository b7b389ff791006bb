import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { REMOVED, withoutSecrets } from "../../src/cli/diagnostics/secrets.js";
import { tarArchive } from "../../src/cli/diagnostics/tar-archive.js";
import { formatStatistics } from "../../src/cli/format/statistics-text.js";
import { statisticsOf } from "../../src/cli/statistics/statistics.js";
import { connectionReport, MemoryAgentControl } from "../support/memory-agent-control.js";
import { withMemoryAgent } from "../support/memory-agent-home.js";
import { runMain } from "../support/run-main.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const test = withMemoryAgent;

test("the archive is one that tar reads, with names and contents of every length", () => {
  const long = `${"d".repeat(90)}/${"e".repeat(60)}/${"n".repeat(99)}`;
  const files = ["empty", "a/b.txt", long, "ä"].map((name, index) => ({ name, content: Buffer.alloc([0, 3, 512, 1025][index] ?? 0, "x") }));
  const directory = makeTempDirectory();
  writeFileSync(join(directory, "t.tar"), tarArchive(files, 1_700_000_000_000));
  execFileSync("tar", ["-xf", "t.tar"], { cwd: directory });
  for (const { name, content } of files) expect(readFileSync(join(directory, name))).toEqual(content);
  expect(statSync(join(directory, "empty")).mtimeMs).toBe(1_700_000_000_000);
  expect(() => tarArchive([{ name: "n".repeat(101), content: Buffer.alloc(0) }], 0)).toThrow(RangeError);
});

test("secrets are taken out of configurations and logs, and nothing else is", () => {
  const text =
    'http:\n  password: hunter2 # x\n  tokenFile: /x/y\n  path: /home/secret\nINFO paired {"peer":"b","token":"abc\\"d","at":1}\nsnmp:\n  community:\n    - public\n  port: 161\n';
  const clean = withoutSecrets(`${text}-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n`);
  for (const secret of ["hunter2", "abc", "MIIE", "/x/y", "public"]) expect(clean).not.toContain(secret);
  for (const kept of ["path: /home/secret", '"peer":"b"', '"at":1', "  port: 161", `password: ${REMOVED}`]) expect(clean).toContain(kept);
});

test.for([
  "token=PLANT",
  "export SM_TOKEN=PLANT",
  "# password: PLANT",
  "snmp: { community: PLANT }",
  "passwords:\n- PLANT\n- PLANT",
  "  - token: PLANT\n    more: PLANT",
  "INFO sent Authorization: Bearer PLANT-0123",
  `sm~ops~${"A".repeat(38)}PLANT`,
  "ImportToken eyJ2IjoxLCJzaXRlIjoiQiIsImFkZHJlPLANT",
  "see https://user:PLANT@host/x",
  'INFO ran {"args":["--password","PLANT"]}',
  "/opt/x --password=PLANT --api-token PLANT -pass PLANT",
  'INFO x {"tokens":["PLANT"]}',
  'INFO x {"secret":{"a":{"b":"PLANT"}}}',
  'INFO x {"password":7,"apiKey":"PLANT \\" PLANT"}',
  "{'password': 'PLANT'}",
  'said "password: PLANT"',
  "auth_key: PLANT",
  "pass: PLANT",
] as const)("a secret is taken out of %j", (line) => {
  expect(withoutSecrets(`a: 1\n${line}\nsep: 1\n`)).toMatch(/^a: 1\n(?:(?!PLANT)[\s\S])*\(removed\)(?:(?!PLANT)[\s\S])*\nsep: 1\n$/);
});

test.for([
  "passed: 3, pass rate 1",
  "INFO the token is expired",
  "keys: {enabled: true}",
  "path: /home/token/x",
  "https://host:1500/x",
  '{"publicKey":"x","at":1}',
  "- a\n- b",
] as const)("nothing is taken out of %j", (line) => {
  expect(withoutSecrets(line)).toBe(line);
});

test("an archive holds what helps, for its owner only; without an agent it says so", async ({ server, home }) => {
  mkdirSync(join(home, "etc", "repsets.d"), { recursive: true });
  mkdirSync(join(home, "log"));
  mkdirSync(join(home, "state", "identity"), { recursive: true });
  writeFileSync(join(home, "etc", "sm.yaml"), "server:\n  name: a\nhttp:\n  password: hunter2\n");
  writeFileSync(join(home, "etc", "repsets.d", "web.yaml"), "rules: []\n");
  writeFileSync(join(home, "log", "sm.log"), "x".repeat(3 * 1024 * 1024));
  writeFileSync(join(home, "log", "cut.log"), `"token": "PLANT${"P".repeat(200)}"\n${"y".repeat(2 * 1024 * 1024 - 50)}\nend\n`);
  writeFileSync(join(home, "state", "identity", "key.pem"), "MIIE");
  const output = join(home, "d.tar.gz");
  const done = await runMain(["diagnostics", "--output", output, "--json"], { SM_HOME: home });
  expect(done).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(done.stdout).files).toEqual(
    expect.arrayContaining(["versions.json", "agent/status.json", "config/sm.yaml", "config/repsets.d/web.yaml", "log/sm.log", "state-files.txt"]),
  );
  expect(statSync(output).mode & 0o777).toBe(0o600);
  const all = execFileSync("tar", ["-xzOf", output], { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  expect(all).not.toMatch(/hunter2|MIIE|PLANT|PPP/);
  expect(all).toContain("yyy\nend\n");
  expect(all).toContain("identity/key.pem");
  expect(all.match(/x{1000,}/g)?.join("").length).toBe(2 * 1024 * 1024);
  expect((await runMain(["diagnostics", "--output", output], { SM_HOME: home })).code).toBe(2);
  await server.close();
  const other = mkdtempSync(join(home, "more-"));
  chmodSync(other, 0o700);
  const away = await runMain(["diagnostics", "--output", join(other, "d.tar.gz")], { SM_HOME: home });
  expect(away).toMatchObject({ code: 5, stdout: expect.stringContaining("not in it: status: AGENT_UNREACHABLE") });
});

test("statistics are counters, and rates over an interval of one agent", () => {
  const report = new MemoryAgentControl({ pid: 1 }).status();
  const sample = (sentBytes: number, atMs: number, startedAt = "x") => ({
    ...{ atMs, report: { ...report, agent: { ...report.agent, startedAt }, connections: [connectionReport({ sentBytes, appliedSeq: sentBytes / 100 })] } },
  });
  expect(statisticsOf(sample(500, 0), null)).toMatchObject({ seconds: null, connections: [{ id: 1, sentBytes: 500, sentBytesPerSecond: null }] });
  expect(statisticsOf(sample(1500, 2000), sample(500, 0)).connections).toMatchObject([{ sentBytesPerSecond: 500, setsPerSecond: 5 }]);
  expect(statisticsOf(sample(1500, 2000, "y"), sample(500, 0)).connections[0]?.sentBytesPerSecond).toBeNull();
  expect(statisticsOf(sample(100, 2000), sample(500, 0)).connections[0]?.sentBytesPerSecond).toBeNull();
  expect(formatStatistics(statisticsOf(sample(1500, 2000), sample(500, 0)))).toMatch(
    /, over 2 s\nCONN {2}SET .*SENDS.*\n {3}1 {2}home {2}beta .* 500 B\/s .* 5\.0$/,
  );
  expect(formatStatistics(statisticsOf({ atMs: 0, report }, null))).toBe("1970-01-01 00:00:00Z, since the start: nothing is connected");
});

test("stats, and the jobs of a connection", async ({ server, agent, home }) => {
  expect(server).toBeDefined();
  agent.setConnection(connectionReport());
  const run = (words: string) => runMain(words.split(" "), { SM_HOME: home });
  const lines = (await run("stats 1 --interval 0.2s --count 2 --json")).stdout.trim().split("\n");
  expect(lines.map((line) => JSON.parse(line).connections.length)).toEqual([1, 1]);
  for (const wrong of ["stats 9", "stats --interval 0.1s", "stats --count 2"]) expect((await run(wrong)).code).toBe(2);
  expect(await run("verify status 1")).toMatchObject({ code: 2, stderr: expect.stringContaining("`sm verify start 1` starts one") });
  expect(await run("verify stop 9")).toMatchObject({ code: 2, stderr: expect.stringContaining("there is no connection 9") });
  for (const kind of ["verify", "orphans"]) {
    expect((await run(`${kind} start 1`)).code).toBe(0);
    expect((await run(`${kind} status 1`)).code).toBe(0);
    expect(await run(`${kind} stop 1`)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^no .* is running\n$/) });
  }
  expect(await run("restore status")).toMatchObject({ code: 0, stdout: "there was no restore\n" });
  expect((await run("mirror status 1")).stdout).toMatch(/^mirror 0: Idle\n$/);
});
