// Man pages for whoever asks: which page is meant, what it is without roff, and the program man where there is one.

import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { installedPages, type ManPage } from "../../src/cli/catalog/man-page.js";
import { plainPage } from "../../src/cli/catalog/plain-page.js";
import { findPage, nameOf } from "../../src/cli/manual/find-page.js";
import { showInMan } from "../../src/cli/manual/man-program.js";
import { runMain } from "../support/run-main.js";
import { ROOT } from "../support/sm-program.js";
import { makeTempDirectory } from "../support/temp-tree.js";

let pages: ManPage[];

beforeAll(async () => {
  pages = await installedPages(ROOT);
});

describe("which page", () => {
  test.for([
    ["", "sm"],
    ["sm", "sm"],
    ["connect", "sm-connect"],
    ["repset rule add", "sm-repset-rule-add"],
    ["sm repset rule add", "sm-repset-rule-add"],
    ["sm-repset-rule-add(1)", "sm-repset-rule-add"],
    ["repset-show", "sm-repset-show"],
    ["sm.yaml", "sm.yaml"],
    ["sm.yaml(5)", "sm.yaml"],
  ] as const)("of %j is %s", ([typed, name]) => {
    const words = typed.split(" ").filter((word) => word !== "");
    expect(nameOf(findPage(pages, words))).toBe(name);
    // As one word of a shell.
    if (typed !== "") expect(nameOf(findPage(pages, [typed]))).toBe(name);
  });

  test.for([
    ["conect", /no man page of "conect"; did you mean `sm man connect`\?$/],
    ["repset shwo", /did you mean `sm man repset-show`\?$/],
    ["bootstrap", /did you mean `sm man peer-bootstrap-create`, `sm man peer-bootstrap-import`\?$/],
    ["target", /"target" is a group of commands, each of which has a page: `sm man target-/],
    ["zzzzzz", /no man page of "zzzzzz"; `sm man` lists all$/],
  ] as const)("of %j is none, and the nearest are named", ([typed, message]) => {
    expect(() => findPage(pages, typed.split(" "))).toThrow(expect.objectContaining({ code: "COMMAND_UNKNOWN", message: expect.stringMatching(message) }));
  });
});

describe("without roff", () => {
  test("of few commands, to the letter", async () => {
    const golden = readFileSync(join(ROOT, "test/unit/golden/man-pages.txt"), "utf8");
    const few = golden.split(/^==> .*\n/m).slice(1);
    await expect(few.map((page) => plainPage(page, 60)).join("")).toMatchFileSnapshot("golden/man-pages-plain.txt");
  });

  test("of all commands: nothing of roff is left, every line fits, and nothing of the configuration is changed", () => {
    for (const { file, text } of pages) {
      const lines = plainPage(text, 80).split("\n");
      expect(
        lines.filter((line) => /^\.|\\[-&e(]|\\f[BR]|\\\[u/.test(line)),
        file,
      ).toEqual([]);
      if (file === "sm.yaml.5") continue;
      const examples = lines.indexOf("EXAMPLES");
      const wide = lines.filter((line, index) => line.length > 80 && (index < examples || examples < 0) && line.trim().includes(" "));
      // A term stands alone, and is not broken.
      expect(
        wide.filter((line) => !/^ {7}(--|sm )/.test(line)),
        file,
      ).toEqual([]);
    }
    const configuration = readFileSync(join(ROOT, "config/sm.yaml"), "utf8").trimEnd().split("\n");
    const shown = plainPage(pages.at(-1)?.text ?? "", 80).split("\n");
    const first = shown.findIndex((line) => line.includes("yaml-language-server"));
    expect(shown.slice(first, first + configuration.length).map((line) => line.slice(7).replaceAll("`", ""))).toEqual(
      configuration.map((line) => line.replaceAll("`", "")),
    );
  });
});

describe("with the program man", () => {
  /** A program that keeps what it is given, and ends with a code. */
  function stub(code: number): { readonly env: { readonly PATH: string }; readonly kept: string } {
    const directory = join(makeTempDirectory(), "bin");
    mkdirSync(directory);
    const kept = join(directory, "kept");
    writeFileSync(join(directory, "man"), `#!/bin/sh\n{ echo "$@"; /bin/cat; } > ${kept}\nexit ${code}\n`);
    chmodSync(join(directory, "man"), 0o755);
    return { env: { PATH: directory }, kept };
  }

  test("it gets the page, and Ctrl-C is its own meanwhile", async () => {
    const { env, kept } = stub(0);
    const before = process.listenerCount("SIGINT");
    const shown = showInMan(".TH X 1\n", { env, output: "ignore" });
    expect(process.listenerCount("SIGINT")).toBe(before + 1);
    expect(await shown).toBe(true);
    expect(process.listenerCount("SIGINT")).toBe(before);
    expect(readFileSync(kept, "utf8")).toBe("-l -\n.TH X 1\n");
  });

  test("one that does not take it, and none at all, have shown nothing", async () => {
    expect(await showInMan(".TH X 1\n", { env: stub(2).env, output: "ignore" })).toBe(false);
    expect(await showInMan(".TH X 1\n", { env: { PATH: makeTempDirectory() }, output: "ignore" })).toBe(false);
  });
});

test("the command: text into a pipe, the page as JSON, 2 for a word that has no page", async () => {
  const text = await runMain(["man", "repset", "create"]);
  expect(text).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(/^SM-REPSET-CREATE\(1\) - sm [\d.]+\n\nNAME\n {7}sm-repset-create - /) });
  const json = await runMain(["man", "repset", "create", "--json"]);
  expect(JSON.parse(json.stdout)).toEqual({ page: "sm-repset-create", section: 1, text: text.stdout });
  expect(await runMain(["man", "repset", "crate"])).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("`sm man repset-create`?") });
});
