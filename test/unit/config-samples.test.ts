import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { silentLog } from "../../src/base/log.js";
import { RepsetStore } from "../../src/config/repset-store.js";
import type { BytePath } from "../../src/model/byte-path.js";
import { groupIdFrom, ROLE_GROUPS } from "../../src/model/group-file.js";
import { RepsetMatcher } from "../../src/model/repset-matcher.js";

const shipped = (name: string): string => new URL(`../../config/${name}`, import.meta.url).pathname;

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), "sm-samples-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test("the sample replication set loads and means what its comments say", async () => {
  const directory = temporary();
  mkdirSync(join(directory, "repsets.d"));
  copyFileSync(shipped("repsets.d/example.yaml.sample"), join(directory, "repsets.d/example.yaml"));
  const store = await RepsetStore.open(directory, silentLog);
  const { rules, generation } = store.get("example");
  expect({ generation, count: rules.length }).toEqual({ generation: 1, count: 5 });
  const matcher = new RepsetMatcher(rules, "/");
  const decide = (path: string, isDirectory = false): boolean => matcher.decide(path as BytePath, isDirectory);
  expect([decide("var/data/a/b"), decide("var/data/a/b.tmp"), decide("var/data/cache/x"), decide("var/data/cache/keep/x")]).toEqual([true, false, false, true]);
  expect([decide("etc/app/x.conf"), decide("etc/app/sub", true), decide("etc/app/sub/x"), decide("etc/passwd")]).toEqual([true, false, false, false]);
});

function parseUnit(text: string): Map<string, string[]> {
  const values = new Map<string, string[]>();
  let section = "";
  for (const line of text.split("\n").map((each) => each.trim())) {
    if (line === "" || line.startsWith("#")) continue;
    const header = /^\[(\w+)\]$/.exec(line);
    const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (header) section = header[1] ?? "";
    else if (key !== undefined && value !== undefined) values.set(`${section}.${key}`, [...(values.get(`${section}.${key}`) ?? []), value]);
    else throw new Error(`neither section nor setting: ${line}`);
  }
  return values;
}

test("the unit file has what the agent needs, and nothing that hides files from it", () => {
  const unit = parseUnit(readFileSync(shipped("sm-agent.service"), "utf8"));
  const expected = {
    "Service.Type": "simple",
    "Service.ExecStart": "/usr/bin/sm agent run",
    "Service.Restart": "on-failure",
    "Service.RuntimeDirectory": "sm",
    "Service.StateDirectory": "sm",
    "Service.LogsDirectory": "sm",
    "Install.WantedBy": "multi-user.target",
  };
  for (const [key, value] of Object.entries(expected)) expect([key, unit.get(key)]).toEqual([key, [value]]);
  for (const key of [
    "ProtectSystem",
    "ProtectHome",
    "PrivateTmp",
    "PrivateDevices",
    "ProtectClock",
    "ProtectKernelModules",
    "RestrictSUIDSGID",
    "MemoryDenyWriteExecute",
  ]) {
    expect([key, unit.has(`Service.${key}`)]).toEqual([key, false]);
  }
});

test.runIf(existsSync("/usr/bin/systemd-analyze"))("systemd takes the unit file", () => {
  // The program it names is not installed where tests run; another one stands in for it.
  const file = join(temporary(), "sm-agent.service");
  writeFileSync(file, readFileSync(shipped("sm-agent.service"), "utf8").replace("/usr/bin/sm ", `${process.execPath} `));
  expect(execFileSync("systemd-analyze", ["verify", file], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })).toBe("");
});

test("the groups of the roles are made by the shipped sysusers file", () => {
  const lines = readFileSync(shipped("sm.sysusers"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(/\s+/));
  expect(lines).toEqual(Object.values(ROLE_GROUPS).map((group) => ["g", group, "-", "-"]));
});

test.runIf(existsSync("/usr/bin/systemd-sysusers"))("systemd takes it", () => {
  const root = temporary();
  mkdirSync(join(root, "etc"));
  for (const name of ["group", "passwd"]) writeFileSync(join(root, "etc", name), "");
  execFileSync("systemd-sysusers", [`--root=${root}`, shipped("sm.sysusers")], { stdio: "pipe" });
  const groups = readFileSync(join(root, "etc", "group"), "utf8");
  for (const group of Object.values(ROLE_GROUPS)) expect(groupIdFrom(groups, group)).toBeGreaterThan(0);
});
