// The bundle that `bin/sm` runs has every file that is started by itself, at the place where the compiled modules have it.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { ROOT, SM } from "../support/sm-program.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const MODULES = join(ROOT, "dist");
const BUNDLE = join(MODULES, "bundle");

function filesOf(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js") && !/^(bundle|chunks)\//.test(name));
}

/** As a program that imports the file by itself. */
function run(file: string, code: string): string {
  const url = JSON.stringify(pathToFileURL(file).href);
  return execFileSync(process.execPath, ["--input-type=module", "-e", `const it = await import(${url}); ${code}`], { encoding: "utf8" });
}

test("each command and each worker is a file of the bundle, and so is nothing else", () => {
  const isEntry = (name: string): boolean => name === "cli/main.js" || name.startsWith("cli/commands/") || name.endsWith("-worker.js");
  expect(filesOf(BUNDLE).sort()).toEqual(filesOf(MODULES).filter(isEntry).sort());
});

test("the bundle and the modules find their files, and the version", () => {
  const chunk = readdirSync(join(BUNDLE, "chunks")).find((name) => /^program-files-.*\.js$/.test(name)) as string;
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  const code = `for (const each of Object.values(it)) console.log(each.length === 0 ? each() : each("apply/apply-worker.js").href);`;
  for (const [file, program] of [
    [join(BUNDLE, "chunks", chunk), BUNDLE],
    [join(MODULES, "base", "program-files.js"), MODULES],
  ] as const) {
    expect(run(file, code).trim().split("\n").sort()).toEqual([version, pathToFileURL(join(program, "apply", "apply-worker.js")).href].sort());
  }
});

test("bin/sm runs the bundle and nothing of the modules", () => {
  const trace = join(makeTempDirectory(), "trace.txt");
  const loader = `data:text/javascript,import{appendFileSync}from"node:fs";export async function load(u,c,n){appendFileSync(${JSON.stringify(trace)},u+"\\n");return n(u,c)}`;
  const register = `data:text/javascript,import{register}from"node:module";register(${JSON.stringify(loader)})`;
  const help = execFileSync(process.execPath, ["--import", register, SM, "peer", "--help"], { encoding: "utf8" });
  for (const word of ["bootstrap", "list", "remove"]) expect(help).toContain(`peer ${word}`);
  const loaded = readFileSync(trace, "utf8").split("\n");
  expect(loaded.filter((url) => url.includes("/dist/bundle/"))).not.toEqual([]);
  expect(loaded.filter((url) => url.includes("/dist/") && !url.includes("/dist/bundle/") && !url.includes("/node_modules/"))).toEqual([]);
});
