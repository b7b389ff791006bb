// The set-up of a server: what is asked, what is written, and what is left alone.

import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { askAnswers, type SetupAnswers, type SetupFacts, settingsOf } from "../../src/cli/setup/answers.js";
import { Asker } from "../../src/cli/setup/asker.js";
import { nextSteps, type SetUpPlace } from "../../src/cli/setup/next-steps.js";
import { makeGroups, missingRoleGroups } from "../../src/cli/setup/system-groups.js";
import { createFileAtomic } from "../../src/config/atomic-file.js";
import { loadConfig } from "../../src/config/load-config.js";
import { runMain } from "../support/run-main.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const FLAGS = ["--site-name", "B", "--listen", "10.0.0.2:1500", "--no-remote-users", "--allowed-root", "/srv/a", "--allowed-root", "/srv/b, c", "--no-groups"];

function newHome(): { readonly home: string; readonly file: string; readonly env: { readonly SM_HOME: string } } {
  const home = join(makeTempDirectory(), "home");
  return { home, file: join(home, "etc", "sm.yaml"), env: { SM_HOME: home } };
}

describe("sm setup", () => {
  test("writes what the options say, with the comments of the sample, for an agent to load; and never a second time", async () => {
    const { home, file, env } = newHome();
    const done = await runMain(["setup", ...FLAGS], env);
    expect(done).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining(`${file} is written`) });
    expect(done.stdout).toContain(`SM_HOME=${home} sm agent run`);
    expect(statSync(file).mode & 0o777 & ~0o644).toBe(0);
    const config = loadConfig({ env });
    expect(config).toMatchObject({ server: { name: "B", listen: "10.0.0.2:1500" }, api: { remote: false }, target: { allowedRoots: ["/srv/a", "/srv/b, c"] } });
    const text = readFileSync(file, "utf8");
    expect(text).toContain("# Absolute directories that copies may be put below.");
    expect(text).not.toContain("$schema");
    expect((await runMain(["config", "check"], env)).code).toBe(0);

    const again = await runMain(["setup", "--yes", "--site-name", "C"], env);
    expect(again).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(/^error ALREADY_EXISTS: .*`sm config set KEY VALUE`/) });
    expect(readFileSync(file, "utf8")).toBe(text);
    expect(readdirSync(join(home, "etc"))).toEqual(["sm.yaml"]);
  });

  test("asks nothing where there is no terminal: what is missing is named, and --yes takes the defaults", async () => {
    const { home, env } = newHome();
    const asked = await runMain(["setup", "--site-name", "B", "--no-groups"], env, "x\n".repeat(9));
    expect(asked).toMatchObject({ code: 2, stdout: "" });
    expect(asked.stderr).toContain("give --listen HOST:PORT, --[no-]remote-users, --allowed-root DIR, or --yes");
    expect(existsSync(home)).toBe(false);
    expect((await runMain(["setup", "--yes"], env)).code).toBe(0);
    expect(loadConfig({ env, hostname: "h" })).toEqual(loadConfig({ env: { SM_HOME: home }, hostname: "h", flags: {} }));
    expect(loadConfig({ env, hostname: "h" }).server).toEqual({ name: "h", listen: "127.0.0.1:1500", addresses: [] });
  });

  test("a dry run prints the file, and nothing else", async () => {
    const { home, file, env } = newHome();
    const dry = await runMain(["setup", ...FLAGS, "--dry-run"], env);
    expect(dry).toMatchObject({ code: 0, stderr: "" });
    expect(existsSync(home)).toBe(false);
    await runMain(["setup", ...FLAGS], env);
    expect(dry.stdout).toBe(readFileSync(file, "utf8"));
    const json = JSON.parse((await runMain(["setup", ...FLAGS, "--dry-run", "--json"], newHome().env)).stdout);
    expect(json).toMatchObject({ isWritten: false, text: dry.stdout, settings: { "server.name": "B" }, groups: { made: [] } });
  });

  test("writes nothing that is wrong, nor where others may write, nor over a link", async () => {
    const wrong = newHome();
    expect(await runMain(["setup", "--yes", "--listen", "nowhere"], wrong.env)).toMatchObject({ code: 2, stderr: expect.stringContaining("server.listen") });
    expect(await runMain(["setup", "--yes", "--allowed-root", "here"], wrong.env)).toMatchObject({ code: 2, stderr: expect.stringContaining("absolute path") });
    expect(existsSync(wrong.home)).toBe(false);

    const others = newHome();
    mkdirSync(join(others.home, "etc"), { recursive: true });
    chmodSync(join(others.home, "etc"), 0o777);
    expect(await runMain(["setup", "--yes"], others.env)).toMatchObject({ code: 4, stderr: expect.stringContaining("FILE_UNSAFE") });
    chmodSync(join(others.home, "etc"), 0o755);
    mkdirSync(join(others.home, "etc", "repsets.d"));
    writeFileSync(join(others.home, "etc", "repsets.d", "a.yaml"), "rules: 7\n");
    expect(await runMain(["setup", "--yes"], others.env)).toMatchObject({ code: 2, stderr: expect.stringContaining("a.yaml") });
    expect(readdirSync(join(others.home, "etc"))).toEqual(["repsets.d"]);

    const linked = newHome();
    mkdirSync(join(linked.home, "etc"), { recursive: true });
    symlinkSync(join(linked.home, "elsewhere"), linked.file);
    expect(await runMain(["setup", "--yes"], linked.env)).toMatchObject({ code: 2, stderr: expect.stringContaining("ALREADY_EXISTS") });
    expect(existsSync(join(linked.home, "elsewhere"))).toBe(false);
  });

  test("whoever is faster has the file, whole", () => {
    const directory = makeTempDirectory();
    const path = join(directory, "sm.yaml");
    createFileAtomic(path, "first");
    expect(() => createFileAtomic(path, "second")).toThrow(expect.objectContaining({ code: "EEXIST" }));
    expect([readFileSync(path, "utf8"), readdirSync(directory)]).toEqual(["first", ["sm.yaml"]]);
  });
});

