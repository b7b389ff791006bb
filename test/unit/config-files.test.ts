// Files of the configuration as a whole: checked without an agent, changed with their comments kept, and what is published of them.

import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { checkFile, readConfigFiles } from "../../src/config/check-files.js";
import { changeField } from "../../src/config/config-text.js";
import { fieldErrorText } from "../../src/config/field-error.js";
import { jsonSchemaOf, SCHEMA_NAMES } from "../../src/config/json-schemas.js";
import { loadConfig } from "../../src/config/load-config.js";
import { runMain } from "../support/run-main.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SHIPPED = readFileSync(join(ROOT, "config/sm.yaml"), "utf8");
const SET = "rules:\n  - {path: /data, mode: include}\n";

function plant(files: Readonly<Record<string, string>>): string {
  const home = makeTempDirectory();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, "etc", path)), { recursive: true });
    writeFileSync(join(home, "etc", path), text);
  }
  mkdirSync(join(home, "etc"), { recursive: true });
  return home;
}

test("all errors of all files come at once, each with its place", () => {
  const home = plant({
    "sm.yaml": "log:\n  level: loud\n",
    "repsets.d/a.yaml": "rules:\n  - {path: data, mode: include}\n",
    "repsets.d/a.b.yaml": SET,
    "connections.d/x.yaml": "set: nix\ntarget: b\nexact: true\nlimit: 1XB\n",
    "connections.d/.hidden.yaml": "{",
    "connections.d/notes.txt": "{",
  });
  const { errors, files, warnings } = readConfigFiles({ env: { SM_HOME: home } });
  expect(errors.map(({ file, line, path }) => [file.slice(home.length + 5), line, path])).toEqual([
    ["sm.yaml", 2, "log.level"],
    ["repsets.d/a.b.yaml", 0, ""],
    ["repsets.d/a.yaml", 2, "rules[0].path"],
    ["connections.d/x.yaml", 4, "limit"],
    ["connections.d/x.yaml", 1, "set"],
  ]);
  expect([files.length, warnings]).toEqual([4, []]);
});

test("sets that share a path are a warning; what is whole is read", () => {
  const home = plant({ "repsets.d/a.yaml": SET, "repsets.d/b.yaml": SET, "connections.d/x.yaml": "set: a\ntarget: b\nexact: true\n" });
  const read = readConfigFiles({ env: { SM_HOME: home } });
  expect([read.errors, read.warnings.length, read.connections.map(({ name }) => name), read.connectionFiles]).toEqual([[], 1, ["x"], ["x"]]);
  expect(readConfigFiles({ env: { SM_HOME: plant({}) } })).toMatchObject({ errors: [], connectionFiles: null });
});

test("one file says by its place, or by its words, what it is", () => {
  const home = plant({ "repsets.d/s.yaml": "rules: 1\n", "mine.yaml": "set: d\ntarget: b\n", "other.yaml": "queue: {memoryMiB: 0}\n" });
  const paths = (path: string): readonly string[] => checkFile(join(home, "etc", path), { env: { SM_HOME: home } }).errors.map((error) => error.path);
  expect([paths("repsets.d/s.yaml"), paths("mine.yaml"), paths("other.yaml")]).toEqual([["rules"], [""], ["queue.memoryMiB"]]);
  expect(checkFile(join(home, "etc/none.yaml")).errors[0]?.expected).toBe("a readable file");
  for (const sample of ["sm.yaml", "repsets.d/example.yaml.sample", "connections.d/example.yaml.sample"])
    expect(checkFile(join(ROOT, "config", sample), { env: {} }).errors).toEqual([]);
});

test("a field that is set changes its line, and nothing else", () => {
  const text = changeField("sm.yaml", SHIPPED, ["guard", "lostPercent"], 20);
  const differing = text.split("\n").filter((line, index) => line !== SHIPPED.split("\n")[index]);
  expect(differing).toEqual(["  lostPercent: 20"]);
  expect(changeField("sm.yaml", text, ["guard", "lostPercent"], null)).toBe(SHIPPED);
});

