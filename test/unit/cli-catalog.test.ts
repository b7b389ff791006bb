// What is made from the definitions of the commands: the reference, the man pages, the completions.

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type Catalog, type CatalogFlag, firstSentence, flagNotes, flagText, loadCatalog, usageOf } from "../../src/cli/catalog/catalog.js";
import { manPages } from "../../src/cli/catalog/man-page.js";
import { markdownPage } from "../../src/cli/catalog/markdown-page.js";
import { completionScript } from "../../src/cli/completion/completion-script.js";
import { completionTable } from "../../src/cli/completion/completion-table.js";
import { SHELLS } from "../../src/cli/completion/shells.js";
import { ROOT } from "../support/sm-program.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const flag = (name: string, more: Partial<CatalogFlag> = {}): CatalogFlag => ({
  ...{ name, description: `what ${name} does`, value: null, options: [], default: null },
  ...{ isMultiple: false, isRequired: false, hasNo: false, isCommon: false, ...more },
});

/** Few commands with one of each kind, and with signs that mean something to a shell or to roff. */
const SMALL: Catalog = {
  version: "1.2.3",
  topics: new Map([["repset", "Sets: make 'them'."]]),
  commands: [
    {
      ...{ words: "connect", description: "Connect a set: it's mirrored \\ replicated. Then `sm sync` waits.", examples: ["sm connect a b --mirror full"] },
      args: [
        { name: "set", description: "name of the set", isRequired: true, isMultiple: false, options: [] },
        { name: "target", description: ".of the peer → there", isRequired: true, isMultiple: false, options: [] },
      ],
      flags: [flag("mirror", { value: "full|difference", options: ["full", "difference"], default: "difference" }), flag("size", { hasNo: true })],
    },
    {
      ...{ words: "repset show", description: "Show a set.", examples: ["sm repset show a"], flags: [flag("json", { isCommon: true })] },
      args: [{ name: "set", description: "name of the set", isRequired: false, isMultiple: false, options: [] }],
    },
    {
      ...{ words: "run", description: "Run a file.", examples: ["sm run x"] },
      args: [{ name: "file", description: "the file", isRequired: true, isMultiple: false, options: [] }],
      flags: [flag("home", { value: "DIR", isRequired: true, isMultiple: true }), flag("state-dir", { value: "DIR", isCommon: true })],
    },
  ],
};

let catalog: Catalog;

beforeAll(async () => {
  catalog = await loadCatalog(ROOT);
});

test("docs/cli.md is what the definitions say", () => {
  expect(readFileSync(join(ROOT, "docs/cli.md"), "utf8"), "run `npm run build && node scripts/cli-doc.mjs`").toBe(markdownPage(catalog));
});

test("a catalog has each command with its usage, and no hidden one", () => {
  const words = catalog.commands.map((command) => command.words);
  expect(words).toContain("repset rule add");
  expect(words).not.toContain("completion values");
  expect(SMALL.commands.map(usageOf)).toEqual(["sm connect SET TARGET [OPTIONS]", "sm repset show [SET] [OPTIONS]", "sm run FILE --home DIR [OPTIONS]"]);
  expect(SMALL.commands.flatMap(({ flags }) => flags.map(flagText))).toEqual([
    ...["--mirror full|difference", "--[no-]size", "--json", "--home DIR", "--state-dir DIR"],
  ]);
  expect(catalog.commands.filter(({ words }) => words === "man").map(usageOf)).toEqual(["sm man [COMMAND...] [OPTIONS]"]);
  expect(flagNotes(flag("a", { isRequired: true, isMultiple: true, default: "7" }))).toBe("what a does (required; may be given again; default: 7)");
  expect(["Do it: now. Then", "Do it.", "Do it"].map(firstSentence)).toEqual(["Do it", "Do it", "Do it"]);
});

describe("man pages", () => {
  test("of few commands, to the letter", async () => {
    const pages = manPages(SMALL, "# A comment\nfield: 1\n\n  .sub: 'x'\n");
    expect(pages.map(({ file }) => file)).toEqual(["sm.1", "sm-connect.1", "sm-repset-show.1", "sm-run.1", "sm.yaml.5"]);
    await expect(pages.map(({ file, text }) => `==> ${file}\n${text}`).join("")).toMatchFileSnapshot("golden/man-pages.txt");
  });

  test("of all commands: in ASCII, and groff has nothing to say against them", () => {
    const pages = manPages(catalog, readFileSync(join(ROOT, "config/sm.yaml"), "utf8"));
    expect(pages).toHaveLength(catalog.commands.length + 2);
    for (const { file, text } of pages) {
      expect(text, file).toMatch(/^[\n\x20-\x7e]*$/);
      expect(text.match(/^\.SH .*$/gm)?.slice(0, 2), file).toEqual([".SH NAME", expect.stringMatching(/^\.SH (SYNOPSIS|DESCRIPTION)$/)]);
    }
    if (spawnSync("groff", ["--version"]).status !== 0) return;
    const all = pages.map(({ text }) => text).join("");
    expect(spawnSync("groff", ["-man", "-ww", "-Tascii"], { input: all, encoding: "utf8" }).stderr).toBe("");
  });
});

