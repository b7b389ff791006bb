// The examples of the help are promises: each is taken by its own command, and asks of the agent what the agent understands. And the
// exit codes are a contract with scripts: whatever the agent answers, every command ends with the code of that answer.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Config } from "@oclif/core/config";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ERRORS, type ErrorCode } from "../../src/base/errors.js";
import { findCommand } from "../../src/control/command-table.js";
import { exampleWords } from "../support/example-words.js";
import { runMain } from "../support/run-main.js";
import { ROOT } from "../support/sm-program.js";

/** Those that ask no agent at first, each with what its examples end with. */
const WITHOUT_AGENT: Readonly<Record<string, string>> = {
  "agent run": "starts one: unit/cli-agent-run, and every test with agents",
  completion: "unit/cli-catalog",
  "completion values": "is silent without an agent: below",
  "config check": "reads files: unit/config-files",
  "config schema": "prints what is known without an agent: unit/config-files",
  diagnostics: "tells without an agent, too: unit/cli-diagnostics",
  man: "needs no agent: unit/cli-manual",
  replicate: "starts an agent: unit/cli-replicate",
  run: "a script: unit/script-commands",
  "server add": "asks another machine: e2e/remote-cli",
  "server default": "asks none: unit/server-file",
  "server list": "asks none: unit/server-file",
  "server remove": "asks none: unit/server-file",
  "server show": "asks none: unit/server-file",
  setup: "makes the files that an agent starts from: unit/setup",
  shell: "a script: unit/script-shell",
};
const FILES: Readonly<Record<string, string>> = {
  "sets.yaml": "repsets: [{ name: home, rules: [{ path: /home, mode: include }] }]",
  "-": "repsets: [{ name: home, rules: [{ path: /home, mode: include }] }]",
};

/** An agent that answers everything with one error, and keeps what it was asked. */
let home: string;
let server: Server;
let answer: ErrorCode = "REFUSED";
const asked: { readonly name: string; readonly body: unknown }[] = [];

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "sm-examples-"));
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const name = (request.url ?? "").replace("/api/v1/", "").replaceAll("/", ".");
      asked.push({ name, body: JSON.parse(Buffer.concat(chunks).toString()) });
      const { hint, httpStatus } = ERRORS[answer];
      response.writeHead(httpStatus, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: { code: answer, message: "by the test", hint, data: {} } }));
    });
  });
  const { mkdirSync } = await import("node:fs");
  mkdirSync(join(home, "run"));
  await new Promise<void>((resolve) => server.listen(join(home, "run", "admin.sock"), resolve));
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(home, { recursive: true });
});

interface Example {
  readonly command: string;
  readonly text: string;
}

const config = await Config.load({ root: ROOT });
const examples: readonly Example[] = config.commands.flatMap(({ id, examples = [] }) =>
  examples.map((text) => ({ command: id.replaceAll(":", " "), text: String(text) })),
);
const withAgent = examples.filter(({ command }) => WITHOUT_AGENT[command] === undefined);

/** Files of the examples are those of the test. */
function wordsOf({ command, text }: Example): string[] {
  const { words } = exampleWords(text);
  return words.map((word) => {
    // Given as it may be as well: by its fingerprint.
    if (word.endsWith(".pem")) return "ab".repeat(32);
    if (FILES[word] === undefined || command !== "repset import") return word;
    const path = join(home, "sets.yaml");
    writeFileSync(path, FILES[word] ?? "");
    return path;
  });
}

const inputOf = ({ text }: Example): string => (exampleWords(text).hasInput ? "token" : "");

function runExample(example: Example, ...more: readonly string[]) {
  return runMain([...wordsOf(example), ...more], { SM_HOME: home }, inputOf(example));
}

test("every command has an example, which asks the agent for what it takes", async () => {
  expect(new Set(examples.map(({ command }) => command)).size).toBe(config.commands.length);
  answer = "REFUSED";
  for (const example of withAgent) {
    // Its own file is read, without an agent.
    if (example.text.includes(".csv")) continue;
    asked.length = 0;
    const result = await runExample(example);
    expect({ example: example.text, code: result.code }, result.stderr).toEqual({ example: example.text, code: 7 });
    for (const { name, body } of asked)
      expect(findCommand(name)?.input.safeParse(body).success, `${example.text} asks ${name} ${JSON.stringify(body)}`).toBe(true);
    expect(asked.length, example.text).toBeGreaterThan(0);
  }
});

const first = withAgent.filter(({ command }, index) => withAgent.findIndex((other) => other.command === command) === index);

test.for([
  ["INTERNAL", 1],
  ["NOT_FOUND", 2],
  ["CHANNEL_LOST", 4],
  ["DONE_WITH_PROBLEMS", 5],
  ["TIMEOUT", 6],
  ["REFUSED", 7],
] as const)("whatever the command: %s ends with %i, in words and as JSON", async ([code, exitCode]) => {
  answer = code;
  for (const example of first) {
    const result = await runExample(example, "--json");
    expect({ example: example.text, code: result.code, stderr: result.stderr }).toEqual({ example: example.text, code: exitCode, stderr: "" });
    expect(JSON.parse(result.stdout).error).toMatchObject({ code, message: expect.stringContaining("by the test"), hint: ERRORS[code].hint });
  }
});

test("without an agent every command ends with 3, and a word that it does not know with 2", async () => {
  const nowhere = join(home, "nowhere");
  for (const example of first) {
    const away = await runMain(wordsOf(example), { SM_HOME: nowhere }, inputOf(example));
    expect({ example: example.text, code: away.code, stdout: away.stdout }).toEqual({ example: example.text, code: 3, stdout: "" });
    expect(away.stderr).toMatch(/^error AGENT_UNREACHABLE: .*\nhint: /);
  }
  for (const { id } of config.commands) {
    const wrong = await runMain([...id.split(":"), "--no-such-flag"], { SM_HOME: nowhere });
    expect({ id, code: wrong.code, stdout: wrong.stdout }).toEqual({ id, code: 2, stdout: "" });
    expect(wrong.stderr).toMatch(/^error USAGE: /);
  }
  expect(await runMain(["completion", "values", "sets"], { SM_HOME: nowhere })).toEqual({ code: 0, stdout: "", stderr: "" });
});

test("a word that is no command is answered with the nearest", async () => {
  for (const [words, near] of [
    ["conection list", "sm connection list"],
    ["repset exprot", "sm repset export"],
    ["mirror strat 1", "sm mirror start"],
  ] as const) {
    const result = await runMain(words.split(" "));
    expect(result).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining(`did you mean \`${near}\`?`) });
  }
});