test("a field that is taken out leaves what was written above it", () => {
  const text = changeField("sm.yaml", SHIPPED, ["watchdog", "stallSeconds"], undefined);
  expect(text).not.toMatch(/^ {2}stallSeconds/m);
  for (const line of SHIPPED.split("\n").filter((each) => each.trim().startsWith("#"))) expect(text).toContain(line.trim());
  const config = loadConfig({ env: { SM_HOME: plant({ "sm.yaml": text }) }, hostname: "h" });
  expect(config).toMatchObject({ watchdog: { stallSeconds: 60 }, log: { level: "info" } });
});

test.each([
  ["", "queue:\n  memoryMiB: 5\n"],
  ["# only this\n", "# only this\nqueue:\n  memoryMiB: 5\n"],
  ["queue:\n  # memoryMiB: 64\nlog: {level: warn}\n", null],
  ["queue: # why\n  diskMiB: 10 # because\n", "queue:\n  # why\n  diskMiB: 10 # because\n  memoryMiB: 5\n"],
])("a field is set where there is little: %j", (before, after) => {
  const text = changeField("sm.yaml", before, ["queue", "memoryMiB"], 5);
  if (after !== null) expect(text).toBe(after);
  expect(text).toContain("memoryMiB: 5");
  for (const comment of before.match(/#.*$/gm) ?? []) expect(text).toContain(comment);
  expect(changeField("sm.yaml", text, ["queue", "memoryMiB"], 5)).toBe(text);
});

/** Each would have ended the process, or come out as a defect of the program. */
test.for([
  ["- ".repeat(20_000), "at most 64 levels"],
  ["[".repeat(20_000), "at most 64 levels"],
  [`rules: ${"{a: ".repeat(20_000)}`, "at most 64 levels"],
  ["# a\n&a [*a]", "contains itself"],
  ["rules: [&a { path: *a }]", "contains itself"],
] as const)("a file that is nested without end is refused with its place: %#", ([text, told]) => {
  for (const place of ["sm.yaml", "repsets.d/a.yaml", "connections.d/a.yaml"]) {
    const { errors } = readConfigFiles({ env: { SM_HOME: plant({ [place]: text }) } });
    expect(errors.map(({ line }) => line > 0)).toContain(true);
    if (place === "repsets.d/a.yaml") expect(errors.map(fieldErrorText).join("\n")).toContain(told);
  }
});

test("the published schemas and the page of settings are what the program has", () => {
  for (const name of SCHEMA_NAMES) {
    const published: unknown = JSON.parse(readFileSync(join(ROOT, `config/schema/${name}.json`), "utf8"));
    expect(published, "run `npm run build && node scripts/settings-doc.mjs`").toEqual(JSON.parse(JSON.stringify(jsonSchemaOf(name))));
  }
  const page = execFileSync(process.execPath, [join(ROOT, "scripts/settings-doc.mjs"), "--print"], { encoding: "utf8" });
  expect(readFileSync(join(ROOT, "docs/settings.md"), "utf8"), "run `npm run build && node scripts/settings-doc.mjs`").toBe(page);
  const tests = [...page.matchAll(/\| `((?:unit|e2e|fault|property|contract)\/[\w-]+)` \|/g)].map(([, file]) => file);
  expect(tests.length).toBeGreaterThan(30);
  for (const file of tests) expect(existsSync(join(ROOT, "test", `${file}.test.ts`)), file).toBe(true);
});

test("each sample names its schema", () => {
  const samples = [
    "sm.yaml",
    ...["repsets.d", "connections.d"].flatMap((directory) => readdirSync(join(ROOT, "config", directory)).map((name) => `${directory}/${name}`)),
  ];
  expect(samples).toHaveLength(3);
  for (const sample of samples) {
    const schema = /^# yaml-language-server: \$schema=(\S+)\n/.exec(readFileSync(join(ROOT, "config", sample), "utf8"))?.[1] ?? "none";
    expect(existsSync(join(ROOT, "config", dirname(sample), schema)), sample).toBe(true);
  }
});

test("without an agent a field is set in the file, whose comments stay, when all files are right with it", async () => {
  const home = plant({ "sm.yaml": "# ours\nlog:\n  level: info # as agreed\n", "repsets.d/a.yaml": SET });
  const file = join(home, "etc/sm.yaml");
  const sm = (...words: string[]) => runMain(["config", ...words], { SM_HOME: home });
  const set = await sm("set", "queue.memoryMiB", "64");
  expect(set).toMatchObject({ code: 0, stdout: `queue.memoryMiB is 64 in ${file}\n`, stderr: expect.stringContaining("when the agent starts") });
  const text = readFileSync(file, "utf8");
  expect(text).toBe("# ours\nlog:\n  level: info # as agreed\nqueue:\n  memoryMiB: 64\n");
  expect(JSON.parse((await sm("set", "queue.memoryMiB", "64", "--json")).stdout)).toEqual({
    file,
    key: "queue.memoryMiB",
    value: 64,
    isChanged: false,
    warnings: [],
  });
  expect(loadConfig({ env: { SM_HOME: home } }).queue.memoryMiB).toBe(64);
  expect((await sm("unset", "queue.memoryMiB")).stdout).toBe(`queue.memoryMiB is not in ${file}\n`);
  const without = readFileSync(file, "utf8");
  expect(without).toContain("level: info # as agreed");

  expect(await sm("set", "queue.memoryMiB", "many")).toMatchObject({ code: 2, stderr: expect.stringContaining("CONFIG_INVALID") });
  expect(await sm("set", "queue.memoryMB", "64")).toMatchObject({ code: 2, stderr: expect.stringContaining("did you mean queue.memoryMiB?") });
  writeFileSync(join(home, "etc/repsets.d/b.yaml"), "rules: 7\n");
  expect(await sm("set", "log.level", "warn")).toMatchObject({ code: 2, stderr: expect.stringContaining("b.yaml") });
  rmSync(join(home, "etc/repsets.d/b.yaml"));
  chmodSync(file, 0o666);
  expect(await sm("set", "log.level", "warn")).toMatchObject({ stderr: expect.stringContaining("FILE_UNSAFE") });
  chmodSync(file, 0o644);
  expect(await sm("set", "log.level", "warn", "--runtime-dir", join(home, "elsewhere"))).toMatchObject({
    code: 3,
    stderr: expect.stringContaining("--config-dir"),
  });
  expect(readFileSync(file, "utf8")).toBe(without);
});

test("an agent that refuses, is not heard in time, or may not be asked, is not gone round by the file", async () => {
  const home = plant({ "sm.yaml": "log:\n  level: info\n" });
  mkdirSync(join(home, "run"));
  const error = { code: "REFUSED", message: "by the test", hint: "", data: {} };
  let isSilent = false;
  const server = createServer((_request, response) => {
    if (isSilent) return void response.socket?.destroy();
    response.writeHead(403, { "content-type": "application/json" });
    response.end(JSON.stringify({ error }));
  });
  await new Promise<void>((resolve) => server.listen(join(home, "run/admin.sock"), resolve));
  const set = () => runMain(["config", "set", "log.level", "warn"], { SM_HOME: home });
  expect(await set()).toMatchObject({ code: 7, stdout: "" });
  isSilent = true;
  expect(await set()).toMatchObject({ code: 3, stdout: "" });
  await new Promise((resolve) => server.close(resolve));
  expect(readFileSync(join(home, "etc/sm.yaml"), "utf8")).toBe("log:\n  level: info\n");
  expect((await set()).code).toBe(0);
});