describe("completion", () => {
  test.for(SHELLS)("of few commands for %s, to the letter", async (shell) => {
    await expect(completionScript(shell, SMALL, ROOT)).toMatchFileSnapshot(`golden/completion/sm.${shell}`);
  });

  test("every argument that names something that the agent knows is completed by it", () => {
    const place = (words: string) => completionTable(catalog).find((candidate) => candidate.words === words);
    expect(place("repset show")?.args).toEqual([{ kind: "values", values: "sets" }]);
    expect(place("repset create")?.args).toEqual([{ kind: "nothing" }]);
    expect(place("connect")?.args).toEqual(["sets", "peers"].map((values) => ({ kind: "values", values })));
    expect(place("job wait")?.args).toEqual([{ kind: "values", values: "jobs" }]);
    expect(place("status")?.flags.find(({ flag }) => flag === "--server")?.source).toEqual({ kind: "values", values: "servers" });
    expect(place("server remove")?.args).toEqual([{ kind: "values", values: "servers" }]);
    expect(place("server add")?.args).toEqual([{ kind: "nothing" }]);
    expect(place("repset")?.next.map(({ word }) => word)).toContain("rule");
    expect(place("man")?.args).toEqual([{ kind: "words", words: expect.arrayContaining(["sm", "repset-rule-add", "sm.yaml"]) }]);
    expect(place("")?.next.every(({ description }) => description !== "")).toBe(true);
  });

  test.for([
    ["zsh", ["-n"]],
    ["fish", ["--no-execute"]],
  ] as const)("%s reads its script", ([shell, options]) => {
    if (spawnSync(shell, ["--version"]).status !== 0) return;
    const file = join(makeTempDirectory(), shell);
    writeFileSync(file, completionScript(shell, catalog, ROOT));
    expect(spawnSync(shell, [...options, file], { encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
  });

  test("bash completes words, flags, their values and what the agent knows", () => {
    const directory = makeTempDirectory();
    const [script, program] = [join(directory, "sm.bash"), join(directory, "bin", "sm")];
    writeFileSync(script, completionScript("bash", catalog, ROOT));
    mkdirSync(join(directory, "bin"));
    writeFileSync(program, '#!/bin/sh\necho "$@" >> "$0.log"\n[ "$3" = sets -o "$3" = servers ] && printf "web\\nwiki\\nmy set\\n" || echo 17\n');
    chmodSync(program, 0o755);
    const complete = (...words: string[]): string => {
      const walk = `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sm "$1"; printf "%s\\n" "\${COMPREPLY[@]}"`;
      return execFileSync("bash", ["--norc", "-c", walk, script, program, ...words], { encoding: "utf8", cwd: directory })
        .trim()
        .replaceAll("\n", " ");
    };
    expect(complete("repset", "rule", "")).toBe("add remove");
    expect(complete("conne")).toBe("connect connection");
    expect(complete("mirror", "st")).toBe("start status stop");
    expect(complete("repset", "show", "w")).toBe("web wiki");
    expect(complete("repset", "show", "")).toBe("web wiki my\\ set");
    expect(complete("connect", "web", "beta", "--compression", "l")).toBe("lz4");
    expect(complete("connect", "web", "beta", "--compression", "=", "b")).toBe("brotli");
    expect(complete("connect", "web", "beta", "--no-m")).toBe("--no-mirror");
    expect(complete("verify", "schedule", "1", "--no-ch")).toBe("--no-checksum");
    expect(complete("job", "wait", "--runtime-dir", "/run/x", "")).toBe("17");
    expect(readFileSync(`${program}.log`, "utf8").trim().split("\n").at(-1)).toBe("completion values jobs --runtime-dir /run/x");
    expect(complete("status", "--server", "w")).toBe("web wiki");
    expect(complete("run", "sm.")).toBe("sm.bash");
    expect(complete("repset", "create", "x")).toBe("");
    expect(complete("nonsense", "")).toBe("");
  });
});
