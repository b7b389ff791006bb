// An agent is told to stop before it is ready: it stops.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { type SmResult, startSm } from "../support/sm-program.js";
import { makeTempDirectory } from "../support/temp-tree.js";

/** Runs an agent that gets the signals as soon as its program listens to them: long before the agent is loaded. */
function startAndSignal(...signals: readonly NodeJS.Signals[]): Promise<SmResult> {
  const directory = makeTempDirectory();
  const sender = join(directory, "sender.mjs");
  const send = signals.map((signal) => `process.kill(process.pid, "${signal}");`).join(" ");
  writeFileSync(sender, `process.on("newListener", (name) => { if (name === "SIGTERM") setImmediate(() => { ${send} }); });\n`);
  const env = { NODE_OPTIONS: `--import=${pathToFileURL(sender).href}` };
  const agent = startSm(["agent", "run", "--listen", "127.0.0.1:0"], { home: join(directory, "home"), env });
  onTestFinished(() => void agent.process.kill("SIGKILL"));
  return agent.result;
}

test("a signal while it still loads is not lost", async () => {
  expect(await startAndSignal("SIGTERM")).toMatchObject({ code: 0, stdout: expect.stringMatching(/^agent ready: .*\n$/) });
});

test("the word that files were changed does not end what has read none yet", async () => {
  expect(await startAndSignal("SIGHUP", "SIGTERM")).toMatchObject({ code: 0, stdout: expect.stringMatching(/^agent ready: .*\n$/) });
});

test("two of them end it at once", async () => {
  expect(await startAndSignal("SIGTERM", "SIGINT")).toMatchObject({ code: 0, stdout: "" });
});
