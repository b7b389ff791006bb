// Standard input belongs to whoever calls a command, and what is read no more ends none of them with another code than its own.

import { Config } from "@oclif/core/config";
import { expect } from "vitest";
import { withMemoryAgent } from "../support/memory-agent-home.js";
import { runCommand } from "../support/run-command.js";
import { runMain } from "../support/run-main.js";
import { ROOT, SM } from "../support/sm-program.js";

const test = withMemoryAgent;

test("no command takes an argument that is not given from standard input", async ({ home }) => {
  const { commands } = await Config.load({ root: ROOT });
  const withArguments = commands.filter(({ args }) => Object.keys(args).length > 0);
  expect(withArguments.length).toBeGreaterThan(40);
  for (const { id } of withArguments) {
    const { code, stdout, stderr } = await runMain(id.split(":"), { SM_HOME: `${home}/nowhere` }, "planted\n");
    expect({ id, text: `${stdout}${stderr}` }).not.toEqual({ id, text: expect.stringContaining("planted") });
    expect({ id, code }).not.toEqual({ id, code: 1 });
  }
});

test("a loop over lines keeps them, whatever it calls", async ({ server, home }) => {
  expect(server).toBeDefined();
  const loop = `while read -r line; do "$0" "$1" stats >&2 || exit 9; echo "$line"; done`;
  const result = await runCommand(["bash", "-c", loop, process.execPath, SM], { environment: { ...process.env, SM_HOME: home }, input: "one\ntwo\n" });
  expect(result).toMatchObject({ code: 0, stdout: "one\ntwo\n" });
});

test.for([
  ["status 77 --json", "2 0"],
  ["status 77", "2 0"],
  ["status", "0 0"],
  // Ended within, and by nobody: that is no success.
  ["run -", "141 0"],
] as const)("%s | true ends with its own code", async ([words, codes], { server, home }) => {
  expect(server).toBeDefined();
  const pipe = `"$0" "$1" ${words} 2>&1 | true; echo "\${PIPESTATUS[*]}"`;
  const environment = { ...process.env, SM_HOME: home };
  const result = await runCommand(["bash", "-c", pipe, process.execPath, SM], { environment, input: "while 1 == 1 do\nwrite 1\nend\n" });
  expect(result).toMatchObject({ code: 0, stderr: "", stdout: `${codes}\n` });
});
