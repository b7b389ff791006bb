import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { SmError } from "../../src/base/errors.js";
import { printable } from "../../src/cli/format/printable.js";
import { documentOf, formatDocument, parseDocument } from "../../src/cli/repsets/repset-document.js";
import { planImport } from "../../src/cli/repsets/repset-import.js";
import { withMemoryAgent } from "../support/memory-agent-home.js";
import { runMain } from "../support/run-main.js";
import { sm } from "../support/sm-program.js";

const test = withMemoryAgent;
const HOME = { path: "/home", mode: "include", recursive: true } as const;
const TEMPORARY = { path: "/home/**/*.tmp: 'x' # no", mode: "exclude", recursive: false } as const;

test("what is exported is imported as it was, as YAML and as JSON", () => {
  const sets = [{ name: "home: 'sweet'", generation: 7, rules: [HOME, TEMPORARY] }];
  const document = documentOf(sets);
  expect(parseDocument(formatDocument(document), "x")).toEqual({ repsets: [{ name: "home: 'sweet'", rules: [HOME, TEMPORARY] }] });
  expect(parseDocument(JSON.stringify(document), "x")).toEqual(document);
});

/** What prints a document writes control characters out. */
test.for(["/a\tb", "/a\nb\t", "/a\x7f", "/a\u009b\x1b", "/a\\x09", "/a\u2028 ", "# a"])("a path comes back as it was: %j", (path) => {
  const document = { repsets: [{ name: path, rules: [{ ...HOME, path }] }] };
  expect(parseDocument(printable(formatDocument(document)), "x")).toEqual(document);
});

test("a file that was made to do harm is refused as any other, in a few words", () => {
  const rules = "{}, ".repeat(9_000);
  for (const text of [
    "- ".repeat(20_000),
    "repsets: ".concat("[".repeat(20_000)),
    "&a [*a]",
    "repsets: [&a { name: x, rules: [*a] }]",
    `repsets: [{ name: a, rules: [${rules}] }]`,
  ]) {
    const refusal = thrownBy(() => parseDocument(text, "sets.yaml"));
    expect(refusal).toMatchObject({ code: "CONFIG_INVALID" });
    expect(refusal.message.length).toBeLessThan(4_000);
  }
});

test("the errors of a file full of them are not dressed up, each by a look through the whole text", () => {
  for (const unit of ["!!x ", "&a ", "*a "]) {
    const { cause, message } = thrownBy(() => parseDocument(unit.repeat(4_000), "sets.yaml"));
    expect(message).toMatch(/: line 1, column \d+: /);
    expect(cause).toHaveProperty("name", "YAMLParseError");
    expect(cause).not.toHaveProperty("linePos");
  }
});

function thrownBy(run: () => unknown): SmError {
  try {
    run();
  } catch (error) {
    if (error instanceof SmError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

test.for([
  ["", "the document"],
  ["a:\n  [", "neither YAML nor JSON: line 2, column 4: "],
  ["repsets: []", "repsets"],
  ["repsets: [{ name: a, rules: [{ path: 7, mode: include }] }]", "repsets.0.rules.0.path"],
  ["repsets: [{ name: a, rules: [{ path: /a, mode: maybe }] }, { rules: [] }]", "repsets.1.name"],
  ["repsets: [{ name: a, rules: [{ path: /a, mode: include, more: 1 }] }]", "more"],
  ["repsets: [{ name: a, rules: [{ path: /a, mode: include }] }, { name: a, rules: [{ path: /b, mode: include }] }]", "twice"],
] as const)("a file that is wrong is refused with the place: %s", ([text, place]) => {
  expect(() => parseDocument(text, "sets.yaml")).toThrow(expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringContaining(place) }));
});

test("an import is decided for all sets before any is made", () => {
  const document = {
    repsets: [
      { name: "a", rules: [HOME] },
      { name: "b", rules: [TEMPORARY, HOME] },
      { name: "c", rules: [HOME] },
    ],
  };
  const existing = [
    { name: "b", generation: 3, rules: [HOME, TEMPORARY] },
    { name: "c", generation: 4, rules: [TEMPORARY] },
  ];
  expect(() => planImport(document, existing, false)).toThrow(SmError);
  expect(planImport(document, existing, true).map(({ name, action, generation }) => [name, action, generation])).toEqual([
    ["a", "create", null],
    ["b", "keep", 3],
    ["c", "replace", 4],
  ]);
});

test("sets go from agent to agent through a file", async ({ server, agent, home }) => {
  expect(server).toBeDefined();
  await agent.repsets.create("home", [HOME, TEMPORARY]);
  await agent.repsets.create("etc", [{ ...HOME, path: "/etc" }]);
  const exported = await runMain(["repset", "export"], { SM_HOME: home });
  expect(exported).toMatchObject({ code: 0, stderr: "" });
  expect((await runMain(["repset", "export", "etc"], { SM_HOME: home })).stdout).not.toContain("/home");
  await agent.repsets.remove("etc");
  expect(await sm(["repset", "import", "-", "--dry-run"], { home, stdin: exported.stdout })).toMatchObject({
    code: 0,
    stdout: "home: unchanged\netc: would be created\n",
  });
  expect((await agent.repsets.list()).map(({ name }) => name)).toEqual(["home"]);
  expect(await sm(["repset", "import", "-"], { home, stdin: exported.stdout })).toMatchObject({ code: 0, stdout: "home: unchanged\netc: created\n" });
  const file = join(home, "other.yaml");
  writeFileSync(file, "repsets: [{ name: home, rules: [{ path: /home, mode: include }] }]");
  expect(await runMain(["repset", "import", file], { SM_HOME: home })).toMatchObject({ code: 2, stderr: expect.stringContaining("--replace") });
  const replaced = await runMain(["repset", "import", file, "--replace", "--json"], { SM_HOME: home });
  expect(JSON.parse(replaced.stdout)).toEqual({ isDryRun: false, repsets: [{ name: "home", action: "replace" }] });
  expect(await agent.repsets.show("home")).toMatchObject({ generation: 2, rules: [HOME] });
  expect((await runMain(["repset", "import", join(home, "none")], { SM_HOME: home })).code).toBe(2);
});
