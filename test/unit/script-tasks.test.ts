// QUEUETASK: what it asks of the agent.

import { expect, test } from "vitest";
import { ScriptKit } from "../support/script-kit.js";

async function kit(): Promise<ScriptKit> {
  const made = new ScriptKit();
  await made.pair("beta");
  expect(
    (await made.run('source localhost\nrepset create web\nrepset rule add "/srv" include to web\nrepset save\nconnect web to beta map exact')).failures,
  ).toEqual([]);
  return made;
}

function queued({ port }: ScriptKit): unknown {
  return port.calls.findLast(([name]) => name === "task.queue")?.[1];
}

test("a program with its arguments, a time, and a value", async () => {
  const made = await kit();
  expect(await made.value('queuetask nightly to beta onexecute = "/opt/scripts/snap.sh daily 7" timeout = 10 minutes')).toBe(1);
  expect(queued(made)).toEqual({ id: 1, name: "nightly", onExecute: { path: "/opt/scripts/snap.sh", args: ["daily", "7"] }, timeoutSeconds: 600 });
});

test("all four points, short forms, arguments apart, forever", async () => {
  const made = await kit();
  const run = await made.run("qtask n to beta", { stopsOnError: false });
  expect(run.failures).toEqual(["1:16 -102 SCRIPT_SYNTAX"]);
  const text = 'queuetask n to beta onq = "/a" ontrans = "/b b" onrec = "/c d/e f" "g h" onexec = "/d" timeout = forever nointeract';
  expect((await made.run(text)).failures).toEqual([]);
  const [onQueue, onTransmit, onExecute] = [{ path: "/a" }, { path: "/b", args: ["b"] }, { path: "/d" }].map((program) => ({ args: [], ...program }));
  expect(queued(made)).toEqual({ id: 1, name: "n", onQueue, onTransmit, onReceive: { path: "/c d/e f", args: ["g", "h"] }, onExecute, timeoutSeconds: null });
});

test.each([
  ['queuetask n to beta onexecute = "snap.sh"', "1:1 -101 SCRIPT_VALUE"],
  ['queuetask n to gamma onexecute = "/a"', "1:1 -105 SCRIPT_TARGET"],
  ['queuetask n to beta onexecute = "/a" timeout = 21 days', "1:1 -101 SCRIPT_VALUE"],
  ['queuetask n to beta onexecute = "/a" interact', "1:1 -1 SCRIPT_NO_COUNTERPART"],
  ["queuetask n to beta onexecute", "1:1 -102 SCRIPT_SYNTAX"],
])("%s fails with its code", async (text, failure) => {
  const made = await kit();
  const { failures } = await made.run(text, { stopsOnError: false });
  expect(failures.map((line) => line.replace(/^1:\d+/, "1:1"))).toEqual([failure]);
});

test("a time of 0 is not waited for; without one it is ten minutes", async () => {
  const made = await kit();
  await made.run('queuetask n to beta onexecute = "/a" timeout = 0');
  expect(queued(made)).toMatchObject({ timeoutSeconds: 0 });
  await made.run('queuetask n to beta onexecute = "/a"');
  expect(queued(made)).toMatchObject({ timeoutSeconds: 600 });
});