describe("questions", () => {
  const facts = (missingGroups: readonly string[] = []): SetupFacts => ({
    ...{ hostname: "here", missingGroups },
    fault: (_key, value) => (String(value).includes("wrong") ? "something else" : undefined),
  });

  async function answered(given: SetupAnswers, answers: readonly string[], missingGroups: readonly string[] = []) {
    const left = [...answers];
    const asked: string[] = [];
    const ask = async (question: string): Promise<string> => {
      asked.push(question);
      return left.shift() ?? expect.unreachable(`nobody answers ${question}`);
    };
    return { result: await askAnswers(given, ask, facts(missingGroups)), asked, left };
  }

  test("an empty answer is the default", async () => {
    const { result, asked } = await answered({}, ["", "", "", "", ""], ["smmon"]);
    expect(result).toEqual({ siteName: "here", listen: "127.0.0.1:1500", remoteUsers: true, allowedRoots: [], groups: true });
    expect(asked).toHaveLength(5);
    expect(asked[0]).toBe("Name that peers know this server by [here]: ");
  });

  test("what is not taken is asked again, and says what is", async () => {
    const { result, asked, left } = await answered({ siteName: "B" }, ["wrong", " 10.0.0.2:1 ", "perhaps", "N", "/a", "wrong", "/b", ""]);
    expect(result).toEqual({ siteName: "B", listen: "10.0.0.2:1", remoteUsers: false, allowedRoots: ["/a", "/b"], groups: undefined });
    expect(asked.filter((question) => /^(It takes something else\.|Answer y or n\.|It takes an absolute path)/.test(question))).toHaveLength(3);
    expect(left).toEqual([]);
  });

  test("what the options say is not asked, and what nobody said is left to the file", async () => {
    const given = { siteName: "B", listen: "[::1]:7", remoteUsers: true, allowedRoots: ["/a"], groups: false };
    expect((await answered(given, [], ["smadmin"])).result).toEqual(given);
    expect(settingsOf({ listen: "[::1]:7", groups: true })).toEqual({ "server.listen": "[::1]:7" });
  });

  test("the end of input is the end of the set-up", async () => {
    const input = new PassThrough();
    const asker = new Asker(input, new PassThrough());
    // Pasted, before the second is asked.
    input.write("one\ntwo\n");
    expect([await asker.ask("first? "), await asker.ask("second? ")]).toEqual(["one", "two"]);
    const third = asker.ask("third? ");
    input.end();
    await expect(third).rejects.toMatchObject({ code: "USAGE", message: expect.stringContaining("nothing was written") });
  });
});

describe("groups", () => {
  test("those that the system does not have, for root alone", () => {
    const file = join(makeTempDirectory(), "group");
    expect(missingRoleGroups(file, true)).toEqual(["smadmin", "smmon"]);
    writeFileSync(file, "root:x:0:\nsmadmin:x:990:ann\n");
    expect(missingRoleGroups(file, true)).toEqual(["smmon"]);
    expect(missingRoleGroups(file, false)).toEqual([]);
  });

  test("are made by groupadd, and its refusal is told", () => {
    const directory = makeTempDirectory();
    writeFileSync(join(directory, "groupadd"), `#!/bin/sh\necho "$@" >> ${directory}/log\n[ "$2" = smadmin ] || { echo no room >&2; exit 10; }\n`);
    chmodSync(join(directory, "groupadd"), 0o755);
    expect(() => makeGroups(["smadmin", "smmon"], { PATH: directory })).toThrow(/cannot make the group smmon: groupadd: no room; nothing was written/);
    expect(readFileSync(join(directory, "log"), "utf8")).toBe("--system smadmin\n--system smmon\n");
    expect(() => makeGroups(["smadmin"], { PATH: makeTempDirectory() })).toThrow(/groupadd: .*ENOENT/);
  });
});

test("what comes next: groups, an address, the unit or the agent, a peer", () => {
  const place: SetUpPlace = { root: "/opt/sm", hasUnit: true, prefix: "", suffix: "", listen: "10.0.0.2:1500", missingGroups: [] };
  const commands = (more: Partial<SetUpPlace>) => nextSteps({ ...place, ...more }).map(({ command }) => command);
  expect(commands({})).toEqual([
    expect.stringMatching(/^install -m 644 \/opt\/sm\/config\/sm-agent\.service .* enable --now sm-agent$/),
    "sm peer bootstrap create > token",
  ]);
  expect(commands({ hasUnit: false, suffix: " --config-dir /x", listen: "127.0.0.1:1500", missingGroups: ["smadmin", "smmon"] })).toEqual([
    "groupadd --system smadmin && groupadd --system smmon",
    "sm config set server.listen HOST:PORT --config-dir /x",
    "sm agent run --config-dir /x",
    "sm peer bootstrap create --config-dir /x > token",
  ]);
});
