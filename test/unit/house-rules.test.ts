import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { FAILPOINTS } from "../../src/base/failpoint.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

interface Ran {
  readonly code: number | null;
  readonly output: string;
}

function run(command: string, args: readonly string[], cwd: string): Ran {
  const done = spawnSync(command, args, { cwd, encoding: "utf8" });
  return { code: done.status, output: done.stdout + done.stderr };
}

function plantProject(files: Readonly<Record<string, string>>): string {
  const directory = makeTempDirectory();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  symlinkSync(join(ROOT, "node_modules"), join(directory, "node_modules"));
  return directory;
}

describe("the table of folders", () => {
  const FORBIDDEN: readonly (readonly [rule: string, from: string, statement: string])[] = [
    ["base-imports", "src/base/a.ts", 'import { x } from "../model/x.js";'],
    ["model-imports", "src/model/a.ts", 'import type { X } from "../fs/x.js";'],
    ["capture-imports", "src/capture/a.ts", 'import { x } from "../journal/x.js";'],
    ["transport-imports", "src/transport/a.ts", 'import { x } from "../fs/x.js";'],
    ["connection-imports", "src/connection/a.ts", 'import { x } from "../jobs/x.js";'],
    ["jobs-imports", "src/jobs/a.ts", 'import { x } from "../apply/x.js";'],
    ["control-imports", "src/control/a.ts", 'import { x } from "../agent/x.js";'],
    ["agent-imports", "src/agent/a.ts", 'import { x } from "../cli/x.js";'],
    ["cli-imports", "src/cli/a.ts", 'import { x } from "../agent/x.js";'],
    ["control-api-types-only", "src/cli/b.ts", 'import { api } from "../control/api.js";'],
    ["agent-is-imported-dynamically", "src/cli/commands/agent/run.ts", 'import { x } from "../../../agent/x.js";'],
    ["cli-imports", "src/cli/c.ts", 'import { x } from "../config/x.js";'],
    ["config-is-imported-dynamically", "src/cli/commands/config/check.ts", 'import { x } from "../../../config/x.js";'],
    ["config-command-imports", "src/cli/commands/config/schema.ts", 'import { x } from "../../../agent/x.js";'],
    ["screen-is-imported-dynamically", "src/cli/s.ts", 'import { x } from "./screen/x.js";'],
    ["no-unknown-folder", "src/utils/a.ts", 'import { x } from "../base/x.js";'],
    ["no-cycles", "src/base/c.ts", 'import { d } from "./d.js";'],
    ["only-one-seam-uses-ws", "src/apply/a.ts", 'import { WebSocket } from "ws";'],
    ["only-one-seam-uses-koffi", "src/capture/b.ts", 'import koffi from "koffi";'],
    ["no-development-packages", "src/base/e.ts", 'import fc from "fast-check";'],
  ];
  const ALLOWED: Readonly<Record<string, string>> = {
    "src/base/d.ts": 'import { c } from "./c.js";\nexport const d = c;\n',
    "src/transport/ws.ts": 'import { WebSocket } from "ws";\nexport { WebSocket };\n',
    "src/control/http-events.ts": 'import { WebSocket } from "ws";\nexport { WebSocket };\n',
    "src/fs/native.ts": 'import koffi from "koffi";\nexport { koffi };\n',
    "src/connection/ok.ts": 'import { x } from "../transport/x.js";\nexport { x };\n',
    "src/cli/commands/agent/ok.ts": 'import type { Api } from "../../../control/api.js";\nexport type Face = Api;\n',
    "src/cli/screen/x.ts": "export const x = 1;\n",
    "src/control/api.ts": "export type Api = string;\nexport const api = 1;\n",
  };

  /** Forbidden by a second rule, too. */
  const ALSO = ["agent-is-imported-dynamically src/cli/commands/config/schema.ts", "config-is-imported-dynamically src/cli/c.ts"];

  test("every forbidden import is found, and nothing else", { timeout: 30_000 }, () => {
    const files: Record<string, string> = { ...ALLOWED, "tsconfig.json": readFileSync(join(ROOT, "tsconfig.json"), "utf8") };
    files["package.json"] = readFileSync(join(ROOT, "package.json"), "utf8");
    for (const folder of ["base", "model", "fs", "journal", "apply", "transport", "jobs", "agent", "cli", "config"])
      files[`src/${folder}/x.ts`] = "export const x = 1;\nexport type X = 1;\n";
    for (const [, path, statement] of FORBIDDEN) files[path] = `${statement}\n`;
    files["src/base/c.ts"] = 'import { d } from "./d.js";\nexport const c = d;\n';
    const directory = plantProject(files);
    const ran = run(
      process.execPath,
      [join(ROOT, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs"), "--config", join(ROOT, ".dependency-cruiser.cjs"), "-T", "json", "src"],
      directory,
    );
    const report = JSON.parse(ran.output) as {
      readonly summary: { readonly violations: readonly { readonly rule: { readonly name: string }; readonly from: string }[] };
    };
    const found = report.summary.violations.map(({ rule, from }) => `${rule.name} ${from}`).sort();
    const expected = FORBIDDEN.map(([rule, from]) => `${rule} ${from}`);
    expect([...new Set(found)]).toEqual([...expected, "agent-is-imported-dynamically src/cli/a.ts", ...ALSO].sort());
  });
});

describe("sizes", () => {
  const lines = (count: number, text = "export {};\n"): string => text.repeat(count);

  test("offenders are named with their counts", () => {
    const directory = plantProject({
      "src/a/long.ts": lines(401),
      "src/a/full.ts": lines(400),
      "test/unit/long.test.ts": lines(501),
      "test/unit/full.test.ts": lines(500),
      "src/a/function.ts": `export function big(): void {\n${lines(69, "  ;\n")}}\nexport const small = (): void => {\n${lines(68, "  ;\n")}};\n`,
      "test/unit/group.test.ts": `describe("all", () => {\n${lines(100, "  ;\n")}});\n`,
    });
    const ran = run(process.execPath, [join(ROOT, "scripts/size-check.mjs"), directory], directory);
    expect(ran.code).toBe(1);
    expect(ran.output.trim().split("\n")).toEqual([
      "src/a/function.ts: big: 71 lines (a function has at most 70)",
      "src/a/long.ts: 401 lines (at most 400)",
      "test/unit/long.test.ts: 501 lines (at most 500)",
      "sizes: 3 over the limit",
    ]);
  });

  test("within the limits", () => {
    const directory = plantProject({ "src/a.ts": lines(400) });
    expect(run(process.execPath, [join(ROOT, "scripts/size-check.mjs"), directory], directory)).toEqual({ code: 0, output: "sizes: all within limits\n" });
  });
});

test("docs/errors.md is what the table of errors says", () => {
  const page = execFileSync(process.execPath, [join(ROOT, "scripts/errors-doc.mjs"), "--print"], { encoding: "utf8" });
  expect(readFileSync(join(ROOT, "docs/errors.md"), "utf8"), "run `npm run build && node scripts/errors-doc.mjs`").toBe(page);
});

test("every failpoint lies in the code, and a fault test crashes there", () => {
  const grep = (pattern: string, folder: string): string[] => run("grep", ["-rhoE", pattern, "--include=*.ts", folder], ROOT).output.split("\n");
  const named = '"[a-z]+[.][A-Za-z]+[.][A-Za-z]+"';
  const source = grep(named, "src");
  const crashed = new Set([...grep(named, "test/fault"), ...grep("FAILPOINTS[.]filter", "test/fault")]);
  const crashesAtAll = [...crashed].some((text) => text.includes("FAILPOINTS"));
  for (const name of FAILPOINTS) {
    // One mention is the list in base/failpoint.ts itself.
    expect(source.filter((text) => text === `"${name}"`).length, `failpoint ${name} in src`).toBeGreaterThan(1);
    expect(crashesAtAll || crashed.has(`"${name}"`), `failpoint ${name} in test/fault`).toBe(true);
  }
});
